//! The life of an app's connection: subscriptions to its client's uplinks, and downlinks to its devices.
//!
//! Towards the client we keep our own QoS 1 window. A slow reader costs a bounded queue; what it misses
//! in the router comes from the journal later.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior};

use super::super::Shared;
use super::super::auth::{self, Accepted, ClientDirectory};
use super::super::close::Close;
use super::super::frame::{self, Packet, Publish, Qos, write};
use super::super::policy::{self, Identity};
use super::super::topics::OwnTopic;
use super::downlink::{DOWNLINK_QUEUE, Downlink};
use super::entry::Entry;
use super::replay::Replay;
use super::tail::{Due, Tail};
use crate::journal::JournalError;
use crate::model::ClientId;

/// QoS 1 messages that the client has not acknowledged.
const WINDOW: usize = 100;
/// Bytes waiting for the client's socket.
const MAX_OUT: usize = 256 * 1024;
/// Filters per connection.
const MAX_FILTERS: usize = 16;
/// A downlink for a device that is not there is tried again every tick, this often.
const DOWNLINK_TRIES: u32 = 60;
/// Journal reads in a row before the client's own packets are looked at again.
const REPLAY_STEPS: usize = 8;
const TICK: Duration = Duration::from_secs(1);
const LINGER: Duration = Duration::from_secs(2);

/// Serves an app until its connection ends.
pub async fn serve(
    shared: Arc<Shared>,
    mut stream: TcpStream,
    mut buffer: BytesMut,
    accepted: Accepted,
    taken_over: tokio_util::sync::CancellationToken,
) -> Close {
    let client = accepted.identity.credential.client;
    let patience = match accepted.keep_alive {
        0 => Duration::from_secs(24 * 3600),
        seconds => Duration::from_millis(u64::from(seconds) * 1_500),
    };
    let mut subscriber = Subscriber {
        replay: Replay::new(shared.journal.clone(), client),
        shared,
        who: accepted.identity,
        client,
        filters: Vec::new(),
        tail: None,
        backlog: VecDeque::new(),
        out: Vec::new(),
        written: 0,
        inflight: Vec::new(),
        pkid: 0,
        waiting: VecDeque::new(),
        last_inbound: Instant::now(),
        patience,
    };
    let stop = subscriber.shared.stop.clone();
    let why = tokio::select! {
        why = subscriber.run(&mut stream, &mut buffer) => why,
        () = taken_over.cancelled() => Close::TakenOver,
        () = stop.cancelled() => Close::Stopping,
    };
    subscriber.unsubscribe_all();
    // What is already encoded is still offered to the client.
    let rest = subscriber
        .out
        .split_off(subscriber.written.min(subscriber.out.len()));
    let _ = tokio::time::timeout(LINGER, tokio::io::AsyncWriteExt::write_all(&mut stream, &rest)).await;
    why
}

/// What was left undone for want of room or time.
struct Left {
    packets: bool,
    messages: bool,
}

struct Subscriber {
    shared: Arc<Shared>,
    who: Identity,
    client: ClientId,
    filters: Vec<(String, Qos)>,
    tail: Option<Tail>,
    replay: Replay,
    /// Read back from the journal, not sent yet.
    backlog: VecDeque<Entry>,
    out: Vec<u8>,
    written: usize,
    inflight: Vec<u16>,
    pkid: u16,
    /// Downlinks whose device is not there: packet id, message, tries.
    waiting: VecDeque<(Option<u16>, Downlink, u32)>,
    last_inbound: Instant,
    patience: Duration,
}

