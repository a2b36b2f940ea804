//! A subscriber's end of the live stream: the link with the router, and the order of what is owed.

use std::collections::VecDeque;
use std::sync::Arc;

use rumqttd::Notification;

use super::entry::{Entry, router_filter};
use super::fanout::{Fanout, Watch};
use super::router::{Link, poll_once};
use crate::model::{ClientId, Offset};

/// Entries that wait for a slow subscriber before its link is not drained any more.
const MAX_QUEUE: usize = 2_000;

/// What a subscriber has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    /// Read these offsets back from the journal (from, to), then say so with [`Order::replayed`].
    Replay(Offset, Offset),
    /// Deliver this.
    Deliver(Entry),
    /// Nothing is there.
    Nothing,
}

/// Puts live entries into journal order and finds what is missing. Pure.
#[derive(Debug)]
pub struct Order {
    /// First offset that is still owed.
    next: Offset,
    /// Everything below comes from the journal.
    replay_to: Offset,
    queue: VecDeque<(Entry, bool)>,
}

impl Order {
    /// Everything from `next` on is owed.
    pub fn new(next: Offset) -> Self {
        Self {
            next,
            replay_to: next,
            queue: VecDeque::new(),
        }
    }

    /// What lies below `offset` will not come live.
    pub fn missed_below(&mut self, offset: Offset) {
        self.replay_to = self.replay_to.max(offset);
    }

    /// A live entry; `hole`: something may be missing in front of it.
    pub fn push(&mut self, entry: Entry, hole: bool) {
        self.queue.push_back((entry, hole));
    }

    /// Everything below `offset` was read back.
    pub fn replayed(&mut self, offset: Offset) {
        self.next = self.next.max(offset);
    }

    /// What is next.
    pub fn due(&mut self) -> Due {
        loop {
            if self.next < self.replay_to {
                return Due::Replay(self.next, self.replay_to);
            }
            let Some((entry, hole)) = self.queue.pop_front() else {
                return Due::Nothing;
            };
            if hole && entry.offset > self.next {
                self.replay_to = entry.offset;
                self.queue.push_front((entry, false));
            } else if entry.is_marker() {
                self.next = self.next.max(entry.offset);
            } else if entry.offset >= self.next {
                self.next = Offset(entry.offset.0 + 1);
                return Due::Deliver(entry);
            }
        }
    }
}

/// The live stream of one subscriber.
pub struct Tail {
    /// What is owed.
    pub order: Order,
    fanout: Arc<Fanout>,
    client: ClientId,
    link: Link,
    skips: u64,
    owes_ready: bool,
    /// Position in the router's log of the last entry; `None` before the first.
    cursor: Option<u64>,
    // Ends after the link.
    _watch: Watch,
}

impl Tail {
    /// Joins the live stream; everything from now on is owed. `None` when the router takes no more links.
    pub async fn join(fanout: Arc<Fanout>, client: ClientId) -> Option<Self> {
        let watch = fanout.watch(client);
        let order = Order::new(fanout.journal.durable());
        let (link, skips) = link(fanout.clone(), client).await?;
        let mut tail = Self {
            order,
            fanout,
            client,
            link,
            skips,
            owes_ready: false,
            cursor: None,
            _watch: watch,
        };
        tail.order.missed_below(tail.fanout.position());
        Some(tail)
    }

    /// Joins again after the router died or skipped something. False when that is not possible now.
    pub async fn rejoin(&mut self) -> bool {
        let Some((link, skips)) = link(self.fanout.clone(), self.client).await else {
            return false;
        };
        (self.link, self.skips, self.owes_ready, self.cursor) = (link, skips, false, None);
        self.order.missed_below(self.fanout.position());
        true
    }

    /// Whether there is room for more.
    pub fn has_room(&self) -> bool {
        self.order.queue.len() < MAX_QUEUE
    }

    /// Tells the router to go on, if it waits for that and there is room.
    pub fn keep_going(&mut self) {
        if self.owes_ready && self.has_room() {
            self.owes_ready = false;
            // An error shows at the next `receive`.
            let _ = self.link.rx.ready();
        }
    }

