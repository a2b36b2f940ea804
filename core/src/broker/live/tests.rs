//! The live stream as a whole: journal, fan-out, router and a subscriber's tail.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::fanout::Fanout;
use super::replay::Replay;
use super::router::Routers;
use super::tail::{Due, Tail};
use crate::broker::metrics::BrokerMetrics;
use crate::journal::{Frames, Journal, JournalOptions};
use crate::model::{ClientId, Sender, Source, TimeMs, Uplink};

struct World {
    journal: Journal,
    fanout: Arc<Fanout>,
    metrics: BrokerMetrics,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(JournalOptions {
        path: folder.path().to_owned(),
        segment_bytes: 4 << 20,
        max_bytes: 64 << 20,
        min_free_bytes: 0,
        sync: true,
    })
    .unwrap();
    let (metrics, stop) = (BrokerMetrics::default(), CancellationToken::new());
    let fanout = Arc::new(Fanout::new(
        journal.clone(),
        Routers::new(metrics.clone()),
        stop.clone(),
    ));
    let (follower, runtime) = (fanout.clone(), tokio::runtime::Handle::current());
    std::thread::spawn(move || follower.run(&runtime));
    World {
        journal,
        fanout,
        metrics,
        stop,
        _folder: folder,
    }
}

impl World {
    async fn append(&self, client: u32, numbers: std::ops::Range<u32>) {
        let mut frames = Frames::default();
        for number in numbers {
            let source = Source::Mqtt {
                vendor: "v".into(),
                topic: "t".into(),
                device: None,
                payload: Bytes::copy_from_slice(&number.to_be_bytes()),
            };
            let uplink = Uplink {
                received: TimeMs(0),
                sender: Sender {
                    client: ClientId(client),
                    link: None,
                    tracker: None,
                },
                source,
            };
            frames.push_with(|out| uplink.encode(out)).unwrap();
        }
        let end = self.journal.append(&frames, None).unwrap().end;
        self.journal.wait_durable(end).await.unwrap();
    }

    /// Takes the next `count` messages of client 1.
    async fn take(&self, tail: &mut Tail, replay: &mut Replay, count: usize) -> Vec<u32> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let entries = match tail.order.due() {
                Due::Deliver(entry) => vec![entry],
                Due::Replay(from, to) => {
                    let (entries, complete) = replay.step(from, to).await.unwrap();
                    tail.order.replayed(complete);
                    entries
                }
                Due::Nothing => {
                    tail.keep_going();
                    let unbroken = tokio::time::timeout(Duration::from_secs(30), tail.receive(&mut 0))
                        .await
                        .expect("something in time");
                    assert!(unbroken || tail.rejoin().await);
                    Vec::new()
                }
            };
            numbers.extend(
                entries
                    .iter()
                    .map(|entry| u32::from_be_bytes(entry.payload[..].try_into().unwrap())),
            );
        }
        numbers
    }

    /// Kills the router with the one input that is known to do so, and that we never send otherwise.
    async fn kill_router(&self) {
        let mut link = self.fanout.routers.join().unwrap();
        link.tx.publish(&b"\xc3\xa9"[..], &b"x"[..]).unwrap();
        while link.rx.next().await.is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_gets_everything_once_and_in_order_although_the_router_dies_again_and_again() {
    let world = world();
    world.append(1, 0..10).await;
    let mut tail = Tail::join(world.fanout.clone(), ClientId(1)).await.unwrap();
    let mut replay = Replay::new(world.journal.clone(), ClientId(1));
    for round in 1..5u32 {
        let from = round * 1_000;
        world.append(1, from..from + 300).await;
        world.append(2, 0..50).await;
        let mut taken = world.take(&mut tail, &mut replay, 100).await;
        world.kill_router().await;
        world.append(1, from + 300..from + 400).await;
        taken.extend(world.take(&mut tail, &mut replay, 400 - taken.len()).await);
        assert_eq!(taken, (from..from + 400).collect::<Vec<_>>(), "round {round}");
    }
    assert_eq!(world.metrics.router_restarts.get(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fan_out_sleeps_without_subscribers_and_misses_nothing_when_one_comes_back() {
    let world = world();
    for round in 0..20u32 {
        world.append(1, 0..5).await;
        let mut tail = Tail::join(world.fanout.clone(), ClientId(1)).await.unwrap();
        let mut replay = Replay::new(world.journal.clone(), ClientId(1));
        let from = 1_000 * (round + 1);
        world.append(1, from..from + 20).await;
        assert_eq!(
            world.take(&mut tail, &mut replay, 20).await,
            (from..from + 20).collect::<Vec<_>>()
        );
    }
    assert_eq!(world.metrics.router_restarts.get(), 0);
}
