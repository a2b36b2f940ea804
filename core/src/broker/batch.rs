//! Publishes of one connection on their way into the journal: read from the buffer, allowed or refused,
//! framed, and committed together with their answers.

use std::sync::Arc;

use ahash::AHashMap;
use tokio::sync::Notify;

use super::Shared;
use super::ack_fifo::AckFifo;
use super::auth::{self, ClientDirectory};
use super::close::Close;
use super::frame::{self, Packet, Publish, Qos, write};
use super::policy::{self, Identity};
use super::record::{SourceRef, UplinkRef};
use super::sessions::Session;
use super::topics::Route;
use crate::journal::{AppendError, Frames};
use crate::model::{Offset, TimeMs};

/// Bytes of records that are committed at once, about.
const MAX_BATCH_BYTES: usize = 256 * 1024;
/// Topics whose route a connection remembers.
const MAX_ROUTES: usize = 256;
/// How long a registry or topic change may go unnoticed on an open connection.
const RECHECK_MS: i64 = 2_000;
/// QoS 2 messages per session that are received and not released.
const MAX_RECEIVED: usize = 4_096;

/// Where reading stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The next packet is not complete.
    Incomplete,
    /// The next packet is not a PUBLISH or PINGREQ.
    Control,
    /// Enough for one commit.
    Enough,
}

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Everything is queued; the answers follow.
    Yes,
    /// The journal is full; the batch is unchanged.
    Full,
}

/// Collects the publishes of one connection.
pub struct Batcher {
    shared: Arc<Shared>,
    session: Arc<Session>,
    who: Identity,
    routes: AHashMap<String, Route>,
    checked: TimeMs,
    batch: Batch,
    /// Pings that were collected and not answered.
    pings: usize,
}

#[derive(Default)]
struct Batch {
    frames: Frames,
    acks: Vec<u8>,
    received: Vec<u16>,
    /// The answers also wait for this record of an earlier batch.
    durable_after: Offset,
    publishes: usize,
    unconfirmed: usize,
    payload_bytes: usize,
    shed: u64,
    repeated: u64,
}

impl Batch {
    fn clear(&mut self) {
        self.frames.clear();
        self.acks.clear();
        self.received.clear();
        self.durable_after = Offset(0);
        (
            self.publishes,
            self.unconfirmed,
            self.payload_bytes,
            self.shed,
            self.repeated,
        ) = (0, 0, 0, 0, 0);
    }
}

impl Batcher {
    /// For a connection that has just logged in.
    pub fn new(shared: Arc<Shared>, session: Arc<Session>, who: Identity, now: TimeMs) -> Self {
        Self {
            shared,
            session,
            who,
            routes: AHashMap::new(),
            checked: now,
            batch: Batch::default(),
            pings: 0,
        }
    }

    /// Who publishes.
    pub fn identity(&self) -> &Identity {
        &self.who
    }

    /// Forgets what was collected and not committed.
    pub fn discard(&mut self) {
        self.batch.clear();
        self.pings = 0;
    }

    /// Pings collected since the last call: to be answered whatever becomes of the publishes.
    pub fn take_pings(&mut self) -> usize {
        std::mem::take(&mut self.pings)
    }

    /// Whether QoS 0 publishes were collected, which may be shed.
    pub fn can_shed(&self) -> bool {
        self.batch.unconfirmed > 0
    }

    /// Collects publishes and pings from the front of `bytes`, `budget` publishes at most, and says how
    /// many bytes they took. With `shed`, QoS 0 publishes are dropped and counted.
    ///
    /// On an error everything before the offending packet is collected and may be committed.
    pub fn collect(
        &mut self,
        bytes: &[u8],
        budget: usize,
        shed: bool,
        now: TimeMs,
    ) -> Result<(usize, Stop), Close> {
        self.recheck(now)?;
        let mut used = 0;
        loop {
            if self.batch.publishes >= budget || self.batch.frames.bytes() >= MAX_BATCH_BYTES {
                return Ok((used, Stop::Enough));
            }
            let rest = bytes.get(used..).unwrap_or_default();
            match frame::next(rest, self.shared.options.max_packet_bytes)? {
                None => return Ok((used, Stop::Incomplete)),
                Some((Packet::Publish(publish), length)) => {
                    self.publish(&publish, shed, now)?;
                    used += length;
                }
                Some((Packet::PingReq, length)) => {
                    self.pings += 1;
                    used += length;
                }
                Some(_) => return Ok((used, Stop::Control)),
            }
        }
    }

