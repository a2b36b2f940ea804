//! Both layouts, by the same tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::Duration;

use super::apply::StepFn;
use super::testing::{BUENOS_AIRES, NOW, SANTIAGO, options, reading, reading_at, row};
use super::*;
use crate::latest::LatestStore;
use crate::model::{ClientId, DeviceId, PositionId, TimeMs, Verdict};

const LAYOUTS: [Layout; 2] = [Layout::PerDevice, Layout::Sharded];
const LONG: Duration = Duration::from_secs(60);

struct Hub {
    directory: DeviceDirectory,
    latest: Arc<LatestStore>,
}

async fn hub_with(options: DeviceOptions, step: StepFn) -> Hub {
    let latest = Arc::new(LatestStore::new());
    let directory = DeviceDirectory::start_with(&options, Arc::clone(&latest), step)
        .await
        .unwrap();
    Hub { directory, latest }
}

async fn hub(layout: Layout) -> Hub {
    hub_with(options(layout), DeviceCore::step).await
}

impl Hub {
    fn send(&self, device: u32, readings: Vec<Reading>, ticket: &Ticket) {
        let batch = DeviceBatch {
            client: ClientId(1),
            readings,
            corrections: Vec::new(),
            ticket: ticket.clone(),
        };
        self.directory.deliver(DeviceId(device), batch);
    }

    /// Delivers each reading as a batch of its own and waits for what became of them.
    async fn apply(&self, device: u32, readings: Vec<Reading>) -> Applied {
        let (ticket, applied) = Ticket::new();
        for reading in readings {
            self.send(device, vec![reading], &ticket);
        }
        drop(ticket);
        applied.await.unwrap()
    }
}

fn summary(applied: &Applied) -> Vec<(u64, u8, Verdict)> {
    applied
        .rows
        .iter()
        .map(|row| (row.id.0, row.revision, row.verdict))
        .collect()
}

/// Panics on readings whose event says so, after having spoilt the core.
fn touchy(core: &mut DeviceCore, reading: &Reading, config: &StepConfig) -> Step {
    let step = core.step(reading, config);
    assert!(reading.fix.event.as_deref() != Some("panic"), "on purpose");
    step
}

#[tokio::test]
async fn readings_become_rows_and_the_newest_becomes_latest() {
    for layout in LAYOUTS {
        let hub = hub(layout).await;
        let applied = hub
            .apply(
                7,
                vec![reading(1, 10), reading(2, 20), reading(3, 15), reading(4, 20)],
            )
            .await;
        assert_eq!(
            summary(&applied),
            [(1, 0, Verdict::Ok), (2, 0, Verdict::Ok), (3, 0, Verdict::Late)]
        );
        assert_eq!((applied.duplicates, applied.failed.len()), (1, 0));
        assert!(
            applied
                .rows
                .iter()
                .all(|row| row.device == DeviceId(7) && row.client == ClientId(1))
        );
        let latest = hub.latest.get(DeviceId(7)).unwrap();
        assert_eq!((latest.id, latest.time), (PositionId(2), TimeMs(NOW + 20_000)));
        assert_eq!(hub.directory.metrics().readings(Verdict::Duplicate), 1);
        assert!(hub.directory.drain(LONG).await);
    }
}

#[tokio::test]
async fn a_confirmed_candidate_is_emitted_again_whole_and_with_the_next_revision() {
    for layout in LAYOUTS {
        let hub = hub(layout).await;
        let mut far = reading_at(2, 10, BUENOS_AIRES);
        far.fix.event = Some("door".into());
        let first = hub.apply(1, vec![reading(1, 0), far.clone()]).await;
        assert_eq!(summary(&first), [(1, 0, Verdict::Ok), (2, 0, Verdict::Jump)]);
        assert_eq!(hub.latest.get(DeviceId(1)).unwrap().id, PositionId(1));
        let second = hub.apply(1, vec![reading_at(3, 20, BUENOS_AIRES)]).await;
        assert_eq!(summary(&second), [(2, 1, Verdict::Ok), (3, 0, Verdict::Ok)]);
        assert_eq!(
            (second.rows[0].content, &second.rows[0].fix),
            (first.rows[1].content, &far.fix)
        );
        assert_eq!(hub.latest.get(DeviceId(1)).unwrap().id, PositionId(3));
    }
}

#[tokio::test]
async fn a_reading_on_which_judging_panics_costs_only_itself() {
    for layout in LAYOUTS {
        let hub = hub_with(options(layout), touchy).await;
        let mut poison = reading(2, 99);
        poison.fix.event = Some("panic".into());
        let (ticket, applied) = Ticket::new();
        hub.send(1, vec![reading(1, 10), poison.clone(), reading(3, 20)], &ticket);
        hub.send(1, vec![poison], &ticket);
        hub.send(1, vec![reading(4, 30)], &ticket);
        hub.send(2, vec![reading(5, 10)], &ticket);
        drop(ticket);
        let applied = applied.await.unwrap();
        assert_eq!(applied.failed, [PositionId(2), PositionId(2)]);
        // Had the spoilt core been kept, the later ones would be late.
        let ok = |id| (id, 0, Verdict::Ok);
        assert_eq!(summary(&applied), [ok(1), ok(3), ok(4), ok(5)]);
        assert_eq!(hub.directory.metrics().panics.get(), 2);
    }
}

#[tokio::test]
async fn restoring_seeds_the_latest_and_the_judgement() {
    for layout in LAYOUTS {
        let hub = hub(layout).await;
        for id in [3, 5, 4] {
            hub.directory.restore(&row(id));
        }
        assert_eq!(hub.latest.get(DeviceId(1)).unwrap().id, PositionId(5));
        assert_eq!(hub.directory.metrics().activations.get(), 0);
        let applied = hub
            .apply(1, vec![reading(5, 5), reading(2, 2), reading(6, 6)])
            .await;
        assert_eq!(summary(&applied), [(2, 0, Verdict::Late), (6, 0, Verdict::Ok)]);
        assert_eq!(applied.duplicates, 1);
    }
}

