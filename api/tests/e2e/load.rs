//! Steady QoS 1 load from threads: a window per connection, pings when nothing comes, every message told apart
//! by the time of its fix.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::{Tracked, now_ms, teltonika_frame};
use crate::mqtt::{Received, connect, publish};

/// Without an answer for so long, a connection asks whether the server is there.
const SILENCE: Duration = Duration::from_millis(500);

/// How a connection sends.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Unacknowledged messages at most.
    pub window: usize,
    /// Between two messages; zero: as fast as the window allows.
    pub every: Duration,
}

/// The running load.
pub struct Load {
    stop: Arc<AtomicBool>,
    connections: Vec<(Arc<Counts>, JoinHandle<()>)>,
}

/// Of one connection.
#[derive(Default)]
struct Counts {
    acknowledged: AtomicU64,
    pongs: AtomicU64,
}

impl Load {
    /// One connection per tracker.
    pub fn start(port: u16, trackers: &[Tracked], pace: Pace) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        // two days ago, so that no fix is in the future however many there are
        let start = now_ms() / 1000 * 1000 - 2 * 86_400_000;
        let connections = trackers.iter().map(|tracked| {
            let counts = Arc::new(Counts::default());
            let (stop, shared) = (Arc::clone(&stop), Arc::clone(&counts));
            let (username, password) = (tracked.username.clone(), tracked.password.clone());
            let topic = format!("trackers/teltonika/{}/up", tracked.imei);
            let run = move || send(port, &username, &password, &topic, start, pace, &stop, &shared);
            (counts, std::thread::spawn(run))
        });
        Self {
            connections: connections.collect(),
            stop,
        }
    }

    /// Acknowledged messages of all connections.
    pub fn acknowledged(&self) -> u64 {
        self.sum(|counts| &counts.acknowledged)
    }

    /// The least number of PINGRESP that a connection got.
    pub fn pongs(&self) -> u64 {
        let pongs = self
            .connections
            .iter()
            .map(|(counts, _)| counts.pongs.load(Ordering::Relaxed));
        pongs.min().unwrap_or_default()
    }

    fn sum(&self, of: fn(&Counts) -> &AtomicU64) -> u64 {
        self.connections
            .iter()
            .map(|(counts, _)| of(counts).load(Ordering::Relaxed))
            .sum()
    }

    /// Sends nothing more, waits until all that was sent is acknowledged; how many these are.
    pub async fn finish(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        tokio::task::spawn_blocking(move || {
            let total = self.connections.into_iter().map(|(counts, thread)| {
                thread.join().unwrap();
                counts.acknowledged.load(Ordering::Relaxed)
            });
            total.sum()
        })
        .await
        .unwrap()
    }
}

#[allow(clippy::too_many_arguments)]
fn send(
    port: u16,
    username: &str,
    password: &str,
    topic: &str,
    start: i64,
    pace: Pace,
    stop: &AtomicBool,
    counts: &Counts,
) {
    let mut connection = connect(port, username, username, password).unwrap();
    let id = |number: u64| (number % 60_000) as u16 + 1;
    let (mut sent, mut acknowledged) = (0u64, 0u64);
    let (mut next, mut heard) = (Instant::now(), Instant::now());
    loop {
        let open = (sent - acknowledged) as usize;
        if stop.load(Ordering::Relaxed) && open == 0 {
            return;
        }
        let now = Instant::now();
        if !stop.load(Ordering::Relaxed) && open < pace.window && now >= next {
            // a second apart for each tracker; the latitude makes each fix another one
            let frame = teltonika_frame(
                start + sent as i64 * 1000,
                10.0 + (sent % 100_000) as f64 * 1e-5,
                20.0,
            );
            connection
                .write(&publish(topic, id(sent), &frame))
                .expect("the connection was closed");
            sent += 1;
            // no catching up after a stall: the rate is a bound
            next = (next + pace.every).max(now);
            if pace.every.is_zero() && open + 1 < pace.window {
                continue;
            }
        }
        let until_next = next.saturating_duration_since(Instant::now());
        let patience = if open < pace.window {
            until_next.min(SILENCE)
        } else {
            SILENCE
        };
        match connection.receive(patience.max(Duration::from_millis(1))) {
            Received::Puback(answered) => {
                assert_eq!(answered, id(acknowledged), "acknowledgements out of order");
                acknowledged += 1;
                counts.acknowledged.store(acknowledged, Ordering::Relaxed);
                heard = Instant::now();
            }
            Received::Pingresp => {
                counts.pongs.fetch_add(1, Ordering::Relaxed);
                heard = Instant::now();
            }
            Received::Nothing if heard.elapsed() >= SILENCE => {
                connection.ping().expect("the connection was closed");
                heard = Instant::now();
            }
            Received::Nothing => {}
            Received::Closed => panic!("{topic}: the server closed the connection"),
        }
    }
}
