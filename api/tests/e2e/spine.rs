//! One message from MQTT to the ClickHouse row and the REST answer.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{
    Hub, PATIENCE, PROGRAM, free_ports, now_ms, owntracks_location, sql, teltonika_frame, terminate,
};
use crate::mqtt::connect;

/// A client that is not ours publishes at QoS 1, and waits for the PUBACK.
const PAHO: &str = "
import sys, time
import paho.mqtt.client as mqtt
port, user, password, topic, payload = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], bytes.fromhex(sys.argv[5])
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=user, protocol=mqtt.MQTTv311)
client.username_pw_set(user, password)
client.connect('127.0.0.1', port, 30)
client.loop_start()
message = client.publish(topic, payload, qos=1)
message.wait_for_publish(30)
assert message.is_published()
print('acknowledged', flush=True)
client.disconnect()
client.loop_stop()
";

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_from_an_independent_client_is_in_rest_within_a_second_and_in_clickhouse() {
    let mut hub = Hub::new(&["teltonika"]);
    let tenant = hub.tenant("teltonika").await;
    let tracked = hub.tracked(&tenant, "352093081452251").await;
    hub.start().await;

    let python = std::env::var("FIXSTREAM_TEST_PYTHON")
        .expect("FIXSTREAM_TEST_PYTHON names a python with paho-mqtt; deploy/test sets it");
    let time = now_ms() / 1000 * 1000;
    let frame = hex::encode(teltonika_frame(time, -23.5505, -46.6333));
    let mut client = Command::new(python)
        .args([
            "-c",
            PAHO,
            &hub.ports.mqtt.to_string(),
            &tracked.username,
            &tracked.password,
            &format!("{}/data", tracked.imei),
            &frame,
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(client.stdout.take().unwrap())
        .read_line(&mut said)
        .unwrap();
    assert_eq!(said.trim(), "acknowledged", "{}", hub.log());

    let (latest, took) = hub
        .latest(&tenant.key, tracked.device, |latest| {
            latest["latitude"] == json!(-23.5505)
        })
        .await;
    assert!(took < Duration::from_secs(1), "visible only after {took:?}");
    assert_eq!(latest["longitude"], json!(-46.6333));
    assert_eq!(latest["velocity"], json!(36.0));
    assert_eq!(latest["deviceId"], json!(tracked.device.0));
    assert!(latest["idPosition"].as_u64().unwrap() >= 1);
    hub.sql_becomes(
        "SELECT device_id, toUnixTimestamp64Milli(time), round(latitude, 4), round(longitude, 4), verdict FROM fixstream.positions",
        &format!("{}\t{time}\t-23.5505\t-46.6333\tok", tracked.device),
    )
    .await;
    hub.sql_becomes("SELECT count() FROM fixstream.raw_messages", "1")
        .await;
    assert!(client.wait().unwrap().success());
    assert!(hub.stop() < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_sent_by_rest_take_the_same_way() {
    let mut hub = Hub::new(&["owntracks"]);
    let tenant = hub.tenant("owntracks").await;
    hub.start().await;

    // registered through REST, as a client would
    let (status, _) = hub
        .post(
            &tenant.key,
            "/tracker",
            json!({ "trackerName": "phone", "imei": "demo/phone" }).to_string(),
        )
        .await;
    assert_eq!(status, 201);
    let (_, trackers) = hub.get(&tenant.key, "/tracker").await;
    let body = json!({ "idTracker": trackers[0]["id_tracker"], "idWorksite": 1, "idTeam": 1, "deviceName": "van", "idType": 1, "deviceUuid": "VAN-1" });
    let (status, answer) = hub.post(&tenant.key, "/device/create", body.to_string()).await;
    assert_eq!(
        (status, answer),
        (
            201,
            json!({ "status": "ok", "message": "Device created successfully" })
        )
    );
    let (_, devices) = hub.post(&tenant.key, "/device/list", "{}").await;
    let device = devices[0]["id_device"].as_u64().unwrap();

    let body = json!({ "idDevice": device, "latitude": 25.997_053, "longitude": -97.155_282, "createdAt": "2025-02-12 10:00:00.000 -0300",
        "velocity": 60.5, "odometer": 150_350.75, "direction": 180.5, "altitude": null, "rpm": 2500, "engineStatus": true });
    let (status, answer) = hub
        .post(&tenant.key, "/tracking/write/position/create", body.to_string())
        .await;
    assert_eq!(
        (status, answer),
        (
            201,
            json!({ "status": "ok", "message": "Position created successfully" })
        )
    );
    let device = fixstream_core::model::DeviceId(device as u32);
    let (latest, _) = hub
        .latest(&tenant.key, device, |latest| {
            latest["odometer"] == json!(150_350.75)
        })
        .await;
    assert_eq!(latest["createdAt"], "2025-02-12T13:00:00.000Z");

    // a newer one in the vendor's format overtakes it
    let now = now_ms() / 1000;
    let (status, _) = hub
        .post(
            &tenant.key,
            "/position/vendor/owntracks",
            owntracks_with_topic(now),
        )
        .await;
    assert_eq!(status, 201, "{}", hub.log());
    hub.latest(&tenant.key, device, |latest| latest["latitude"] == json!(48.5))
        .await;
    let (_, many) = hub
        .post(
            &tenant.key,
            "/latest-positions",
            json!({ "deviceIds": [device.0, 4_000] }).to_string(),
        )
        .await;
    assert_eq!(many.as_array().unwrap().len(), 1);
    hub.sql_becomes("SELECT count() FROM fixstream.positions", "2")
        .await;
}

/// OwnTracks in HTTP mode states its topic in the body.
fn owntracks_with_topic(now: i64) -> String {
    let mut body: Value = serde_json::from_str(&owntracks_location(now, 48.5, 11.5)).unwrap();
    body["topic"] = json!("owntracks/demo/phone");
    body.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_drives_and_stops_within_five_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let ports = free_ports();
    let mut demo = Command::new(PROGRAM)
        .args(["demo", "--vehicles", "10", "--interval", "0.2", "--plugins"])
        .arg(crate::harness::bundle("owntracks").parent().unwrap())
        .arg("--data")
        .arg(folder.path().join("data"))
        .env("FIXSTREAM_MQTT__LISTEN", format!("127.0.0.1:{}", ports.mqtt))
        .env("FIXSTREAM_REST__LISTEN", format!("127.0.0.1:{}", ports.rest))
        .env("FIXSTREAM_CLICKHOUSE__HTTP_PORT", ports.clickhouse.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let field = |line: &str, name: &str| line.strip_prefix(name).map(|rest| rest.trim().to_owned());
    let key = lines
        .find_map(|line| field(&line, "API key"))
        .expect("the demo prints its key");
    // keep reading, so that the pipe never fills
    let drain = std::thread::spawn(move || lines.count());

    let http = reqwest::Client::new();
    let latest = async || -> Value {
        let request = http
            .get(format!("http://127.0.0.1:{}/latest-position", ports.rest))
            .header("apikey", &key);
        request.send().await.unwrap().json().await.unwrap()
    };
    let began = Instant::now();
    let first = loop {
        let answer = latest().await;
        if answer.as_array().is_some_and(|positions| positions.len() == 10) {
            break answer;
        }
        assert!(began.elapsed() < PATIENCE, "only {answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let moved = crate::harness::eventually(async || {
        let now = latest().await;
        let place = |position: &Value| (position["latitude"].clone(), position["longitude"].clone());
        now.as_array()
            .unwrap()
            .iter()
            .zip(first.as_array().unwrap())
            .filter(|(now, first)| place(now) != place(first))
            .count()
            >= 5
    });
    assert!(moved.await, "the fleet does not move");

    let credentials: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("data/clickhouse/passwords.json")).unwrap())
            .unwrap();
    let password = credentials["analyst"].as_str().unwrap();
    let count = async || {
        sql(
            &http,
            ports.clickhouse,
            "analyst",
            password,
            "SELECT count() FROM fixstream.positions",
        )
        .await
        .map_or(0, |count| count.parse::<u64>().unwrap())
    };
    let before = count().await;
    assert!(
        crate::harness::eventually(async || count().await > before + 20).await,
        "rows do not grow"
    );

    let began = Instant::now();
    terminate(&demo);
    assert!(demo.wait().unwrap().success());
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "stopping took {:?}",
        began.elapsed()
    );
    drain.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_sent_again_after_a_reconnect_is_stored_once() {
    let mut hub = Hub::new(&["teltonika"]);
    let tenant = hub.tenant("teltonika").await;
    let tracked = hub.tracked(&tenant, "352093081452252").await;
    hub.start().await;
    let frame = teltonika_frame(now_ms() / 1000 * 1000, 1.0, 2.0);
    for _ in 0..2 {
        let mut connection = connect(hub.ports.mqtt, "same", &tracked.username, &tracked.password).unwrap();
        connection
            .publish(&format!("trackers/teltonika/{}/up", tracked.imei), 7, &frame)
            .unwrap();
        assert_eq!(connection.puback(), Some(7));
    }
    hub.sql_becomes("SELECT count() FROM fixstream.raw_messages", "2")
        .await;
    hub.sql_becomes("SELECT count() FROM fixstream.positions", "1")
        .await;
}
