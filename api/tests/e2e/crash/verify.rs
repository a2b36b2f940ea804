//! What was promised, checked from outside: SQL over HTTP as the analyst, and REST.

use crate::harness::{Hub, Tenant, eventually};

use super::load::Sender;

/// What is stored of one message.
struct Stored {
    device: u32,
    time: i64,
    rows: u64,
    first_id: u64,
    last_id: u64,
    latitude_e7: i64,
}

/// One line for each message that is stored, by device and time.
async fn stored(hub: &Hub) -> Vec<Stored> {
    let answer = hub
        .sql(
            "SELECT device_id, toUnixTimestamp64Milli(time) AS ms, count(), min(id), max(id), any(lat_e7) \
             FROM fixstream.positions GROUP BY device_id, ms ORDER BY device_id, ms",
        )
        .await;
    let line = |line: &str| {
        let numbers: Vec<i64> = line.split('\t').map(|text| text.parse().unwrap()).collect();
        Stored {
            device: numbers[0] as u32,
            time: numbers[1],
            rows: numbers[2] as u64,
            first_id: numbers[3] as u64,
            last_id: numbers[4] as u64,
            latitude_e7: numbers[5],
        }
    };
    answer.lines().map(line).collect()
}

/// Acknowledged before the crash ⊆ stored, before any of it could be sent again.
pub async fn acknowledged_are_stored(hub: &Hub, senders: &[Sender]) {
    let mut missing = Vec::new();
    let found = eventually(async || {
        let stored = stored(hub).await;
        missing = senders
            .iter()
            .flat_map(|sender| (0..sender.before_crash).map(move |number| (sender, number)))
            .map(|(sender, number)| (sender.tracked.device.0, sender.time(number)))
            .filter(|key| {
                stored
                    .binary_search_by_key(key, |stored| (stored.device, stored.time))
                    .is_err()
            })
            .collect();
        missing.is_empty()
    });
    assert!(
        found.await,
        "acknowledged, not stored: {} messages, first (device, time) {:?}\n{}",
        missing.len(),
        missing.first(),
        hub.log()
    );
}

/// Everything is acknowledged by now: it is stored, once, in the order of sending, and the newest is the latest.
pub async fn all_is_stored_once_and_in_order(hub: &Hub, tenant: &Tenant, senders: &[Sender]) {
    let total: usize = senders.iter().map(|sender| sender.sent).sum();
    hub.sql_becomes(
        "SELECT uniqExact(device_id, time) FROM fixstream.positions",
        &total.to_string(),
    )
    .await;
    // the last record of the journal is a message's last sending; raw messages come after positions
    hub.sql_becomes(
        "SELECT (SELECT max(offset) FROM fixstream.raw_messages) = (SELECT intDiv(max(id), 1024) FROM fixstream.positions)",
        "1",
    )
    .await;

    let one = async |question: &str, expected: &str| {
        let answer = hub.sql(question).await;
        assert_eq!(answer, expected, "{question}\n{}", hub.log());
    };
    one(
        "SELECT count() - uniqExact(id, revision), countIf(verdict NOT IN ('ok', 'late')) FROM fixstream.positions",
        "0\t0",
    )
    .await;
    one(
        "SELECT count(), uniqExact(device_id, time) FROM fixstream.positions FINAL",
        &format!("{total}\t{total}"),
    )
    .await;
    one(
        "SELECT count() - uniqExact(offset), max(offset) - count(), min(offset) FROM fixstream.raw_messages",
        "0\t0\t1",
    )
    .await;
    one("SELECT count() FROM fixstream.dead_letters", "0").await;

    let stored = stored(hub).await;
    for sender in senders {
        let device = sender.tracked.device;
        let mine: Vec<_> = stored.iter().filter(|row| row.device == device.0).collect();
        assert_eq!(mine.len(), sender.sent, "device {device}");
        for (number, row) in mine.iter().enumerate() {
            assert_eq!(row.time, sender.time(number), "device {device}");
            assert_eq!(
                row.latitude_e7,
                Sender::latitude_e7(number),
                "device {device}, message {number}"
            );
            // sent once: stored once, even before rows are merged
            assert!(
                row.rows == 1 || number >= sender.before_crash,
                "device {device}: {} rows of message {number}",
                row.rows
            );
        }
        // what was sent again is stored again where the device did not recognise it: it always knows its newest
        // fix, which keeps its first id
        let again: Vec<_> = mine.iter().filter(|row| row.rows > 1).collect();
        let ordered = mine.windows(2).all(|pair| pair[0].first_id < pair[1].first_id)
            && again.windows(2).all(|pair| pair[0].last_id < pair[1].last_id);
        assert!(ordered, "device {device}: ids do not follow the order of sending");

        let last = sender.sent - 1;
        one(
            &format!(
                "SELECT toUnixTimestamp64Milli(max(time)) FROM fixstream.latest WHERE device_id = {device}"
            ),
            &sender.time(last).to_string(),
        )
        .await;
        hub.latest(&tenant.key, device, |latest| {
            let latitude = latest["latitude"].as_f64().unwrap() * 1e7;
            (latitude - Sender::latitude_e7(last) as f64).abs() < 2.0
        })
        .await;
    }
    assert!(!hub.log().contains("panicked"), "{}", hub.log());
}