#[tokio::test]
async fn drain_runs_all_queues_out_and_what_comes_after_is_still_judged() {
    for layout in LAYOUTS {
        let hub = hub(layout).await;
        let (ticket, applied) = Ticket::new();
        for round in 0..20 {
            for device in 1..=50 {
                let id = u64::from(round * 50 + device);
                hub.send(device, vec![reading(id, i64::from(round))], &ticket);
            }
        }
        drop(ticket);
        assert!(hub.directory.drain(LONG).await);
        assert_eq!(hub.directory.active(), 0);
        let applied = applied.await.unwrap();
        assert_eq!(applied.rows.len(), 1000);
        assert!(applied.rows.iter().all(|row| row.verdict == Verdict::Ok));
        let after = hub.apply(3, vec![reading(2000, 19), reading(2001, 30)]).await;
        assert_eq!(summary(&after), [(2001, 0, Verdict::Ok)]);
        assert_eq!(after.duplicates, 1);
        assert!(hub.directory.drain(LONG).await);
    }
}

#[tokio::test]
async fn a_device_beyond_the_table_is_reported_not_lost() {
    for layout in LAYOUTS {
        let applied = hub(layout).await.apply(u32::MAX, vec![reading(1, 0)]).await;
        assert_eq!(applied.failed, [PositionId(1)]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_actor_leaves_its_core_in_the_slot_and_a_busy_one_stays() {
    let hub = hub(Layout::PerDevice).await;
    hub.apply(1, vec![reading(1, 10)]).await;
    hub.apply(2, vec![reading(2, 10)]).await;
    for round in 0..8 {
        tokio::time::sleep(Duration::from_secs(150)).await;
        hub.apply(2, vec![reading(10 + round, 20 + round as i64)]).await;
    }
    assert_eq!(hub.directory.active(), 1);
    assert_eq!(hub.directory.metrics().passivations.get(), 1);
    let applied = hub.apply(1, vec![reading(30, 10), reading(31, 5)]).await;
    assert_eq!(
        (applied.duplicates, summary(&applied)),
        (1, vec![(31, 0, Verdict::Late)])
    );
    assert_eq!(hub.directory.metrics().activations.get(), 3);
}

/// Fixes go one second forward each: had any been judged out of order, it would be late.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn order_holds_while_actors_come_and_go() {
    let mut hasty = options(Layout::PerDevice);
    hasty.idle_after = Duration::ZERO;
    let hub = hub_with(hasty, DeviceCore::step).await;
    let (devices, rounds) = (5u32, 4000u64);
    let (ticket, applied) = Ticket::new();
    for round in 0..rounds {
        for device in 1..=devices {
            let id = round * u64::from(devices) + u64::from(device);
            hub.send(device, vec![reading(id, round as i64)], &ticket);
        }
        // Beside the sweeper, which is too slow to meet every interleaving.
        hub.directory.passivate_all().await;
        match round % 7 {
            0 => tokio::time::sleep(Duration::from_micros(300)).await,
            1..=3 => tokio::task::yield_now().await,
            _ => {}
        }
    }
    drop(ticket);
    let applied = applied.await.unwrap();
    assert_eq!(applied.rows.len() as u64, rounds * u64::from(devices));
    assert!(applied.rows.iter().all(|row| row.verdict == Verdict::Ok));
    assert_eq!((applied.duplicates, applied.failed.len()), (0, 0));
    let metrics = hub.directory.metrics();
    assert!(
        metrics.passivations.get() > u64::from(devices),
        "{}",
        metrics.passivations.get()
    );
    assert!(hub.directory.drain(LONG).await);
    assert_eq!(metrics.passivations.get(), metrics.activations.get());
    assert_eq!(metrics.active.get(), 0);
}

/// Whoever kills an actor may cost the batches in its mailbox, but each of them is told, and the device
/// goes on from its core.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_actor_loses_no_core_and_no_batch_without_a_word() {
    for layout in LAYOUTS {
        let hub = hub(layout).await;
        let rounds = 2000;
        let (ticket, applied) = Ticket::new();
        for round in 0..rounds {
            hub.send(1, vec![reading(round + 1, round as i64)], &ticket);
            if round % 50 == 0 {
                hub.directory.kill_children();
                tokio::task::yield_now().await;
            }
        }
        drop(ticket);
        let applied = applied.await.unwrap();
        assert_eq!(applied.rows.len() + applied.failed.len(), rounds as usize);
        assert!(applied.rows.iter().all(|row| row.verdict == Verdict::Ok));
        let after = hub.apply(1, vec![reading(rounds + 1, rounds as i64)]).await;
        assert_eq!(after.rows.len() + after.failed.len(), 1);
        assert!(hub.directory.drain(LONG).await);
        assert_eq!(hub.directory.active(), 0);
        assert_eq!(
            hub.latest.get(DeviceId(1)).map(|latest| latest.latitude),
            Some(SANTIAGO.0)
        );
    }
}

#[tokio::test]
async fn metrics_have_their_names() {
    let hub = hub(Layout::PerDevice).await;
    hub.apply(1, vec![reading(1, 0)]).await;
    let mut registry = prometheus_client::registry::Registry::default();
    hub.directory.metrics().register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(
        text.contains("fixstream_device_readings_total{verdict=\"ok\"} 1"),
        "{text}"
    );
    assert!(text.contains("fixstream_device_active_actors 1"), "{text}");
}