    /// Waits for live entries and queues them. False when the stream is broken and must be joined again.
    /// Cancel-safe. Returns the number of holes seen through `holes`.
    pub async fn receive(&mut self, holes: &mut u64) -> bool {
        let first = self.link.rx.next().await;
        let mut notification = Some(first);
        let mut taken = 0;
        while let Some(received) = notification {
            match received {
                Ok(Some(Notification::Forward(forward))) => {
                    let position = forward.cursor.map(|(_, offset)| offset);
                    let hole = position.is_none() || position != self.cursor.map(|last| last + 1);
                    *holes += u64::from(hole && self.cursor.is_some());
                    self.cursor = position;
                    if let Some(entry) = Entry::decode(forward.publish.payload) {
                        self.order.push(entry, hole);
                    }
                }
                Ok(Some(Notification::Unschedule)) => self.owes_ready = true,
                Ok(_) => {}
                Err(error) => {
                    self.fanout.routers.report_dead(self.link.generation, &error);
                    return false;
                }
            }
            taken += 1;
            notification = if taken < 1_000 {
                poll_once(self.link.rx.next())
            } else {
                None
            };
        }
        self.fanout.skips() == self.skips
    }
}

/// A link that is subscribed to the client's messages: from its answer on nothing is missed.
async fn link(fanout: Arc<Fanout>, client: ClientId) -> Option<(Link, u64)> {
    let joined = tokio::task::spawn_blocking(move || {
        // Another attempt for the case that the router dies in between.
        for _ in 0..2 {
            let skips = fanout.skips();
            let mut link = fanout.routers.join()?;
            if let Err(error) = subscribe(&mut link, client) {
                fanout.routers.report_dead(link.generation, &error);
                continue;
            }
            return Some((link, skips));
        }
        None
    });
    joined.await.ok().flatten()
}

#[expect(clippy::result_large_err, reason = "the error is rumqttd's, and rare")]
fn subscribe(link: &mut Link, client: ClientId) -> Result<(), rumqttd::local::LinkError> {
    link.tx.subscribe(router_filter(client))?;
    loop {
        if let Some(Notification::DeviceAck(_)) = link.rx.recv()? {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn message(offset: u64) -> Entry {
        Entry {
            offset: Offset(offset),
            topic: Bytes::from_static(b"t"),
            payload: Bytes::new(),
        }
    }

    fn marker(offset: u64) -> Entry {
        Entry {
            topic: Bytes::new(),
            ..message(offset)
        }
    }

    #[test]
    fn a_hole_is_read_back_before_the_entry_behind_it() {
        let mut order = Order::new(Offset(10));
        order.push(message(10), false);
        order.push(message(15), true);
        assert_eq!(order.due(), Due::Deliver(message(10)));
        assert_eq!(order.due(), Due::Replay(Offset(11), Offset(15)));
        order.replayed(Offset(13));
        assert_eq!(order.due(), Due::Replay(Offset(13), Offset(15)));
        order.replayed(Offset(15));
        assert_eq!(order.due(), Due::Deliver(message(15)));
        assert_eq!(order.due(), Due::Nothing);
    }

    #[test]
    fn a_marker_moves_the_place_so_that_a_quiet_client_reads_nothing_back() {
        let mut order = Order::new(Offset(0));
        order.push(marker(1_000), false);
        order.push(message(1_001), true);
        assert_eq!(order.due(), Due::Replay(Offset(1_000), Offset(1_001)));
    }

    proptest! {
        /// The client's messages have some of the offsets; the router loses any of them but says so.
        #[test]
        fn every_message_is_delivered_once_and_in_order_whatever_the_router_loses(
            journal in proptest::collection::vec(any::<bool>(), 1..120), lost in proptest::collection::vec(any::<bool>(), 120),
            twice_from in any::<prop::sample::Index>(), step in 1u64..9,
        ) {
            let end = journal.len() as u64;
            let mine: Vec<u64> = (0..end).filter(|&offset| journal[offset as usize]).collect();
            let mut order = Order::new(Offset(0));
            let mut hole = true;
            for &offset in &mine {
                if lost[offset as usize] {
                    hole = true;
                } else {
                    order.push(message(offset), std::mem::take(&mut hole));
                }
            }
            // A new link sends again what overlaps with the journal, and the rest is owed from there.
            let overlap = twice_from.index(journal.len()) as u64;
            let mut first = true;
            for &offset in mine.iter().filter(|&&offset| offset >= overlap) {
                order.push(message(offset), std::mem::take(&mut first));
            }
            let mut delivered = Vec::new();
            for round in 0..2 {
                loop {
                    match order.due() {
                        Due::Replay(from, to) => {
                            let upto = (from.0 + step).min(to.0);
                            delivered.extend((from.0..upto).filter(|&offset| journal[offset as usize]));
                            order.replayed(Offset(upto));
                        }
                        Due::Deliver(entry) => delivered.push(entry.offset.0),
                        Due::Nothing => break,
                    }
                }
                if round == 0 {
                    order.missed_below(Offset(end));
                }
            }
            prop_assert_eq!(delivered, mine);
        }
    }
}
