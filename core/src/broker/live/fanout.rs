//! The one writer into the router: reads durable records from the journal while somebody watches.
//!
//! Its position is the meeting point with subscribers. Before a batch is sent, its end is claimed as the
//! new position, then the watched clients are looked up. A subscriber starts to watch, joins the router,
//! and then reads the position: what lies before it comes from the journal, what lies behind it comes
//! from the router. Overlap is possible and harmless; a gap is not possible.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ahash::{AHashMap, AHashSet};
use bytes::Bytes;
use parking_lot::Mutex;
use rumqttd::protocol::{Packet, Publish};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::entry::{encode, router_topic};
use super::router::{Link, Routers, poll_once};
use crate::journal::{Journal, JournalError, Reader};
use crate::model::{ClientId, Offset, Source, Uplink};

/// Records per router event.
const BATCH: usize = 512;
/// Messages that the router has not taken yet above which we wait.
const MAX_ROUTER_BACKLOG: usize = 8_192;
/// Routers that one batch may outlive.
const ATTEMPTS: usize = 3;
/// Watched clients learn this often how far the fan-out is, even without messages of their own.
const MARKER_INTERVAL: Duration = Duration::from_secs(1);

/// The fan-out.
pub struct Fanout {
    /// The journal that it follows.
    pub journal: Journal,
    /// The router that it writes into.
    pub routers: Routers,
    state: Mutex<State>,
    changed: Notify,
    skips: AtomicU64,
    stop: CancellationToken,
}

#[derive(Default)]
struct State {
    watchers: AHashMap<ClientId, usize>,
    position: Offset,
}

/// Keeps a client's messages flowing into the router.
pub struct Watch {
    fanout: Arc<Fanout>,
    client: ClientId,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut state = self.fanout.state.lock();
        if let Some(count) = state.watchers.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                state.watchers.remove(&self.client);
            }
        }
    }
}

impl Fanout {
    /// A fan-out that does nothing until [`Self::run`].
    pub fn new(journal: Journal, routers: Routers, stop: CancellationToken) -> Self {
        Self {
            journal,
            routers,
            state: Mutex::default(),
            changed: Notify::new(),
            skips: AtomicU64::new(0),
            stop,
        }
    }

    /// Watches a client's messages.
    pub fn watch(self: &Arc<Self>, client: ClientId) -> Watch {
        let mut state = self.state.lock();
        if state.watchers.is_empty() {
            // It slept; what was before is not its business.
            state.position = self.journal.durable();
        }
        *state.watchers.entry(client).or_default() += 1;
        drop(state);
        self.changed.notify_one();
        Watch {
            fanout: self.clone(),
            client,
        }
    }

    /// Everything below was sent, or was not for a client that watched before.
    pub fn position(&self) -> Offset {
        self.state.lock().position
    }

    /// Changes when claimed records were not sent: subscribers must join again.
    pub fn skips(&self) -> u64 {
        self.skips.load(Ordering::SeqCst)
    }

