//! What is wrong is refused or kept as a dead letter, and nothing else is disturbed.

use serde_json::json;

use crate::harness::{Hub, now_ms, teltonika_frame};
use crate::mqtt::connect;

/// CONNACK return code: bad user name or password.
const BAD_CREDENTIALS: u8 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_and_foreign_topics_are_refused_and_good_trackers_go_on() {
    let mut hub = Hub::new(&["teltonika", "owntracks"]);
    let tenant = hub.tenant("teltonika").await;
    let good = hub.tracked(&tenant, "352093081452253").await;
    let other = hub.tracked(&tenant, "352093081452254").await;
    hub.start().await;
    let topic = format!("trackers/teltonika/{}/up", good.imei);
    let frame = teltonika_frame(now_ms(), 1.0, 2.0);
    let mut steady = connect(hub.ports.mqtt, "steady", &good.username, &good.password).unwrap();

    assert_eq!(
        connect(hub.ports.mqtt, "a", &good.username, "wrong").err(),
        Some(BAD_CREDENTIALS)
    );
    assert_eq!(
        connect(hub.ports.mqtt, "b", "nobody", "wrong").err(),
        Some(BAD_CREDENTIALS)
    );

    for foreign in [
        format!("trackers/teltonika/{}/up", other.imei), // another tracker's own topic
        format!("{}/data", other.imei),                  // the same in the vendor's topics
        format!("trackers/owntracks/{}/up", good.imei),  // another vendor than its link's
        "no/such/topic".to_owned(),
        "trackers/teltonika/+/up".to_owned(), // not a topic
    ] {
        let mut connection = connect(hub.ports.mqtt, "thief", &good.username, &good.password).unwrap();
        let _ = connection.publish(&foreign, 1, &frame);
        assert!(connection.is_closed(), "{foreign} was acknowledged");
    }

    steady.publish(&topic, 9, &frame).unwrap();
    assert_eq!(steady.puback(), Some(9), "{}", hub.log());
    hub.sql_becomes(
        "SELECT count(), any(device_id) FROM fixstream.positions",
        &format!("1\t{}", good.device),
    )
    .await;
    hub.sql_becomes("SELECT count() FROM fixstream.raw_messages", "1")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_messages_without_a_position_are_kept_with_their_reason() {
    let mut hub = Hub::new(&["teltonika"]);
    let tenant = hub.tenant("teltonika").await;
    let good = hub.tracked(&tenant, "352093081452255").await;
    let (username, password) = hub.gateway(&tenant).await;
    // a vendor that is linked, but whose plugin nobody has installed
    let missing = hub.tenant_link(tenant.client, "nosuchvendor").await;
    let (missing_user, missing_password) = hub.gateway(&missing).await;
    hub.start().await;

    let frame = teltonika_frame(now_ms(), 1.0, 2.0);
    let mut damaged = frame.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let mut gateway = connect(hub.ports.mqtt, "gateway", &username, &password).unwrap();
    let own = format!("trackers/teltonika/{}/up", good.imei);
    for (id, topic, payload) in [
        (1, own.as_str(), &damaged),
        (2, "trackers/teltonika/999999999999999/up", &frame),
        (3, own.as_str(), &frame),
    ] {
        gateway.publish(topic, id, payload).unwrap();
        assert_eq!(gateway.puback(), Some(id), "{}", hub.log());
    }
    let mut other = connect(hub.ports.mqtt, "other", &missing_user, &missing_password).unwrap();
    other
        .publish("trackers/nosuchvendor/1/up", 4, b"anything")
        .unwrap();
    assert_eq!(other.puback(), Some(4), "{}", hub.log());

    hub.sql_becomes(
        "SELECT reason, vendor, device, length(payload) > 0, detail != '' FROM fixstream.dead_letters ORDER BY offset",
        "undecodable\tteltonika\t352093081452255\t1\t1\n\
         unknown_tracker\tteltonika\t999999999999999\t1\t1\n\
         unknown_vendor\tnosuchvendor\t1\t1\t1",
    )
    .await;
    hub.sql_becomes("SELECT count() FROM fixstream.positions", "1")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_refuses_what_the_contract_refuses() {
    let mut hub = Hub::new(&["teltonika", "owntracks"]);
    let tenant = hub.tenant("owntracks").await;
    let own = hub.tracked(&tenant, "demo/phone").await;
    let stranger = hub.tenant("owntracks").await;
    let foreign = hub.tracked(&stranger, "other/phone").await;
    hub.start().await;
    let key = tenant.key.as_str();
    let code = |answer: &serde_json::Value| {
        answer["error"]["error_code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };

    let (status, answer) = hub.get("wrong", "/latest-position").await;
    assert_eq!((status, code(&answer)), (401, "UNAUTHORIZED".into()));
    let (status, answer) = hub.post(key, "/position/create", "{ not json").await;
    assert_eq!((status, code(&answer)), (400, "INVALID_PARAMETERS".into()));
    let position = |device: u32| json!({ "idDevice": device, "latitude": 1.0, "longitude": 2.0 }).to_string();
    // an unknown device and another client's look the same
    for device in [4_000, foreign.device.0] {
        let (status, answer) = hub.post(key, "/position/create", position(device)).await;
        assert_eq!(
            (status, code(&answer)),
            (400, "ENTITY_WITH_FIELD_NOT_FOUND".into()),
            "{answer}"
        );
    }
    let (status, answer) = hub
        .post(
            key,
            "/position/create",
            json!({ "idDevice": own.device.0, "latitude": 90.5, "longitude": 2.0 }).to_string(),
        )
        .await;
    assert_eq!((status, code(&answer)), (400, "VALUE_ABOVE_MAXIMUM".into()));
    // unknown vendor, and one that is there but not linked to this client
    for vendor in ["nosuchvendor", "teltonika"] {
        let (status, answer) = hub.post(key, &format!("/position/vendor/{vendor}"), "{}").await;
        assert_eq!(
            (status, code(&answer)),
            (400, "ENTITY_NOT_FOUND".into()),
            "{answer}"
        );
    }
    let (status, _) = hub
        .post(key, "/position/vendor/owntracks", "no json at all")
        .await;
    assert_eq!(status, 400);
    let (status, answer) = hub.get(key, "/no-such-route").await;
    assert_eq!((status, answer["status"].as_str()), (404, Some("error")));

    // none of that left a trace, and a good position still goes through
    assert_eq!(
        hub.post(key, "/position/create", position(own.device.0)).await.0,
        201
    );
    hub.sql_becomes(
        "SELECT count(), min(device_id), max(device_id) FROM fixstream.positions",
        &format!("1\t{0}\t{0}", own.device),
    )
    .await;
    let (_, foreigners) = hub.get(&stranger.key, "/latest-position").await;
    assert_eq!(foreigners, json!([]));
}