    fn publish(&mut self, publish: &Publish<'_>, shed: bool, now: TimeMs) -> Result<(), Close> {
        if publish.qos == Qos::ExactlyOnce && self.was_received(publish.pkid)? {
            self.batch.repeated += 1;
            write::pubrec(&mut self.batch.acks, publish.pkid);
            return Ok(());
        }
        self.learn_route(publish.topic)?;
        if shed && publish.qos == Qos::AtMostOnce {
            self.batch.shed += 1;
            return Ok(());
        }
        self.push_record(publish.topic, publish.payload, now)?;
        match publish.qos {
            Qos::AtMostOnce => self.batch.unconfirmed += 1,
            Qos::AtLeastOnce => write::puback(&mut self.batch.acks, publish.pkid),
            Qos::ExactlyOnce => {
                self.batch.received.push(publish.pkid);
                write::pubrec(&mut self.batch.acks, publish.pkid);
            }
        }
        Ok(())
    }

    /// Collects a message that has no packet: the will.
    pub fn push_will(&mut self, topic: &str, payload: &[u8], now: TimeMs) -> Result<(), Close> {
        self.learn_route(topic)?;
        self.push_record(topic, payload, now)
    }

    fn push_record(&mut self, topic: &str, payload: &[u8], now: TimeMs) -> Result<(), Close> {
        let Some(route) = self.routes.get(topic) else {
            return Err(Close::Protocol("topic without a route"));
        };
        let source = SourceRef::Mqtt {
            vendor: &route.vendor,
            topic,
            device: route.device.as_deref(),
            payload,
        };
        let record = UplinkRef {
            received: now,
            sender: self.who.sender(),
            source,
        };
        self.batch
            .frames
            .push_with(|out| record.encode(out))
            .map_err(|_| Close::Protocol("message can not be written as a record"))?;
        self.batch.publishes += 1;
        self.batch.payload_bytes += payload.len();
        Ok(())
    }

    /// Whether a QoS 2 message with this id came before; its answer then waits for the same record.
    fn was_received(&mut self, pkid: u16) -> Result<bool, Close> {
        if self.batch.received.contains(&pkid) {
            return Ok(true);
        }
        let received = self.session.received.lock();
        if let Some(&end) = received.get(&pkid) {
            self.batch.durable_after = self.batch.durable_after.max(end);
            return Ok(true);
        }
        if received.len() + self.batch.received.len() >= MAX_RECEIVED {
            return Err(Close::Protocol("too many QoS 2 messages are not released"));
        }
        Ok(false)
    }

    /// Makes sure that `routes` knows `topic`, or refuses it.
    fn learn_route(&mut self, topic: &str) -> Result<(), Close> {
        if self.routes.contains_key(topic) {
            return Ok(());
        }
        let directory = ClientDirectory {
            registry: &self.shared.registry,
            client: self.who.credential.client,
        };
        let route = policy::uplink(&self.who, topic, &self.shared.rules.load(), &directory)?;
        if self.routes.len() >= MAX_ROUTES {
            self.routes.clear();
        }
        self.routes.insert(topic.to_owned(), route);
        Ok(())
    }

    /// Now and then: is the credential still what it was? Topic rules are looked up again, too.
    fn recheck(&mut self, now: TimeMs) -> Result<(), Close> {
        if now.0.abs_diff(self.checked.0) < RECHECK_MS.unsigned_abs() {
            return Ok(());
        }
        self.checked = now;
        self.routes.clear();
        self.who = auth::still_stands(&self.shared.registry, &self.who).ok_or(Close::Revoked)?;
        Ok(())
    }

    /// Hands the collected publishes to the journal and queues their answers in `fifo`.
    pub fn commit(&mut self, fifo: &mut AckFifo, wake: &Arc<Notify>) -> Result<Committed, Close> {
        let batch = &mut self.batch;
        if batch.frames.is_empty() {
            fifo.push(batch.durable_after, &batch.acks, 0);
        } else {
            match self.shared.journal.append(&batch.frames, Some(wake)) {
                Ok(offsets) => {
                    fifo.push(offsets.end, &batch.acks, batch.publishes);
                    self.remember(offsets.end);
                }
                Err(AppendError::Full { .. }) => return Ok(Committed::Full),
                Err(AppendError::TooLarge(_)) => {
                    return Err(Close::Protocol("message is larger than the journal takes"));
                }
                Err(AppendError::Stopped) => return Err(Close::Journal),
            }
        }
        let (batch, metrics) = (&mut self.batch, &self.shared.metrics);
        if batch.publishes > 0 {
            metrics.uplinks.inc_by(batch.publishes as u64);
            metrics.uplink_bytes.inc_by(batch.payload_bytes as u64);
        }
        if batch.shed + batch.repeated > 0 {
            metrics.shed.inc_by(batch.shed);
            metrics.repeated.inc_by(batch.repeated);
        }
        batch.clear();
        Ok(Committed::Yes)
    }

    fn remember(&mut self, end: Offset) {
        if !self.batch.received.is_empty() {
            let mut received = self.session.received.lock();
            received.extend(self.batch.received.iter().map(|&pkid| (pkid, end)));
        }
    }
}
