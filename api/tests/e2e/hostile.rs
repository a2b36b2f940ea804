//! A plugin that loops, allocates without end or traps harms nobody but its own messages.

use std::time::{Duration, Instant};

use crate::harness::{Hub, now_ms, teltonika_frame};
use crate::mqtt::connect;

#[tokio::test(flavor = "multi_thread")]
async fn other_vendors_keep_flowing_beside_a_hostile_plugin() {
    let mut hub = Hub::new(&["teltonika", "hostile"]);
    let tenant = hub.tenant("teltonika").await;
    let tracked = hub.tracked(&tenant, "352093081452257").await;
    let hostile = hub.tenant_link(tenant.client, "hostile").await;
    let (username, password) = hub.gateway(&hostile).await;
    hub.start().await;
    let mut bad = connect(hub.ports.mqtt, "bad", &username, &password).unwrap();
    let mut good = connect(hub.ports.mqtt, "good", &tracked.username, &tracked.password).unwrap();
    let topic = format!("trackers/teltonika/{}/up", tracked.imei);
    let start = now_ms() / 1000 * 1000 - 3_600_000;

    // loops for ever, panics, allocates 2 GiB, recurses, answers 12 MiB, no places, too few and too many answers,
    // 10,000 positions, 100,000 attributes, keys that are not declared, no UTF-8, 1 MiB of state
    for (round, poison) in b"lpmsancxzkdub".chunks(1).enumerate() {
        let round = round as u16;
        bad.publish("trackers/hostile/1/up", round + 1, poison).unwrap();
        assert_eq!(bad.puback(), Some(round + 1), "{}", hub.log());
        let latitude = 10.0 + f64::from(round) * 0.001;
        good.publish(
            &topic,
            round + 1,
            &teltonika_frame(start + i64::from(round) * 60_000, latitude, 20.0),
        )
        .unwrap();
        assert_eq!(good.puback(), Some(round + 1));
        let began = Instant::now();
        hub.latest(&tenant.key, tracked.device, |latest| {
            latest["latitude"]
                .as_f64()
                .is_some_and(|shown| (shown - latitude).abs() < 1e-6)
        })
        .await;
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "held up for {:?} by {poison:?}",
            began.elapsed()
        );
    }
    hub.sql_becomes(
        "SELECT count(), uniqExact(offset), any(vendor) FROM fixstream.dead_letters WHERE reason IN ('plugin_failed', 'plugin_unavailable')",
        "13\t13\thostile",
    )
    .await;
    hub.sql_becomes("SELECT count() FROM fixstream.positions", "13")
        .await;
    assert!(hub.stop() < Duration::from_secs(5));
}
