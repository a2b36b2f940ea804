//! The life of a device's connection after its login.
//!
//! One loop: understand what was read, release what became durable, write it, wait. The socket is not
//! read while too much is unacknowledged, while the peer does not read its answers, or while the journal
//! is full: the sender then waits, and nothing acknowledged is ever dropped.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::Shared;
use super::ack_fifo::AckFifo;
use super::auth::{Accepted, ClientDirectory};
use super::batch::{Batcher, Committed, Stop};
use super::close::Close;
use super::frame::{self, Packet, Qos, write};
use super::live::downlink::{DOWNLINK_QUEUE, Downlink};
use super::policy;
use super::sessions::Attached;
use crate::{clock, crash};

/// A refused append is tried again after this.
const RETRY: Duration = Duration::from_millis(100);
/// Answers still owed when a connection ends get this long.
const LINGER: Duration = Duration::from_secs(5);
/// A client without keep alive is given up after this.
const LONGEST_SILENCE: Duration = Duration::from_secs(24 * 3600);
/// Filters per connection.
const MAX_FILTERS: usize = 16;
const READ_CHUNK: usize = 16 * 1024;

/// Serves a device or gateway until its connection ends; journals the will where it is due.
pub async fn serve(
    shared: Arc<Shared>,
    mut stream: TcpStream,
    mut buffer: BytesMut,
    accepted: Accepted,
    attached: &Attached,
) -> Close {
    let will = accepted.will.clone();
    let (downlinks, mut arriving) = mpsc::channel(DOWNLINK_QUEUE);
    let mut connection = Connection::new(shared, accepted, attached, downlinks);
    connection.resubscribe();
    let why = connection.run(&mut stream, &mut buffer, &mut arriving).await;
    connection.unsubscribe_all();
    if let Some((topic, payload, _)) = will.filter(|_| why.publishes_will()) {
        connection.publish_will(&topic, &payload);
    }
    why
}

struct Connection<'a> {
    shared: Arc<Shared>,
    attached: &'a Attached,
    batcher: Batcher,
    fifo: AckFifo,
    wake: Arc<Notify>,
    /// 1.5 × keep alive.
    patience: Duration,
    last_inbound: Instant,
    /// The batch is collected, the journal is full: when to try again.
    held_until: Option<Instant>,
    /// Until then the journal is known to be full: QoS 0 is shed right away.
    full_until: Option<Instant>,
    /// A packet stands at the front of the buffer that can't be taken now.
    stalled: bool,
    closing: Option<(Close, Instant)>,
    downlinks: mpsc::Sender<Downlink>,
    down_inflight: Vec<u16>,
    down_pkid: u16,
}

impl<'a> Connection<'a> {
    fn new(
        shared: Arc<Shared>,
        accepted: Accepted,
        attached: &'a Attached,
        downlinks: mpsc::Sender<Downlink>,
    ) -> Self {
        let patience = match accepted.keep_alive {
            0 => LONGEST_SILENCE,
            seconds => Duration::from_millis(u64::from(seconds) * 1_500),
        };
        Self {
            batcher: Batcher::new(
                shared.clone(),
                attached.session.clone(),
                accepted.identity,
                clock::now(),
            ),
            shared,
            attached,
            fifo: AckFifo::default(),
            wake: Arc::new(Notify::new()),
            patience,
            last_inbound: Instant::now(),
            held_until: None,
            full_until: None,
            stalled: false,
            closing: None,
            downlinks,
            down_inflight: Vec::new(),
            down_pkid: 0,
        }
    }

