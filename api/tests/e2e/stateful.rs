//! What a decoder remembers of a device: the next message gets it, in order, over batches, chunks and a crash.

use crate::harness::{Hub, Tracked, kill_9};
use crate::mqtt::{connect, publish};

const TRACKERS: usize = 3;

/// Each tracker publishes so many messages in one write, and has them acknowledged.
fn tally(hub: &Hub, trackers: &[Tracked], messages: u16) {
    let mut connections = Vec::new();
    for tracked in trackers {
        let client_id = &tracked.username;
        let mut connection = connect(hub.ports.mqtt, client_id, client_id, &tracked.password).unwrap();
        let topic = format!("trackers/hostile/{}/up", tracked.imei);
        let packets: Vec<u8> = (1..=messages).flat_map(|id| publish(&topic, id, b"t")).collect();
        connection.write(&packets).unwrap();
        connections.push(connection);
    }
    for connection in &mut connections {
        for id in 1..=messages {
            assert_eq!(connection.puback(), Some(id), "{}", hub.log());
        }
    }
}

/// The plugin counted every message of every tracker once, in the order of the journal.
async fn counted(hub: &Hub, messages: usize) {
    let expected = vec![format!("{messages}\t0"); TRACKERS].join("\n");
    hub.sql_becomes(
        "SELECT count(), countIf(odometer_km != place) FROM (SELECT device_id, odometer_km, \
         row_number() OVER (PARTITION BY device_id ORDER BY id) AS place FROM fixstream.positions) \
         GROUP BY device_id",
        &expected,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_reaches_the_next_message_also_over_a_crash() {
    let mut hub = Hub::new(&["hostile"]);
    hub.set("FIXSTREAM_HISTORY__BATCH_MS", "30");
    let tenant = hub.tenant("hostile").await;
    let mut trackers = Vec::new();
    for number in 0..TRACKERS {
        trackers.push(hub.tracked(&tenant, &format!("tally-{number}")).await);
    }
    hub.start().await;
    tally(&hub, &trackers, 400);
    counted(&hub, 400).await;
    // sealed, saved and forgotten by the journal, sealed only, or only journalled: any of these
    for round in 1..=3 {
        tally(&hub, &trackers, 150);
        kill_9(hub.pid());
        hub.ended().await;
        hub.start().await;
        tally(&hub, &trackers, 50);
        counted(&hub, 400 + round * 200).await;
    }
}
