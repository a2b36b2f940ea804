//! The directory: finds or wakes the actor of a device and hands it its readings.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ractor::{Actor, ActorRef, MessagingErr};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::actor::{DeviceActor, DeviceMsg, Seat};
use super::apply::{Parked, Room, StepFn};
use super::convert;
use super::core::{DeviceCore, StepConfig};
use super::metrics::DeviceMetrics;
use super::options::{DeviceOptions, Layout};
use super::sharded::Shards;
use super::slots::Slot;
use super::supervisor::{SUPERVISORS, Supervisor, SupervisorMsg};
use super::ticket::{DeviceBatch, Work};
use crate::history::PositionRow;
use crate::latest::{LatestStore, MAX_DEVICES};
use crate::model::DeviceId;

/// Sweeps in which a device must be idle to be asked to leave: the time is cut in four, so that an actor
/// lives between `idle_after` and 5/4 of it.
const IDLE_SWEEPS: u32 = 4;
/// How often a drain asks again those who were busy.
const DRAIN_ROUND: Duration = Duration::from_millis(10);

/// The device room can't start.
#[derive(Debug, thiserror::Error)]
#[error("device actors can not start: {0}")]
pub struct DeviceError(pub String);

/// Finds or wakes the actor of a device and hands it its readings. Cheap to clone.
#[derive(Clone)]
pub struct DeviceDirectory {
    inner: Arc<Inner>,
}

struct Inner {
    room: Arc<Room>,
    runtime: Handle,
    supervisors: Vec<ActorRef<SupervisorMsg>>,
    /// Set in the sharded layout.
    shards: Option<Arc<Shards>>,
}

impl DeviceDirectory {
    /// Starts the supervisors (or shards). Must be called within a tokio runtime, on which all actors run.
    pub async fn start(options: DeviceOptions, latest: Arc<LatestStore>) -> Result<Self, DeviceError> {
        Self::start_with(&options, latest, DeviceCore::step).await
    }

    pub(super) async fn start_with(
        options: &DeviceOptions,
        latest: Arc<LatestStore>,
        step: StepFn,
    ) -> Result<Self, DeviceError> {
        let room = Arc::new(Room::new(StepConfig::from(options), step, latest));
        let runtime = Handle::current();
        let count = if options.layout == Layout::PerDevice {
            SUPERVISORS
        } else {
            1
        };
        let mut supervisors = Vec::with_capacity(count);
        for _ in 0..count {
            let (supervisor, _) = Supervisor::spawn(None, Supervisor, ())
                .await
                .map_err(|error| DeviceError(error.to_string()))?;
            supervisors.push(supervisor);
        }
        let shards = if let (Layout::Sharded, Some(supervisor)) = (options.layout, supervisors.first()) {
            Some(Shards::start(Arc::clone(&room), supervisor.get_cell()).await?)
        } else {
            let period = (options.idle_after / IDLE_SWEEPS).max(Duration::from_millis(1));
            runtime.spawn(sweep_forever(Arc::downgrade(&room), period));
            None
        };
        Ok(Self {
            inner: Arc::new(Inner {
                room,
                runtime,
                supervisors,
                shards,
            }),
        })
    }

    /// Restores a device from its newest stored rows (start-up, before any delivery), in any order. Rows that
    /// were corrected and are not trusted may be among them: they are remembered as such.
    /// A device that is awake already knows better and is left alone.
    pub fn restore(&self, row: &PositionRow) {
        let room = &self.inner.room;
        let Some(slot) = room.slots.slot(row.device) else {
            return;
        };
        let mut slot = slot.lock();
        if let Slot::Passive(parked) = &mut *slot {
            if parked.restore(row) {
                room.latest.put(row.device, &convert::latest(row));
            }
        } else {
            tracing::warn!(device = %row.device, "an active device is not restored");
        }
    }