    async fn run(
        &mut self,
        stream: &mut TcpStream,
        buffer: &mut BytesMut,
        arriving: &mut mpsc::Receiver<Downlink>,
    ) -> Close {
        let (mut reader, writer) = stream.split();
        let (taken_over, stop) = (self.attached.taken_over.clone(), self.shared.stop.clone());
        let (mut taken_over, mut stop) = (
            std::pin::pin!(taken_over.cancelled()),
            std::pin::pin!(stop.cancelled()),
        );
        let mut timer = std::pin::pin!(tokio::time::sleep_until(self.deadline()));
        loop {
            if self.closing.is_none()
                && let Err(why) = self.digest(buffer)
            {
                self.close(why);
            }
            self.fifo.release(self.shared.journal.durable());
            while !self.fifo.ready().is_empty() {
                crash::point("puback-write-before");
                match writer.try_write(self.fifo.ready()) {
                    Ok(count) => {
                        crash::point("puback-write-after");
                        self.fifo.wrote(count);
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    Err(_) => return self.ended(Close::Lost),
                }
            }
            let owes_bytes = !self.fifo.ready().is_empty();
            if self.closing.as_ref().is_some_and(|(_, until)| {
                (!owes_bytes && !self.fifo.is_waiting()) || Instant::now() >= *until
            }) {
                return self.ended(Close::Lost);
            }
            if self.closing.is_none() && self.stalled && self.held_until.is_none() && self.budget() > 0 {
                // What was released just now makes room for what stands in the buffer.
                continue;
            }
            let deadline = self.deadline();
            if deadline < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(deadline);
            }
            let is_open = self.closing.is_none();
            let may_read = is_open && !self.stalled && !self.fifo.is_clogged();
            if may_read && buffer.capacity() - buffer.len() < 1024 {
                buffer.reserve(READ_CHUNK);
            }
            tokio::select! {
                read = reader.read_buf(buffer), if may_read => match read {
                    Ok(count) if count > 0 => self.last_inbound = Instant::now(),
                    _ => return self.ended(Close::Lost),
                },
                () = self.wake.notified(), if self.fifo.is_waiting() => {}
                _ = writer.writable(), if owes_bytes => {}
                Some(downlink) = arriving.recv(), if is_open && self.down_inflight.len() < DOWNLINK_QUEUE => self.send_down(&downlink),
                () = &mut timer => self.on_timer(may_read),
                () = &mut taken_over => return Close::TakenOver,
                () = &mut stop, if is_open => self.close(Close::Stopping),
            }
        }
    }

    /// What is owed is still sent; nothing more is read.
    fn close(&mut self, why: Close) {
        self.closing = Some((why, Instant::now() + LINGER));
    }

    fn ended(&mut self, otherwise: Close) -> Close {
        self.closing.take().map_or(otherwise, |(why, _)| why)
    }

    /// When the loop must run again at the latest.
    fn deadline(&self) -> Instant {
        match (&self.closing, self.held_until) {
            (Some((_, until)), _) => *until,
            (None, Some(retry)) => retry,
            (None, None) => self.last_inbound + self.patience,
        }
    }

    fn on_timer(&mut self, was_reading: bool) {
        if !was_reading {
            // We did not listen, so silence proves nothing.
            self.last_inbound = Instant::now();
        } else if self.closing.is_none() && self.last_inbound.elapsed() >= self.patience {
            self.shared.metrics.silent.inc();
            self.close(Close::Silent);
        }
    }

    /// How many more publishes may be taken now.
    fn budget(&self) -> usize {
        if self.fifo.is_clogged() {
            return 0;
        }
        self.shared
            .options
            .max_inflight
            .max(1)
            .saturating_sub(self.fifo.unacked())
    }

    /// Takes all complete packets that may be taken from `buffer`.
    fn digest(&mut self, buffer: &mut BytesMut) -> Result<(), Close> {
        self.stalled = false;
        loop {
            if self.held_until.is_some() && !self.try_held()? {
                return self.hold_more(buffer);
            }
            if buffer.is_empty() {
                return Ok(());
            }
            let budget = self.budget();
            if budget == 0 {
                return self.answer_pings(buffer);
            }
            match self.take_publishes(buffer, budget)? {
                Stop::Incomplete if self.held_until.is_none() => return Ok(()),
                Stop::Control if self.held_until.is_none() => self.take_control(buffer)?,
                _ => {}
            }
        }
    }

