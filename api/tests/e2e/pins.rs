//! Versions of plugins that stay for those who pin them: a link, or a tracker of its own.

use fixstream_core::model::DeviceId;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Hub, Tracked, eventually, now_ms, teltonika_frame};
use crate::mqtt::{Connection, connect};
use crate::versions::{BY_VERSION, ask, refused, versioned};

/// Which version decoded the positions of which device, in the order of their times.
const BY_DEVICE: &str = "SELECT device_id, plugin FROM fixstream.positions ORDER BY device_id, time, plugin";

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_version_goes_on_decoding_for_its_link_and_its_tracker() {
    let mut hub = Hub::new(&[]);
    let versions: Vec<TempDir> = ["1.0.0", "1.0.1", "1.0.2"]
        .iter()
        .map(|version| versioned("teltonika", version))
        .collect();
    let install = |hub: &Hub, version: usize| {
        hub.command(&["plugin", "install", versions[version].path().to_str().unwrap()]);
    };
    install(&hub, 0);
    install(&hub, 1);
    let (pinned, free) = (hub.tenant("teltonika").await, hub.tenant("teltonika").await);
    let (one, two) = (
        hub.tracked(&pinned, "352093081452260").await,
        hub.tracked(&free, "352093081452261").await,
    );
    let admin = hub.admin_key(&pinned).await;
    let strangers = hub.admin_key(&free).await;
    hub.start().await;
    let pin_path = format!("/v1/plugins/teltonika/pins/{}", pinned.link);
    let put = async |key: &str, version: &str| {
        let body = json!({ "version": version }).to_string();
        ask(&hub, Method::PUT, key, &pin_path, body).await
    };
    // another client's link answers as one that never existed, and so does a version
    assert_eq!(put(&strangers, "1.0.0").await.0, 404);
    assert_eq!(put(&admin, "9.0.0").await.0, 404);
    assert_eq!(
        put(&admin, "1.0.0").await,
        (200, json!({ "link": pinned.link.0, "version": "1.0.0" }))
    );
    let (_, seen) = hub.get(&admin, "/v1/plugins/teltonika").await;
    assert_eq!(
        seen["pins"],
        json!([{ "link": pinned.link.0, "version": "1.0.0" }])
    );
    let (_, seen) = hub.get(&strangers, "/v1/plugins/teltonika").await;
    assert_eq!(seen["pins"], json!([]));

    let start = now_ms() / 1000 * 1000 - 3_600_000;
    let mut connections = Vec::new();
    for tracked in [&one, &two] {
        let connection = connect(
            hub.ports.mqtt,
            &tracked.username,
            &tracked.username,
            &tracked.password,
        )
        .unwrap();
        connections.push((connection, format!("trackers/teltonika/{}/up", tracked.imei)));
    }
    let mut publish = |round: u16| {
        for (connection, topic) in &mut connections {
            let frame = teltonika_frame(start + i64::from(round) * 60_000, 1.0, 2.0 + f64::from(round));
            connection.publish(topic, round, &frame).unwrap();
            assert_eq!(connection.puback(), Some(round));
        }
    };
    publish(1);
    install(&hub, 2);
    let followed =
        eventually(async || hub.get(&admin, "/v1/plugins/teltonika").await.1["running"] == "1.0.2");
    assert!(followed.await, "{}", hub.log());
    publish(2);
    hub.sql_becomes(
        BY_VERSION,
        "teltonika@1.0.0\t2\nteltonika@1.0.1\t1\nteltonika@1.0.2\t1",
    )
    .await;
    // a pinned version is not removed
    let said = refused(&hub, &["plugin", "remove", "teltonika", "--version", "1.0.0"]);
    assert!(said.contains("pinned by 1 links"), "{said}");
    let remove = "/v1/plugins/teltonika/versions/1.0.0";
    let (status, answer) = ask(&hub, Method::DELETE, &strangers, remove, "").await;
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("plugin_conflict")),
        "{answer}"
    );
    // a tracker's pin comes before that of its link, and the link's is taken back on the command line
    hub.command(&["admin", "pin", "--link", &pinned.link.to_string()]);
    let registry = hub.registry().await;
    assert!(registry.link(pinned.link).unwrap().pin.is_none());
    let unpinned = eventually(async || hub.get(&admin, "/v1/plugins/teltonika").await.1["pins"] == json!([]));
    assert!(unpinned.await);
    publish(3);
    hub.sql_becomes(
        BY_VERSION,
        "teltonika@1.0.0\t2\nteltonika@1.0.1\t1\nteltonika@1.0.2\t3",
    )
    .await;
    assert_eq!(ask(&hub, Method::DELETE, &admin, remove, "").await.0, 204);
}

