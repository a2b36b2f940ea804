//! What could not be understood or assigned is kept, listed, and sent on its way once more.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fixstream_core::model::DeviceId;
use fixstream_core::registry::{Scope, UnknownTracker};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Hub, Tenant, now_ms, teltonika_frame};
use crate::mqtt::{Connection, connect};

const LIST: &str = "/v1/dead-letters";
const REPLAY: &str = "/v1/dead-letters/replay";
const REPLAYS: &str = "SELECT count() FROM fixstream.dead_letters_replayed FINAL";
/// Each row that was ever inserted, so that one that collapses later would still count twice.
const ROWS: &str = "SELECT count() FROM fixstream.positions";

/// A client whose unknown trackers are held.
async fn holding(hub: &Hub) -> Tenant {
    let registry = hub.registry().await;
    let client = registry.create_client("patient").await.unwrap().id;
    registry.create_vendor("teltonika").await.unwrap();
    let link = registry
        .create_link(client, "teltonika", UnknownTracker::Hold)
        .await
        .unwrap()
        .id;
    let scopes = [Scope::Read, Scope::Write];
    let (_, key) = registry
        .create_api_key("k", client, Some(link), &scopes)
        .await
        .unwrap();
    Tenant { client, link, key }
}

/// Registers tracker and device as a client does.
async fn register(hub: &Hub, tenant: &Tenant, imei: &str) -> DeviceId {
    let body = json!({ "trackerName": imei, "imei": imei });
    let (status, answer) = hub.post(&tenant.key, "/tracker", body.to_string()).await;
    assert_eq!(status, 201, "{answer}");
    let (_, trackers) = hub.get(&tenant.key, &format!("/tracker?imei={imei}")).await;
    let body = json!({ "idTracker": trackers[0]["id_tracker"], "idWorksite": 1, "idTeam": 1, "deviceName": imei, "idType": 1 });
    let (status, answer) = hub.post(&tenant.key, "/device/create", body.to_string()).await;
    assert_eq!(status, 201, "{answer}");
    let registry = hub.registry().await;
    registry
        .tracker_by_imei(tenant.client, imei)
        .unwrap()
        .device
        .unwrap()
}

fn up(imei: &str) -> String {
    format!("trackers/teltonika/{imei}/up")
}