    fn take_publishes(&mut self, buffer: &mut BytesMut, budget: usize) -> Result<Stop, Close> {
        let now = clock::now();
        let shed = self.full_until.is_some_and(|until| Instant::now() < until);
        let (mut used, mut stop) = match self.batcher.collect(buffer, budget, shed, now) {
            Ok(taken) => taken,
            Err(why) => {
                // What came before the offending packet is kept and acknowledged.
                let _ = self.batcher.commit(&mut self.fifo, &self.wake);
                return Err(why);
            }
        };
        let mut committed = self.batcher.commit(&mut self.fifo, &self.wake)?;
        if committed == Committed::Full && self.batcher.can_shed() {
            // QoS 0 goes first: the same bytes again, without it.
            self.batcher.discard();
            (used, stop) = self.batcher.collect(buffer, budget, true, now)?;
            committed = self.batcher.commit(&mut self.fifo, &self.wake)?;
            self.full_until = Some(Instant::now() + RETRY);
        }
        buffer.advance(used);
        self.answer_collected_pings();
        if committed == Committed::Full {
            self.shared.metrics.held.inc();
            self.full_until = Some(Instant::now() + RETRY);
            self.held_until = Some(Instant::now() + RETRY);
        }
        Ok(stop)
    }

    /// Tries to commit the held batch, not more often than every [`RETRY`].
    fn try_held(&mut self) -> Result<bool, Close> {
        if self.held_until.is_some_and(|until| Instant::now() < until) {
            return Ok(false);
        }
        match self.batcher.commit(&mut self.fifo, &self.wake)? {
            Committed::Yes => self.held_until = None,
            Committed::Full => self.held_until = Some(Instant::now() + RETRY),
        }
        Ok(self.held_until.is_none())
    }

    /// While the journal is full: publishes join the held batch as far as the window goes (QoS 0 is shed), so
    /// that the pings of a client that goes on sending are still reached and answered.
    fn hold_more(&mut self, buffer: &mut BytesMut) -> Result<(), Close> {
        let budget = self.budget();
        if budget == 0 || buffer.is_empty() {
            return self.answer_pings(buffer);
        }
        let (used, stop) = self.batcher.collect(buffer, budget, true, clock::now())?;
        buffer.advance(used);
        self.answer_collected_pings();
        match stop {
            Stop::Incomplete => Ok(()),
            Stop::Control | Stop::Enough => self.answer_pings(buffer),
        }
    }

    fn answer_collected_pings(&mut self) {
        for _ in 0..self.batcher.take_pings() {
            self.answer_ping();
        }
    }

    fn answer_ping(&mut self) {
        let mut bytes = Vec::with_capacity(2);
        write::pingresp(&mut bytes);
        self.fifo.push_now(&bytes);
    }

    /// While no publish can be taken: pings at the front are answered, anything else stops the reading.
    fn answer_pings(&mut self, buffer: &mut BytesMut) -> Result<(), Close> {
        while let Some((packet, length)) = frame::next(buffer, self.shared.options.max_packet_bytes)? {
            if packet != Packet::PingReq || self.fifo.is_clogged() {
                self.stalled = true;
                return Ok(());
            }
            self.answer_ping();
            buffer.advance(length);
        }
        Ok(())
    }