    /// Works until the broker stops. Blocks: needs a thread of its own.
    pub fn run(self: &Arc<Self>, runtime: &Handle) {
        let mut worker = Worker {
            fanout: self,
            link: None,
            reader: None,
            records: Vec::new(),
            marked: Instant::now(),
        };
        while !self.stop.is_cancelled() {
            let start = {
                let state = self.state.lock();
                (!state.watchers.is_empty()).then_some(state.position)
            };
            let Some(start) = start else {
                (worker.link, worker.reader) = (None, None);
                runtime.block_on(self.stop.run_until_cancelled(self.changed.notified()));
                continue;
            };
            match runtime.block_on(self.stop.run_until_cancelled(self.journal.wait_beyond(start))) {
                Some(Ok(_)) => {}
                Some(Err(JournalError::Stopped)) | None => return,
                Some(Err(error)) => {
                    tracing::error!(%error, "live messages end: the journal failed");
                    return;
                }
            }
            match worker.read(start) {
                Ok(()) if worker.records.is_empty() => {}
                Ok(()) => worker.send(start),
                Err(error) => {
                    tracing::warn!(%error, "live messages skip a part of the journal, subscribers read it back");
                    worker.reader = None;
                    self.state.lock().position = self.journal.durable();
                    self.skips.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }

    /// Moves the position from `start` to `end` and returns who watches; `None` if it was moved meanwhile.
    fn claim(&self, start: Offset, end: Offset) -> Option<AHashSet<ClientId>> {
        let mut state = self.state.lock();
        if state.position != start {
            return None;
        }
        state.position = end;
        Some(state.watchers.keys().copied().collect())
    }
}

struct Worker<'a> {
    fanout: &'a Arc<Fanout>,
    link: Option<Link>,
    reader: Option<Reader>,
    records: Vec<(Offset, Bytes)>,
    marked: Instant,
}

impl Worker<'_> {
    fn read(&mut self, start: Offset) -> Result<(), JournalError> {
        self.records.clear();
        let reader = match self.reader.take().filter(|reader| reader.position() == start) {
            Some(reader) => reader,
            None => self.fanout.journal.reader(start)?,
        };
        self.reader
            .insert(reader)
            .read(BATCH, &mut self.records)
            .map(|_| ())
    }

    fn send(&mut self, start: Offset) {
        let Some((last, _)) = self.records.last() else {
            return;
        };
        let end = Offset(last.0 + 1);
        let Some(watched) = self.fanout.claim(start, end) else {
            return;
        };
        for _ in 0..ATTEMPTS {
            if self.hand_over(self.packets(&watched, end)) {
                if self.marked.elapsed() >= MARKER_INTERVAL {
                    self.marked = Instant::now();
                }
                return;
            }
            // The router died under the batch: who joined its successor before may wait for these records.
            self.fanout.skips.fetch_add(1, Ordering::SeqCst);
        }
        tracing::error!("live messages are late: no router answers");
        std::thread::sleep(Duration::from_millis(500));
    }

    fn packets(&self, watched: &AHashSet<ClientId>, end: Offset) -> Vec<Packet> {
        let mut packets: Vec<Packet> = Vec::new();
        for (offset, record) in &self.records {
            let Ok(uplink) = Uplink::decode(record) else {
                continue;
            };
            let client = uplink.sender.client;
            if let Source::Mqtt {
                vendor,
                topic,
                payload,
                ..
            } = &uplink.source
                && watched.contains(&client)
            {
                packets.push(packet(
                    router_topic(client, vendor),
                    encode(*offset, topic, payload),
                ));
            }
        }
        if self.marked.elapsed() >= MARKER_INTERVAL {
            packets.extend(
                watched
                    .iter()
                    .map(|client| packet(router_topic(*client, "_"), encode(end, "", &[]))),
            );
        }
        packets
    }

    /// Puts packets into the router. True only if that router was still in service afterwards, so that
    /// nobody can have moved on to its successor before.
    fn hand_over(&mut self, mut packets: Vec<Packet>) -> bool {
        let Some(last) = packets.pop() else { return true };
        if self.link.is_none() {
            self.link = self.fanout.routers.join();
        }
        let Some(link) = self.link.as_mut() else {
            return false;
        };
        link.tx.buffer().extend(packets);
        match poll_once(link.tx.send(last)) {
            Some(Ok(mut backlog)) => {
                // The router's inbox has no bound of its own.
                while backlog > MAX_ROUTER_BACKLOG && !self.fanout.stop.is_cancelled() && drain_is_alive(link)
                {
                    std::thread::sleep(Duration::from_millis(2));
                    backlog = link.tx.buffer().len();
                }
                let in_service = self.fanout.routers.generation() == link.generation;
                if !in_service {
                    self.link = None;
                }
                in_service
            }
            Some(Err(error)) => {
                self.fanout.routers.report_dead(link.generation, &error);
                self.link = None;
                false
            }
            None => true,
        }
    }
}

/// Empties what the router says to its writer (acks of the join); false when the router is gone.
fn drain_is_alive(link: &mut Link) -> bool {
    loop {
        match poll_once(link.rx.next()) {
            Some(Ok(_)) => {}
            Some(Err(_)) => return false,
            None => return true,
        }
    }
}

fn packet(topic: String, payload: Bytes) -> Packet {
    Packet::Publish(Publish::new(Bytes::from(topic), payload, false), None)
}