fn publish(connection: &mut Connection, topic: &str, id: u16, payload: &[u8]) {
    connection.publish(topic, id, payload).unwrap();
    assert_eq!(connection.puback(), Some(id));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_tracker_is_held_until_it_is_registered_and_then_seen_exactly_once() {
    let (first, second) = ("352093081450001", "352093081450002");
    let mut hub = Hub::new(&["teltonika"]);
    let tenant = holding(&hub).await;
    let (username, password) = hub.gateway(&tenant).await;
    hub.start().await;
    let mut gateway = connect(hub.ports.mqtt, "gateway", &username, &password).unwrap();
    let time = now_ms() / 1000 * 1000 - 60_000;
    publish(&mut gateway, &up(first), 1, &teltonika_frame(time, 10.0, 20.0));
    hub.sql_becomes(
        "SELECT device, reason FROM fixstream.dead_letters",
        &format!("{first}\tunknown_tracker"),
    )
    .await;

    // registered by a REST client of the running hub
    let device = register(&hub, &tenant, first).await;
    let (latest, _) = hub
        .latest(&tenant.key, device, |latest| latest["latitude"] == json!(10.0))
        .await;
    assert_eq!(latest["longitude"], json!(20.0));
    hub.sql_becomes(REPLAYS, "1").await;
    hub.sql_becomes(ROWS, "1").await;
    hub.sql_becomes("SELECT uniqExact(received) FROM fixstream.raw_messages", "1")
        .await;
    let (_, open) = hub.get(&tenant.key, LIST).await;
    assert_eq!(open["totalElements"], 0, "{open}");
    let (_, done) = hub.get(&tenant.key, &format!("{LIST}?replayed=true")).await;
    assert_eq!(
        (&done["totalElements"], &done["content"][0]["replayed"]),
        (&json!(1), &json!(true))
    );

    // registered by the operator while nothing runs
    publish(&mut gateway, &up(second), 2, &teltonika_frame(time, 30.0, 40.0));
    hub.stop();
    let client = tenant.client.to_string();
    hub.command(&["admin", "tracker", "late", "--client", &client, "--imei", second]);
    let registry = hub.registry().await;
    let tracker = registry
        .tracker_by_imei(tenant.client, second)
        .unwrap()
        .id
        .to_string();
    let link = tenant.link.to_string();
    hub.command(&[
        "admin",
        "device",
        "late",
        "--client",
        &client,
        "--link",
        &link,
        "--tracker",
        &tracker,
    ]);
    hub.start().await;
    let registry = hub.registry().await;
    let device = registry
        .tracker_by_imei(tenant.client, second)
        .unwrap()
        .device
        .unwrap();
    hub.latest(&tenant.key, device, |latest| latest["latitude"] == json!(30.0))
        .await;
    hub.sql_becomes(REPLAYS, "2").await;

    // and what was replayed before the restart is not replayed again
    let mut gateway = connect(hub.ports.mqtt, "gateway", &username, &password).unwrap();
    publish(
        &mut gateway,
        &up(first),
        3,
        &teltonika_frame(time + 1000, 10.5, 20.0),
    );
    hub.sql_becomes(ROWS, "3").await;
    hub.sql_becomes(REPLAYS, "2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identifier_that_comes_by_a_change_releases_what_was_held_within_moments() {
    let imei = |number: usize| format!("35209308145100{number}");
    let mut hub = Hub::new(&["teltonika"]);
    let tenant = holding(&hub).await;
    let (username, password) = hub.gateway(&tenant).await;
    hub.start().await;
    let mut gateway = connect(hub.ports.mqtt, "gateway", &username, &password).unwrap();
    let time = now_ms() / 1000 * 1000 - 3_600_000;
    for number in 1..=5u16 {
        // a step that a vehicle can make in a minute
        let latitude = 10.0 + f64::from(number) * 0.001;
        let frame = teltonika_frame(time + i64::from(number) * 60_000, latitude, 20.0);
        publish(&mut gateway, &up(&imei(number.into())), number, &frame);
    }
    hub.sql_becomes("SELECT count() FROM fixstream.dead_letters", "5")
        .await;
    let device = register(&hub, &tenant, &imei(9)).await;
    let registry = hub.registry().await;
    let tracker = registry.device(device).unwrap().tracker;
    let spare = async |imei: &str| {
        let body = json!({ "trackerName": imei, "imei": imei });
        let (status, answer) = hub.post(&tenant.key, "/tracker", body.to_string()).await;
        assert_eq!(status, 201, "{answer}");
        let (_, trackers) = hub.get(&tenant.key, &format!("/tracker?imei={imei}")).await;
        trackers[0]["id_tracker"].clone()
    };
    let (third, fourth) = (spare(&imei(3)).await, spare(&imei(4)).await);
    // the first and second by another identifier of the tracker, the third and fourth by another tracker of the
    // device; each on both surfaces
    let changes = [
        (format!("/v1/trackers/{tracker}"), json!({ "imei": imei(1) })),
        (
            "/tracker".into(),
            json!({ "idTracker": tracker, "imei": imei(2) }),
        ),
        (format!("/v1/devices/{device}"), json!({ "trackerId": third })),
        (
            "/device".into(),
            json!({ "idDevice": device, "idTracker": fourth }),
        ),
    ];
    let mut took = Vec::new();
    for (number, (path, body)) in (1..).zip(changes) {
        let (status, _, answer) = hub.send(Method::PATCH, &tenant.key, &path, &body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        let latitude = json!(10.0 + f64::from(number) * 0.001);
        let (_, after) = hub
            .latest(&tenant.key, device, |latest| latest["latitude"] == latitude)
            .await;
        took.push(after);
        hub.sql_becomes(REPLAYS, &number.to_string()).await;
    }
    // the operator registers beside the running hub
    let client = tenant.client.to_string();
    let said = hub.command(&[
        "admin",
        "tracker",
        "fifth",
        "--client",
        &client,
        "--imei",
        &imei(5),
    ]);
    let tracker = said.split(' ').nth(1).unwrap();
    let link = tenant.link.to_string();
    let owned = ["--client", &client, "--link", &link, "--tracker", tracker];
    let said = hub.command(&[&["admin", "device", "fifth"][..], &owned].concat());
    let fifth = DeviceId(said.split(' ').nth(1).unwrap().parse().unwrap());
    let (_, after) = hub
        .latest(&tenant.key, fifth, |latest| latest["latitude"] == json!(10.005))
        .await;
    took.push(after);
    println!("from the change to the latest position: {took:?}");
    // the best of five, because other tests run beside this one
    assert!(took.iter().any(|took| *took < Duration::from_secs(2)), "{took:?}");

    // away and back: nothing is there any more to be released
    for imei in [imei(1), imei(4)] {
        let body = json!({ "imei": imei });
        let path = format!("/v1/trackers/{fourth}");
        let (status, _, answer) = hub.send(Method::PATCH, &tenant.key, &path, &body).await;
        assert_eq!(status, 200, "{answer}");
    }
    // what comes after goes the usual way
    publish(
        &mut gateway,
        &up(&imei(4)),
        6,
        &teltonika_frame(time + 400_000, 10.004, 20.0),
    );
    hub.sql_becomes(ROWS, "6").await;
    hub.sql_becomes(REPLAYS, "5").await;
    let (_, open) = hub.get(&tenant.key, LIST).await;
    assert_eq!(open["totalElements"], 0, "{open}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_rejects_releases_nothing_by_itself() {
    let imei = "352093081450003";
    let mut hub = Hub::new(&["teltonika"]);
    let patient = holding(&hub).await;
    let strict = hub.tenant("teltonika").await;
    let (username, password) = hub.gateway(&strict).await;
    let (patient_username, patient_password) = hub.gateway(&patient).await;
    hub.start().await;
    let mut gateway = connect(hub.ports.mqtt, "strict", &username, &password).unwrap();
    let mut other = connect(hub.ports.mqtt, "patient", &patient_username, &patient_password).unwrap();
    let time = now_ms() / 1000 * 1000 - 60_000;
    publish(&mut gateway, &up(imei), 1, &teltonika_frame(time, 1.0, 2.0));
    publish(&mut other, &up(imei), 1, &teltonika_frame(time, 3.0, 4.0));
    hub.sql_becomes("SELECT count() FROM fixstream.dead_letters", "2")
        .await;
    let device = register(&hub, &strict, imei).await;
    // the same identifier of the client that holds: once that has gone through, the other had its chance
    let held = register(&hub, &patient, imei).await;
    hub.latest(&patient.key, held, |latest| latest["latitude"] == json!(3.0))
        .await;
    hub.sql_becomes(REPLAYS, "1").await;
    let (_, open) = hub.get(&strict.key, LIST).await;
    assert_eq!(open["totalElements"], 1, "{open}");
    let (status, done) = hub
        .post(&strict.key, REPLAY, json!({ "device": imei }).to_string())
        .await;
    assert_eq!((status, &done["replayed"]), (200, &json!(1)), "{done}");
    hub.latest(&strict.key, device, |latest| latest["latitude"] == json!(1.0))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undecodable_letter_is_listed_with_its_reason_and_only_to_its_client() {
    let mut hub = Hub::new(&["teltonika"]);
    let tenant = hub.tenant("teltonika").await;
    let stranger = hub.tenant("teltonika").await;
    let tracked = hub.tracked(&tenant, "352093081450004").await;
    hub.start().await;
    let mut tracker = connect(hub.ports.mqtt, "t", &tracked.username, &tracked.password).unwrap();
    let payload = [0, 0, 0, 0, 255];
    publish(&mut tracker, &up(&tracked.imei), 1, &payload);
    hub.sql_becomes("SELECT count() FROM fixstream.dead_letters", "1")
        .await;

    let (status, page) = hub.get(&tenant.key, LIST).await;
    assert_eq!(status, 200, "{page}");
    let numbers = [
        "totalElements",
        "totalPages",
        "number",
        "size",
        "numberOfElements",
    ]
    .map(|name| page[name].as_u64().unwrap());
    assert_eq!(numbers, [1, 1, 0, 20, 1]);
    let letter = &page["content"][0];
    assert_eq!(letter["reason"], "undecodable");
    assert_eq!(letter["vendor"], "teltonika");
    assert_eq!(letter["device"], json!(tracked.imei));
    assert_eq!(letter["channel"], json!(up(&tracked.imei)));
    assert_eq!(letter["payload"], json!(BASE64_STANDARD.encode(payload)));
    assert_eq!(letter["payloadBytes"], 5);
    assert_eq!(letter["replayable"], true);
    assert!(
        letter["plugin"].as_str().unwrap().starts_with("teltonika@"),
        "{letter}"
    );
    assert!(!letter["detail"].as_str().unwrap().is_empty());
    let id = letter["id"].as_u64().unwrap();

    let total = async |key: &str, query: &str| {
        hub.get(key, &format!("{LIST}?{query}")).await.1["totalElements"].as_u64()
    };
    let imei = &tracked.imei;
    for (query, found) in [
        ("reason=undecodable".to_owned(), 1),
        (format!("device={imei}&vendor=teltonika"), 1),
        ("size=1&page=7".into(), 1),
        ("reason=unknown_tracker".into(), 0),
        ("vendor=queclink".into(), 0),
        ("device=1'%20OR%201=1".into(), 0),
        ("replayed=true".into(), 0),
    ] {
        assert_eq!(total(&tenant.key, &query).await, Some(found), "{query}");
        assert_eq!(total(&stranger.key, &query).await, Some(0), "{query}");
    }

    // a stranger's request finds nothing to replay
    for body in [json!({ "ids": [id] }), json!({ "reason": "undecodable" })] {
        let (status, done) = hub.post(&stranger.key, REPLAY, body.to_string()).await;
        assert_eq!((status, &done["replayed"]), (200, &json!(0)), "{done}");
    }
    let (_, done) = hub
        .post(
            &stranger.key,
            REPLAY,
            json!({ "ids": [id, id + 1000] }).to_string(),
        )
        .await;
    assert_eq!(
        done["notFound"], 2,
        "an id of another client answers as one that never was: {done}"
    );
    hub.sql_becomes(REPLAYS, "0").await;

    // its owner's does; what fails again is a new letter
    let replay = async || {
        hub.post(&tenant.key, REPLAY, json!({ "ids": [id] }).to_string())
            .await
            .1
    };
    assert_eq!(replay().await["replayed"], 1);
    hub.sql_becomes(
        "SELECT count(), uniqExact(received) FROM fixstream.dead_letters",
        "2\t1",
    )
    .await;
    let again = replay().await;
    assert_eq!(
        (&again["replayed"], &again["alreadyReplayed"]),
        (&json!(0), &json!(1)),
        "{again}"
    );
    let (_, open) = hub.get(&tenant.key, LIST).await;
    assert_eq!(open["totalElements"], 1);
    assert!(open["content"][0]["id"].as_u64().unwrap() > id);

    // refusals, in this surface's form
    let registry = hub.registry().await;
    let only = async |scope| {
        registry
            .create_api_key("one", tenant.client, None, &[scope])
            .await
            .unwrap()
            .1
    };
    let (reader, writer) = (only(Scope::Read).await, only(Scope::Write).await);
    let refused = |(status, answer): (u16, Value)| {
        (
            status,
            answer["status"].as_u64(),
            answer["code"].as_str().map(str::to_owned),
        )
    };
    let expected = |status: u16, code: &str| (status, Some(u64::from(status)), Some(code.to_owned()));
    let settled = crate::harness::eventually(async || hub.get(&writer, LIST).await.0 == 403).await;
    assert!(settled, "the new key is known within a moment");
    assert_eq!(refused(hub.get(&writer, LIST).await), expected(403, "forbidden"));
    assert_eq!(
        refused(hub.post(&reader, REPLAY, "{\"ids\":[1]}").await),
        expected(403, "forbidden")
    );
    assert_eq!(
        refused(hub.get("wrong", LIST).await),
        expected(401, "unauthorized")
    );
    for query in ["reason=bored", "size=201", "page=-1", "resaon=undecodable"] {
        let answer = hub.get(&tenant.key, &format!("{LIST}?{query}")).await;
        assert_eq!(refused(answer), expected(400, "constraint_violation"), "{query}");
    }
    assert_eq!(
        refused(hub.post(&tenant.key, REPLAY, "{}").await),
        expected(400, "nothing_chosen")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_of_a_missing_plugin_become_positions_once_it_is_installed() {
    let mut hub = Hub::new(&[]);
    let tenant = hub.tenant("teltonika").await;
    let tracked = hub.tracked(&tenant, "352093081450005").await;
    hub.start().await;
    let mut tracker = connect(hub.ports.mqtt, "t", &tracked.username, &tracked.password).unwrap();
    let time = now_ms() / 1000 * 1000 - 60_000;
    for index in 0..3u16 {
        let frame = teltonika_frame(
            time + i64::from(index) * 1000,
            10.0 + f64::from(index) * 0.001,
            20.0,
        );
        publish(&mut tracker, &up(&tracked.imei), index + 1, &frame);
    }
    hub.sql_becomes(
        "SELECT count() FROM fixstream.dead_letters WHERE reason = 'unknown_vendor'",
        "3",
    )
    .await;
    let url = hub.url("");
    let hub_and_key = ["--url", url.as_str(), "--key", tenant.key.as_str()];
    let listed = hub.command(&[&["deadletter", "list", "--vendor", "teltonika"][..], &hub_and_key].concat());
    assert_eq!(listed.matches("unknown_vendor").count(), 3, "{listed}");
    assert!(listed.contains("3 letters"), "{listed}");

    hub.install("teltonika");
    let installed = crate::harness::eventually(async || hub.log().contains("plugin is in service"));
    assert!(installed.await, "{}", hub.log());
    let replay = ["deadletter", "replay", "--reason", "unknown_vendor"];
    let said = hub.command(&[&replay[..], &hub_and_key].concat());
    assert!(
        said.starts_with("replayed 3, already replayed 0, not found 0, not replayable 0"),
        "{said}"
    );
    hub.latest(&tenant.key, tracked.device, |latest| {
        latest["latitude"] == json!(10.002)
    })
    .await;
    hub.sql_becomes(
        "SELECT count(), uniqExact(time), countIf(verdict = 'ok') FROM fixstream.positions",
        "3\t3\t3",
    )
    .await;
    let said = hub.command(&[&replay[..], &hub_and_key].concat());
    assert!(said.starts_with("replayed 0"), "{said}");
}