    /// Takes the packet at the front, which is neither PUBLISH nor PINGREQ.
    fn take_control(&mut self, buffer: &mut BytesMut) -> Result<(), Close> {
        let Some((packet, length)) = frame::next(buffer, self.shared.options.max_packet_bytes)? else {
            return Ok(());
        };
        match packet {
            Packet::Publish(_) | Packet::PingReq => {}
            Packet::Connect(_) => return Err(Close::Protocol("second CONNECT")),
            Packet::PubRec(_) | Packet::PubComp(_) => {
                return Err(Close::Protocol("answer to a QoS 2 message that was never sent"));
            }
            Packet::PubAck(pkid) => self.down_inflight.retain(|&waiting| waiting != pkid),
            Packet::PubRel(pkid) => {
                self.attached.session.received.lock().remove(&pkid);
                self.answer(|out| write::pubcomp(out, pkid));
            }
            Packet::Subscribe(pkid, filters) => {
                let codes: Vec<u8> = filters
                    .iter()
                    .map(|(filter, qos)| self.subscribe(filter, *qos))
                    .collect();
                self.answer(|out| write::suback(out, pkid, &codes));
            }
            Packet::Unsubscribe(pkid, filters) => {
                for filter in filters {
                    self.unsubscribe(filter);
                }
                self.answer(|out| write::unsuback(out, pkid));
            }
            Packet::Disconnect => return Err(Close::Disconnected),
        }
        buffer.advance(length);
        Ok(())
    }

    fn answer(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::with_capacity(8);
        write(&mut bytes);
        self.fifo.push_in_order(&bytes);
    }

    // ---- downlinks

    /// The SUBACK code.
    fn subscribe(&mut self, filter: &str, qos: Qos) -> u8 {
        let who = self.batcher.identity();
        let client = who.credential.client;
        let allowed = policy::may_subscribe(
            who,
            filter,
            &ClientDirectory {
                registry: &self.shared.registry,
                client,
            },
        );
        let mut subscriptions = self.attached.session.subscriptions.lock();
        subscriptions.retain(|(known, _)| known != filter);
        if !allowed || subscriptions.len() >= MAX_FILTERS {
            self.shared.metrics.refused_subscriptions.inc();
            return 0x80;
        }
        let granted = qos.min(Qos::AtLeastOnce);
        subscriptions.push((filter.to_owned(), granted));
        self.shared
            .downlinks
            .subscribe(client, filter, self.attached.epoch, granted, &self.downlinks);
        granted as u8
    }

    /// Puts the filters of a remembered session into service again, as far as they are still allowed.
    fn resubscribe(&mut self) {
        let remembered = std::mem::take(&mut *self.attached.session.subscriptions.lock());
        for (filter, qos) in remembered {
            self.subscribe(&filter, qos);
        }
    }

    fn unsubscribe(&mut self, filter: &str) {
        self.attached
            .session
            .subscriptions
            .lock()
            .retain(|(known, _)| known != filter);
        self.shared.downlinks.unsubscribe(
            self.batcher.identity().credential.client,
            filter,
            self.attached.epoch,
        );
    }

    fn unsubscribe_all(&self) {
        let client = self.batcher.identity().credential.client;
        for (filter, _) in self.attached.session.subscriptions.lock().iter() {
            self.shared
                .downlinks
                .unsubscribe(client, filter, self.attached.epoch);
        }
    }

    fn send_down(&mut self, downlink: &Downlink) {
        let pkid = (downlink.qos > Qos::AtMostOnce).then(|| {
            // At most DOWNLINK_QUEUE ids are taken, so a free one is near.
            loop {
                self.down_pkid = self.down_pkid.checked_add(1).unwrap_or(1);
                if !self.down_inflight.contains(&self.down_pkid) {
                    break self.down_pkid;
                }
            }
        });
        self.down_inflight.extend(pkid);
        let mut bytes = Vec::with_capacity(downlink.topic.len() + downlink.payload.len() + 9);
        write::publish(&mut bytes, &downlink.topic, pkid, &downlink.payload);
        self.fifo.push_in_order(&bytes);
    }

    fn publish_will(&mut self, topic: &str, payload: &[u8]) {
        self.batcher.discard();
        let outcome = self
            .batcher
            .push_will(topic, payload, clock::now())
            .and_then(|()| self.batcher.commit(&mut self.fifo, &self.wake));
        if !matches!(outcome, Ok(Committed::Yes)) {
            tracing::debug!(topic, ?outcome, "will is not published");
        }
    }
}
