//! The sharded layout: a fixed number of actors, each stepping all devices of its share in their slots.
//!
//! A single reading costs about a tenth of what its own actor's mailbox costs; in exchange a slow step holds
//! up the other devices of its shard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, ActorStatus, MessagingErr};
use tokio::runtime::Handle;

use super::apply::Room;
use super::directory::DeviceError;
use super::slots::Slot;
use super::ticket::Work;

/// Shards per processor: enough that one busy shard does not leave a processor idle.
const SHARDS_PER_CPU: usize = 4;

/// Where a shard's batches go. As with device slots, the seat of the shard makes all changes but the one from
/// `Open` to `Closing`.
enum Door {
    /// The actor starts (again); it takes what waits here first.
    Starting(Vec<Work>),
    /// Batches go to the mailbox.
    Open(ActorRef<Work>),
    /// The actor runs its queue out; it takes what waits here last.
    Closing(Vec<Work>),
    /// The actor has gone for good: batches are applied on the spot.
    Closed,
}

/// All shards.
pub(super) struct Shards {
    room: Arc<Room>,
    doors: Vec<Mutex<Door>>,
    supervisor: ActorCell,
    runtime: Handle,
    closing: AtomicBool,
}

impl Shards {
    /// Starts the shard actors under `supervisor`.
    pub async fn start(room: Arc<Room>, supervisor: ActorCell) -> Result<Arc<Self>, DeviceError> {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let doors = (0..cpus * SHARDS_PER_CPU)
            .map(|_| Mutex::new(Door::Starting(Vec::new())))
            .collect();
        let shards = Arc::new(Self {
            room,
            doors,
            supervisor,
            runtime: Handle::current(),
            closing: AtomicBool::new(false),
        });
        for index in 0..shards.doors.len() {
            Arc::clone(&shards)
                .open(index)
                .await
                .map_err(|error| DeviceError(error.to_string()))?;
        }
        Ok(shards)
    }

    /// Hands a batch to the shard of its device.
    pub fn deliver(&self, work: Work) {
        let Some(door) = self.doors.get(work.device.0 as usize % self.doors.len().max(1)) else {
            return;
        };
        let mut door = door.lock();
        match &mut *door {
            Door::Open(actor) => {
                if let Err(MessagingErr::SendErr(work)) = actor.send_message(work) {
                    // The actor is ending without having said so; its seat comes by and takes what waits.
                    *door = Door::Closing(vec![work]);
                }
            }
            Door::Starting(pending) | Door::Closing(pending) => pending.push(work),
            Door::Closed => self.apply(work),
        }
    }

    /// Lets all shards run their queues out and end. May be called again.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
        for door in &self.doors {
            let mut door = door.lock();
            if let Door::Open(actor) = &*door {
                // Never `stop`: it overtakes and drops what is queued.
                let _ = actor.drain();
                *door = Door::Closing(Vec::new());
            }
        }
    }

    /// Judges a batch in the device's slot. Only the device's shard comes here, so the lock is always free
    /// but for a sweep or restore that looks at the slot.
    fn apply(&self, work: Work) {
        let Some(slot) = self.room.slots.slot(work.device) else {
            tracing::error!(device = %work.device, "device id beyond the table of devices");
            return;
        };
        if let Slot::Passive(parked) = &mut *slot.lock() {
            self.room.apply(parked, work);
        }
    }

    async fn open(self: Arc<Self>, index: usize) -> Result<(), ractor::SpawnErr> {
        let supervisor = self.supervisor.clone();
        // Made in here, not before the task that runs this: were that task dropped unpolled because the
        // runtime ends, the seat's drop would start the next one, and so on without end.
        let seat = ShardSeat::new(self, index);
        ShardActor::spawn_linked(None, ShardActor, seat, supervisor)
            .await
            .map(|_| ())
    }
}

/// The right to a shard, and the duty to leave its door in order: dropped without `post_stop` (the actor
/// failed or did not start) it applies what waits and starts the shard again.
pub(super) struct ShardSeat {
    shards: Arc<Shards>,
    index: usize,
    seated: bool,
}

impl ShardSeat {
    fn new(shards: Arc<Shards>, index: usize) -> Self {
        shards.room.entered();
        Self {
            shards,
            index,
            seated: true,
        }
    }

    /// What waits at the door; when nothing does, the door becomes `next`, under the same lock.
    fn waiting_or(&self, next: impl FnOnce() -> Door) -> Vec<Work> {
        let Some(door) = self.shards.doors.get(self.index) else {
            return Vec::new();
        };
        let mut door = door.lock();
        if let Door::Starting(pending) | Door::Closing(pending) = &mut *door
            && !pending.is_empty()
        {
            return std::mem::take(pending);
        }
        *door = next();
        Vec::new()
    }

    /// Applies what waits until nothing does; then leaves the door as `next` says.
    async fn settle(&self, next: impl Fn() -> Door) {
        loop {
            let waiting = self.waiting_or(&next);
            if waiting.is_empty() {
                return;
            }
            for work in waiting {
                self.shards.apply(work);
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for ShardSeat {
    fn drop(&mut self) {
        if !self.seated {
            return;
        }
        // Under a supervisor that has gone no actor starts: then the door stays closed, too.
        let closing = self.shards.closing.load(Ordering::Acquire)
            || self.shards.supervisor.get_status() >= ActorStatus::Draining;
        let next = || {
            if closing {
                Door::Closed
            } else {
                Door::Starting(Vec::new())
            }
        };
        loop {
            let waiting = self.waiting_or(next);
            if waiting.is_empty() {
                break;
            }
            for work in waiting {
                self.shards.apply(work);
            }
        }
        self.shards.room.left();
        if !closing {
            let (shards, index) = (Arc::clone(&self.shards), self.index);
            self.shards.runtime.spawn(async move {
                if let Err(error) = shards.open(index).await {
                    tracing::error!(shard = index, %error, "a shard does not start again");
                }
            });
        }
    }
}

/// The actor of one shard.
struct ShardActor;

impl Actor for ShardActor {
    type Msg = Work;
    type State = ShardSeat;
    type Arguments = ShardSeat;

    async fn pre_start(&self, _: ActorRef<Work>, seat: ShardSeat) -> Result<ShardSeat, ActorProcessingErr> {
        Ok(seat)
    }

    async fn post_start(
        &self,
        myself: ActorRef<Work>,
        seat: &mut ShardSeat,
    ) -> Result<(), ActorProcessingErr> {
        seat.settle(|| Door::Open(myself.clone())).await;
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Work>,
        work: Work,
        seat: &mut ShardSeat,
    ) -> Result<(), ActorProcessingErr> {
        seat.shards.apply(work);
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Work>, seat: &mut ShardSeat) -> Result<(), ActorProcessingErr> {
        if seat.shards.closing.load(Ordering::Acquire) {
            seat.settle(|| Door::Closed).await;
            seat.seated = false;
            seat.shards.room.left();
        }
        Ok(())
    }
}
