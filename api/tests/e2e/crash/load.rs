//! Trackers that publish until the hub dies, know what was acknowledged, and send the rest again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::{PATIENCE, Tracked, now_ms, teltonika_frame};
use crate::mqtt::{Connection, connect, publish, publish_again};

/// Packet ids are 16 bits, and each message of a tracker has its own.
const MOST: usize = 60_000;

/// A tracker; its messages are numbered from 0 in the order of sending, and each has a time of its own.
pub struct Sender {
    pub tracked: Tracked,
    /// Time of message 0, ms.
    pub start: i64,
    /// So many messages may have reached the hub.
    pub sent: usize,
    /// So many are acknowledged; acknowledgements come in the order of sending.
    pub acknowledged: usize,
    /// So many had been acknowledged when the hub died: these were sent once.
    pub before_crash: usize,
}

/// How a tracker publishes.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Messages in flight.
    pub window: usize,
    /// Between windows.
    pub pause: Duration,
}

impl Sender {
    pub fn new(tracked: Tracked) -> Self {
        Self {
            tracked,
            // a day ago: no fix is in the future
            start: now_ms() / 1000 * 1000 - 86_400_000,
            sent: 0,
            acknowledged: 0,
            before_crash: 0,
        }
    }

    /// Time of a message, ms.
    pub fn time(&self, number: usize) -> i64 {
        self.start + number as i64 * 1000
    }

    /// Latitude of a message, 1e-7 degrees: the tracker goes north with 40 km/h.
    pub fn latitude_e7(number: usize) -> i64 {
        100_000_000 + number as i64 * 1000
    }

    fn connect(&self, port: u16) -> Connection {
        let (username, password) = (&self.tracked.username, &self.tracked.password);
        connect(port, username, username, password).unwrap()
    }

    /// Sends these messages and waits for their acknowledgements; false when the connection was lost.
    fn exchange(&mut self, connection: &mut Connection, numbers: std::ops::Range<usize>) -> bool {
        let topic = format!("trackers/teltonika/{}/up", self.tracked.imei);
        let id = |number: usize| number as u16 + 1;
        let packets: Vec<u8> = numbers
            .clone()
            .flat_map(|number| {
                let latitude = Self::latitude_e7(number) as f64 / 1e7;
                let frame = teltonika_frame(self.time(number), latitude, 20.0);
                let was_sent = number < self.sent;
                let packet = if was_sent { publish_again } else { publish };
                packet(&topic, id(number), &frame)
            })
            .collect();
        self.sent = self.sent.max(numbers.end);
        if connection.write(&packets).is_err() {
            // what had been acknowledged may still wait to be read
            while self.take_acknowledgement(connection, &id) {}
            return false;
        }
        numbers
            .into_iter()
            .all(|_| self.take_acknowledgement(connection, &id))
    }

    fn take_acknowledgement(&mut self, connection: &mut Connection, id: &impl Fn(usize) -> u16) -> bool {
        let Some(acknowledged) = connection.puback() else {
            return false;
        };
        assert_eq!(
            acknowledged,
            id(self.acknowledged),
            "acknowledgements out of order"
        );
        self.acknowledged += 1;
        true
    }
}

/// All connect, then all publish until their connections are lost.
pub fn until_closed(
    port: u16,
    senders: Vec<Sender>,
    pace: Pace,
    acknowledged: &Arc<AtomicU64>,
) -> Vec<JoinHandle<Sender>> {
    let all_connected = Arc::new(Barrier::new(senders.len()));
    let run = |mut sender: Sender| {
        let (all_connected, acknowledged) = (Arc::clone(&all_connected), Arc::clone(acknowledged));
        move || {
            let mut connection = sender.connect(port);
            all_connected.wait();
            let began = Instant::now();
            while sender.sent + pace.window < MOST && began.elapsed() < PATIENCE {
                let (from, before) = (sender.sent, sender.acknowledged);
                let goes_on = sender.exchange(&mut connection, from..from + pace.window);
                acknowledged.fetch_add((sender.acknowledged - before) as u64, Ordering::Relaxed);
                if !goes_on {
                    break;
                }
                std::thread::sleep(pace.pause);
            }
            sender.before_crash = sender.acknowledged;
            sender
        }
    };
    senders
        .into_iter()
        .map(|sender| std::thread::spawn(run(sender)))
        .collect()
}

/// Waits until so many messages are acknowledged, or no more come.
pub async fn reaches(acknowledged: &AtomicU64, messages: u64) {
    let mut last = (0, Instant::now());
    loop {
        let now = acknowledged.load(Ordering::Relaxed);
        if now != last.0 {
            last = (now, Instant::now());
        }
        if now >= messages || last.1.elapsed() > Duration::from_secs(1) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The trackers when their connections are lost.
pub async fn finish(load: Vec<JoinHandle<Sender>>) -> Vec<Sender> {
    let join = move || load.into_iter().map(|thread| thread.join().unwrap()).collect();
    tokio::task::spawn_blocking(join).await.unwrap()
}

/// All connect again, send what was not acknowledged once more, marked as such, and then `fresh` new messages.
pub async fn again(port: u16, senders: Vec<Sender>, window: usize, fresh: usize) -> Vec<Sender> {
    let run = |mut sender: Sender| {
        move || {
            let mut connection = sender.connect(port);
            let until = sender.sent + fresh;
            while sender.acknowledged < until {
                let from = sender.acknowledged;
                let sent = sender.exchange(&mut connection, from..until.min(from + window));
                assert!(sent, "the connection was lost");
            }
            sender
        }
    };
    let threads = senders
        .into_iter()
        .map(|sender| std::thread::spawn(run(sender)))
        .collect();
    finish(threads).await
}