    /// Hands readings and corrections to a device. Never blocks, never loses: bounded by the outstanding tickets.
    /// Calls for one device must come from one task at a time; their order is the order of judgement.
    pub fn deliver(&self, device: DeviceId, batch: DeviceBatch) {
        let work = Work::new(device, batch);
        let inner = &*self.inner;
        if let Some(shards) = &inner.shards {
            shards.deliver(work);
            return;
        }
        let Some(slot) = inner.room.slots.slot(device) else {
            tracing::error!(%device, limit = MAX_DEVICES, "device id beyond the table of devices");
            return;
        };
        let mut slot = slot.lock();
        match &mut *slot {
            Slot::Active { actor, last, leaving } => {
                *last = inner.room.tick.load(Ordering::Relaxed);
                *leaving = false;
                if let Err(MessagingErr::SendErr(DeviceMsg::Batch(work))) =
                    actor.send_message(DeviceMsg::Batch(work))
                {
                    // The actor is ending without having said so; its seat comes by and takes what waits.
                    *slot = Slot::Draining { pending: vec![work] };
                }
            }
            Slot::Activating { pending } | Slot::Draining { pending } => pending.push(work),
            Slot::Passive(parked) => {
                let parked = std::mem::take(parked);
                *slot = Slot::Activating { pending: vec![work] };
                drop(slot);
                inner.activate(device, parked);
            }
        }
    }

    /// Active actors: of devices, or shards.
    pub fn active(&self) -> usize {
        self.inner.room.active()
    }

    /// The room's metrics.
    pub fn metrics(&self) -> DeviceMetrics {
        self.inner.room.metrics.clone()
    }

    /// Lets all actors finish their queues and stops them; all cores are in their slots then. False when
    /// that took longer than `timeout`. Deliveries must have ended; one that comes nevertheless is still
    /// judged, in order.
    pub async fn drain(&self, timeout: Duration) -> bool {
        let inner = &*self.inner;
        let deadline = Instant::now() + timeout;
        loop {
            let quiet = inner.room.quiet.notified();
            match &inner.shards {
                Some(shards) => shards.close(),
                None => sweep(&inner.room, |_| true).await,
            }
            if inner.room.active() == 0 {
                break;
            }
            if Instant::now() >= deadline {
                tracing::warn!(actors = inner.room.active(), "device actors are still busy");
                return false;
            }
            let _ = tokio::time::timeout_at(deadline.min(Instant::now() + DRAIN_ROUND), quiet).await;
        }
        for supervisor in &inner.supervisors {
            let left = deadline.saturating_duration_since(Instant::now());
            // It may have ended in an earlier drain.
            let _ = supervisor.drain_and_wait(Some(left)).await;
        }
        true
    }
}

impl Inner {
    /// Starts the actor of a device whose slot says `Activating`.
    fn activate(&self, device: DeviceId, parked: Parked) {
        let seat = Seat::new(Arc::clone(&self.room), device, parked);
        let supervisor = self
            .supervisors
            .get(device.0 as usize % SUPERVISORS)
            .map(ActorRef::get_cell);
        self.runtime.spawn(async move {
            let Some(supervisor) = supervisor else { return };
            // When it can't start, the seat is dropped in there and applies what waits.
            if let Err(error) = DeviceActor::spawn_linked(None, DeviceActor, seat, supervisor).await {
                tracing::warn!(%device, %error, "a device actor did not start; its readings were applied directly");
            }
        });
    }
}

/// Asks actors that were idle for long enough to passivate, until the room is gone.
async fn sweep_forever(room: Weak<Room>, period: Duration) {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let Some(room) = room.upgrade() else { return };
        let now = room.tick.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        sweep(&room, |last| now.wrapping_sub(last) > IDLE_SWEEPS).await;
    }
}

/// Sends `Passivate` to the actors whose newest delivery is as `idle` says. A delivery after this takes the
/// request back.
async fn sweep(room: &Room, idle: impl Fn(u32) -> bool) {
    for chunk in room.slots.chunks() {
        for slot in chunk {
            if let Slot::Active { actor, last, leaving } = &mut *slot.lock()
                && !*leaving
                && idle(*last)
            {
                *leaving = true;
                // A dead mailbox needs no request: the seat parks by itself.
                let _ = actor.send_message(DeviceMsg::Passivate);
            }
        }
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
impl DeviceDirectory {
    /// One sweep that finds every actor idle.
    pub(super) async fn passivate_all(&self) {
        sweep(&self.inner.room, |_| true).await;
    }

    /// Kills all actors, as no one should.
    pub(super) fn kill_children(&self) {
        for supervisor in &self.inner.supervisors {
            for child in supervisor.get_children() {
                child.kill();
            }
        }
    }
}