impl Subscriber {
    async fn run(&mut self, stream: &mut TcpStream, buffer: &mut BytesMut) -> Close {
        let (mut reader, writer) = stream.split();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let left = match self.advance(buffer).await {
                Ok(left) => left,
                Err(why) => return why,
            };
            while self.written < self.out.len() {
                match writer.try_write(self.out.get(self.written..).unwrap_or_default()) {
                    Ok(count) => self.written += count,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    Err(_) => return Close::Lost,
                }
            }
            if self.written == self.out.len() {
                self.out.clear();
                self.written = 0;
            }
            let owes_bytes = self.written < self.out.len();
            if buffer.capacity() - buffer.len() < 1024 {
                buffer.reserve(4 * 1024);
            }
            let may_read = self.has_room();
            // Writing may have made room for what could not go on before.
            let more = (left.packets && may_read) || (left.messages && self.can_send());
            let may_receive = self.tail.as_ref().is_some_and(Tail::has_room);
            let mut holes = 0;
            tokio::select! {
                read = reader.read_buf(buffer), if may_read => match read {
                    Ok(count) if count > 0 => self.last_inbound = Instant::now(),
                    _ => return Close::Lost,
                },
                unbroken = receive(&mut self.tail, &mut holes), if may_receive => {
                    self.shared.metrics.holes.inc_by(holes);
                    if !unbroken && !self.rejoin().await {
                        return Close::NoLiveStream;
                    }
                }
                _ = writer.writable(), if owes_bytes => {}
                // More is to be done, but the client is heard in between.
                () = tokio::task::yield_now(), if more => {}
                _ = tick.tick() => if let Err(why) = self.on_tick(may_read) {
                    return why;
                },
            }
        }
    }

    /// Takes what was read and turns what is owed into packets, as far as there is room.
    async fn advance(&mut self, buffer: &mut BytesMut) -> Result<Left, Close> {
        let mut left = Left {
            packets: true,
            messages: true,
        };
        while self.has_room() {
            let Some((packet, length)) = frame::next(buffer, self.shared.options.max_packet_bytes)? else {
                left.packets = false;
                break;
            };
            self.take(packet)?;
            buffer.advance(length);
        }
        if self.tail.is_none() && !self.filters.is_empty() {
            self.tail = Some(
                Tail::join(self.shared.fanout.clone(), self.client)
                    .await
                    .ok_or(Close::NoLiveStream)?,
            );
            self.shared.metrics.subscribers.inc();
        }
        left.messages = self.pump().await?;
        Ok(left)
    }

    /// Whether something is left that could be sent if there is room.
    async fn pump(&mut self) -> Result<bool, Close> {
        let (mut sent, mut replayed, mut steps) = (0, 0, 0);
        let mut left = true;
        while self.can_send() {
            let entry = match self.backlog.pop_front() {
                Some(entry) => {
                    replayed += 1;
                    entry
                }
                None => match self.tail.as_mut().map_or(Due::Nothing, |tail| tail.order.due()) {
                    Due::Deliver(entry) => entry,
                    Due::Nothing => {
                        left = false;
                        break;
                    }
                    Due::Replay(..) if steps >= REPLAY_STEPS => break,
                    Due::Replay(from, to) => {
                        steps += 1;
                        let (entries, complete) = self
                            .replay
                            .step(from, to)
                            .await
                            .map_err(|error| self.replay_failed(&error))?;
                        if complete == from {
                            // Claimed by the fan-out, so it is durable; the reader only has to see it.
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                        self.backlog.extend(entries);
                        if let Some(tail) = &mut self.tail {
                            tail.order.replayed(complete);
                        }
                        continue;
                    }
                },
            };
            sent += u64::from(self.emit(&entry));
        }
        if let Some(tail) = &mut self.tail {
            tail.keep_going();
        }
        if sent > 0 {
            self.shared.metrics.delivered.inc_by(sent);
            self.shared.metrics.replayed.inc_by(replayed);
        }
        Ok(left)
    }

    fn replay_failed(&self, error: &JournalError) -> Close {
        if matches!(error, JournalError::Gone(_)) {
            self.shared.metrics.lagging.inc();
            return Close::Lagging;
        }
        tracing::warn!(%error, "a subscriber's messages can not be read back");
        Close::Journal
    }

    fn has_room(&self) -> bool {
        self.out.len() - self.written < MAX_OUT
    }

    fn can_send(&self) -> bool {
        self.has_room() && self.inflight.len() < WINDOW
    }

    /// Encodes the entry if a filter matches it.
    fn emit(&mut self, entry: &Entry) -> bool {
        let Ok(topic) = std::str::from_utf8(&entry.topic) else {
            return false;
        };
        let qos = self
            .filters
            .iter()
            .filter(|(filter, _)| matches(topic, filter))
            .map(|(_, qos)| *qos)
            .max();
        let Some(qos) = qos else { return false };
        let pkid = (qos > Qos::AtMostOnce).then(|| {
            loop {
                // At most WINDOW ids are taken, so a free one is near.
                self.pkid = self.pkid.checked_add(1).unwrap_or(1);
                if !self.inflight.contains(&self.pkid) {
                    break self.pkid;
                }
            }
        });
        self.inflight.extend(pkid);
        write::publish(&mut self.out, topic, pkid, &entry.payload);
        true
    }

    fn take(&mut self, packet: Packet<'_>) -> Result<(), Close> {
        match packet {
            Packet::PingReq => write::pingresp(&mut self.out),
            Packet::PubAck(pkid) => self.inflight.retain(|&waiting| waiting != pkid),
            Packet::Subscribe(pkid, filters) => {
                let codes: Vec<u8> = filters
                    .iter()
                    .map(|(filter, qos)| self.subscribe(filter, *qos))
                    .collect();
                write::suback(&mut self.out, pkid, &codes);
            }
            Packet::Unsubscribe(pkid, filters) => {
                self.filters
                    .retain(|(known, _)| !filters.contains(&known.as_str()));
                if self.filters.is_empty() {
                    self.unsubscribe_all();
                }
                write::unsuback(&mut self.out, pkid);
            }
            Packet::Publish(publish) => self.take_downlink(&publish)?,
            Packet::Disconnect => return Err(Close::Disconnected),
            Packet::Connect(_) => return Err(Close::Protocol("second CONNECT")),
            Packet::PubRec(_) | Packet::PubRel(_) | Packet::PubComp(_) => {
                return Err(Close::Protocol("QoS 2 is not spoken with apps"));
            }
        }
        Ok(())
    }

    fn subscribe(&mut self, filter: &str, qos: Qos) -> u8 {
        self.filters.retain(|(known, _)| known != filter);
        let directory = ClientDirectory {
            registry: &self.shared.registry,
            client: self.client,
        };
        if self.filters.len() >= MAX_FILTERS || !policy::may_subscribe(&self.who, filter, &directory) {
            self.shared.metrics.refused_subscriptions.inc();
            return 0x80;
        }
        let granted = qos.min(Qos::AtLeastOnce);
        self.filters.push((filter.to_owned(), granted));
        granted as u8
    }

    fn unsubscribe_all(&mut self) {
        self.filters.clear();
        self.backlog.clear();
        if self.tail.take().is_some() {
            self.shared.metrics.subscribers.dec();
        }
    }

    async fn rejoin(&mut self) -> bool {
        match &mut self.tail {
            Some(tail) => tail.rejoin().await,
            None => true,
        }
    }

    // ---- downlinks

    fn take_downlink(&mut self, publish: &Publish<'_>) -> Result<(), Close> {
        if publish.qos == Qos::ExactlyOnce {
            return Err(Close::Protocol("downlinks have QoS 0 or 1"));
        }
        let directory = ClientDirectory {
            registry: &self.shared.registry,
            client: self.client,
        };
        policy::downlink(&self.who, publish.topic, &directory)?;
        let downlink = Downlink {
            topic: Arc::from(publish.topic),
            payload: Bytes::copy_from_slice(publish.payload),
            qos: publish.qos,
        };
        let pkid = (publish.pkid != 0).then_some(publish.pkid);
        if self.hand_over(pkid, &downlink) {
            return Ok(());
        }
        if pkid.is_some() && self.waiting.len() < DOWNLINK_QUEUE {
            self.waiting.push_back((pkid, downlink, 0));
        } else {
            self.shared.metrics.undelivered.inc();
        }
        Ok(())
    }

    /// Acknowledged only when handed over.
    fn hand_over(&mut self, pkid: Option<u16>, downlink: &Downlink) -> bool {
        let Some(own) = OwnTopic::parse(&downlink.topic) else {
            return false;
        };
        let done = self.shared.downlinks.send(self.client, &own, downlink);
        if done {
            self.shared.metrics.downlinks.inc();
            if let Some(pkid) = pkid {
                write::puback(&mut self.out, pkid);
            }
        }
        done
    }

    fn on_tick(&mut self, was_reading: bool) -> Result<(), Close> {
        if !was_reading {
            // Not read, so silence proves nothing about it; a client that reads nothing keeps its bounded place.
            self.last_inbound = Instant::now();
        } else if self.last_inbound.elapsed() >= self.patience {
            self.shared.metrics.silent.inc();
            return Err(Close::Silent);
        }
        self.who = auth::still_stands(&self.shared.registry, &self.who).ok_or(Close::Revoked)?;
        for (pkid, downlink, tries) in std::mem::take(&mut self.waiting) {
            let done = self.hand_over(pkid, &downlink);
            if !done && tries < DOWNLINK_TRIES {
                self.waiting.push_back((pkid, downlink, tries + 1));
            } else if !done {
                self.shared.metrics.undelivered.inc();
            }
        }
        Ok(())
    }
}

async fn receive(tail: &mut Option<Tail>, holes: &mut u64) -> bool {
    match tail {
        Some(tail) => tail.receive(holes).await,
        None => std::future::pending().await,
    }
}

/// Whether a topic matches a filter. `rumqttd`'s own matcher panics on topics that begin with a
/// multi-byte character, so such topics get a harmless level in front on both sides.
fn matches(topic: &str, filter: &str) -> bool {
    if topic.as_bytes().first().is_some_and(u8::is_ascii) {
        rumqttd::protocol::matches(topic, filter)
    } else {
        rumqttd::protocol::matches(&format!("-/{topic}"), &format!("-/{filter}"))
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn topics_match_filters_also_when_they_begin_with_a_multi_byte_character() {
        for (topic, filter, expected) in [
            ("a/b", "a/+", true),
            ("a/b", "#", true),
            ("a", "a/#", true),
            ("a/b", "a", false),
            ("é/b", "é/+", true),
            ("é/b", "#", true),
            ("é", "+", true),
            ("é/b", "+", false),
            ("", "#", true),
        ] {
            assert_eq!(matches(topic, filter), expected, "{topic} {filter}");
        }
    }
}