/// Publishes a frame for each of these trackers on one connection, minute by minute.
struct Fleet {
    connection: Connection,
    imeis: Vec<String>,
    start: i64,
    round: i64,
}

impl Fleet {
    fn new(hub: &Hub, (username, password): &(String, String), trackers: &[&Tracked]) -> Self {
        Self {
            connection: connect(hub.ports.mqtt, username, username, password).unwrap(),
            imeis: trackers.iter().map(|tracked| tracked.imei.clone()).collect(),
            start: now_ms() / 1000 * 1000 - 3_600_000,
            round: 0,
        }
    }

    fn publish(&mut self) {
        self.round += 1;
        let frame = teltonika_frame(self.start + self.round * 60_000, 1.0, 2.0);
        for (id, imei) in (1..).zip(&self.imeis) {
            let topic = format!("trackers/teltonika/{imei}/up");
            self.connection.publish(&topic, id, &frame).unwrap();
            assert_eq!(self.connection.puback(), Some(id));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trackers_own_pin_comes_before_that_of_its_link_and_is_changed_like_any_setting() {
    let mut hub = Hub::new(&[]);
    let versions = ["1.0.0", "1.0.1", "1.0.2"].map(|version| versioned("teltonika", version));
    for version in &versions {
        hub.command(&["plugin", "install", version.path().to_str().unwrap()]);
    }
    let tenant = hub.tenant("teltonika").await;
    let own = hub.tracked(&tenant, "352093081452270").await;
    let linked = hub.tracked(&tenant, "352093081452271").await;
    let free = hub.tenant("teltonika").await;
    let free_one = hub.tracked(&free, "352093081452272").await;
    let (gateway, free_gateway) = (hub.gateway(&tenant).await, hub.gateway(&free).await);
    hub.command(&["admin", "pin", "--link", &tenant.link.to_string(), "1.0.1"]);
    hub.start().await;
    let tracker_of = async |tracked: &Tracked| hub.registry().await.device(tracked.device).unwrap().tracker;
    let own_path = format!("/v1/trackers/{}", tracker_of(&own).await);
    let pin = async |hub: &Hub, context: Value| {
        let body = json!({ "context": context });
        let (status, _, answer) = hub.send(Method::PATCH, &tenant.key, &own_path, &body).await;
        assert_eq!((status, &answer["context"]), (200, &context), "{answer}");
    };
    let mut positions = Vec::new();
    let mut decoded_by = |round: &[(&Tracked, &str)]| {
        let plugin = |version: &str| format!("teltonika@{version}");
        positions.extend(
            round
                .iter()
                .map(|(tracked, version)| (tracked.device.0, plugin(version))),
        );
        // each device's in the order of the rounds
        positions.sort_by_key(|(device, _)| *device);
        let lines = positions
            .iter()
            .map(|(device, plugin)| format!("{device}\t{plugin}"));
        lines.collect::<Vec<_>>().join("\n")
    };

    // other settings, and the version of another vendor's decoder, pin nothing
    pin(&hub, json!({ "plugin": "gt06@1.0.0", "model": "fmb920" })).await;
    let mut fleet = Fleet::new(&hub, &gateway, &[&own, &linked]);
    let mut others = Fleet::new(&hub, &free_gateway, &[&free_one]);
    fleet.publish();
    others.publish();
    let expected = decoded_by(&[(&own, "1.0.1"), (&linked, "1.0.1"), (&free_one, "1.0.2")]);
    hub.sql_becomes(BY_DEVICE, &expected).await;

    pin(&hub, json!({ "plugin": "teltonika@1.0.0", "model": "fmb920" })).await;
    fleet.publish();
    others.publish();
    let expected = decoded_by(&[(&own, "1.0.0"), (&linked, "1.0.1"), (&free_one, "1.0.2")]);
    hub.sql_becomes(BY_DEVICE, &expected).await;

    // also for what comes with the tracker's own credential, and after a restart
    hub.kill();
    hub.start().await;
    let credential = (own.username.clone(), own.password.clone());
    let mut alone = Fleet::new(&hub, &credential, &[&own]);
    alone.round = 2;
    alone.publish();
    let expected = decoded_by(&[(&own, "1.0.0")]);
    hub.sql_becomes(BY_DEVICE, &expected).await;

    // what a tracker pins is not removed
    let said = refused(&hub, &["plugin", "remove", "teltonika", "--version", "1.0.0"]);
    assert!(said.contains("pinned by 0 links and 1 trackers"), "{said}");
    let said = refused(&hub, &["plugin", "remove", "teltonika"]);
    assert!(said.contains("pinned by 1 links and 1 trackers"), "{said}");

    // a version that nobody has decodes nothing: the message is kept, and goes on when the pin is gone
    pin(&hub, json!({ "plugin": "teltonika@9.0.0" })).await;
    alone.publish();
    let (reason, detail) = (
        "unknown_vendor",
        "version 9.0.0 of plugin \"teltonika\" is pinned, but not installed",
    );
    hub.sql_becomes(
        "SELECT reason, detail FROM fixstream.dead_letters",
        &format!("{reason}\t{detail}"),
    )
    .await;
    pin(&hub, json!({})).await;
    let replay = json!({ "reason": reason }).to_string();
    let (status, done) = hub.post(&tenant.key, "/v1/dead-letters/replay", replay).await;
    assert_eq!((status, &done["replayed"]), (200, &json!(1)), "{done}");
    let expected = decoded_by(&[(&own, "1.0.1")]);
    hub.sql_becomes(BY_DEVICE, &expected).await;
    hub.command(&["plugin", "remove", "teltonika", "--version", "1.0.0"]);

    // and an operator registers a tracker with its pin
    hub.command(&["admin", "pin", "--link", &tenant.link.to_string()]);
    let client = tenant.client.to_string();
    let said = hub.command(&[
        "admin",
        "tracker",
        "truck 7",
        "--client",
        &client,
        "--imei",
        "352093081452273",
        "--set",
        "plugin=teltonika@1.0.1",
    ]);
    let (link, tracker) = (tenant.link.to_string(), said.split(' ').nth(1).unwrap());
    let owned = ["--client", &client, "--link", &link, "--tracker", tracker];
    let said = hub.command(&[&["admin", "device", "truck 7"][..], &owned].concat());
    let truck = Tracked {
        imei: "352093081452273".into(),
        device: DeviceId(said.split(' ').nth(1).unwrap().parse().unwrap()),
        username: String::new(),
        password: String::new(),
    };
    let seen = eventually(async || {
        let (_, trackers) = hub.get(&tenant.key, "/v1/trackers?imei=352093081452273").await;
        trackers["content"][0]["deviceId"] == truck.device.0
    });
    assert!(seen.await, "{}", hub.log());
    let mut trucks = Fleet::new(&hub, &gateway, &[&truck, &linked]);
    trucks.round = 9;
    trucks.publish();
    let expected = decoded_by(&[(&truck, "1.0.1"), (&linked, "1.0.2")]);
    hub.sql_becomes(BY_DEVICE, &expected).await;
}
