//! The actor of one active device, and its seat.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::apply::{Parked, Room};
use super::slots::Slot;
use super::ticket::Work;
use crate::model::DeviceId;

/// What a device actor reads.
pub(super) enum DeviceMsg {
    /// Judge these.
    Batch(Work),
    /// Go, unless something was delivered after this was sent.
    Passivate,
}

/// The right to a device's core, and the duty to bring it back: whichever way the actor ends (drained,
/// killed, panicked, never started), dropping the seat applies what still waits and parks the core.
pub(super) struct Seat {
    room: Arc<Room>,
    device: DeviceId,
    /// `None` once parked.
    core: Option<Parked>,
}

impl Seat {
    /// Takes over a core; the slot says `Activating` already.
    pub fn new(room: Arc<Room>, device: DeviceId, core: Parked) -> Self {
        room.entered();
        room.metrics.activations.inc();
        Self {
            room,
            device,
            core: Some(core),
        }
    }

    fn apply(&mut self, work: Work) {
        // A parked seat has nothing to apply to: the batch is dropped and so reported as failed.
        if let Some(core) = &mut self.core {
            self.room.apply(core, work);
        }
    }

    /// What waits in the slot; when nothing does, the slot becomes what `next` says, under the same lock.
    fn waiting_or(&mut self, next: impl FnOnce(&Room, &mut Option<Parked>) -> Option<Slot>) -> Vec<Work> {
        let Some(slot) = self.room.slots.slot(self.device) else {
            return Vec::new();
        };
        let mut slot = slot.lock();
        if let Slot::Activating { pending } | Slot::Draining { pending } = &mut *slot
            && !pending.is_empty()
        {
            return std::mem::take(pending);
        }
        if let Some(next) = next(&self.room, &mut self.core) {
            *slot = next;
        }
        Vec::new()
    }

    /// Applies what came while the actor started, then lets deliveries into the mailbox.
    async fn open(&mut self, myself: &ActorRef<DeviceMsg>) {
        loop {
            let waiting = self.waiting_or(|room, _| {
                let last = room.tick.load(Ordering::Relaxed);
                Some(Slot::Active {
                    actor: myself.clone(),
                    last,
                    leaving: false,
                })
            });
            if waiting.is_empty() {
                return;
            }
            for work in waiting {
                self.apply(work);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Applies what came while the queue ran out, then puts the core into its slot. True when done.
    fn park_step(&mut self) -> bool {
        let waiting = self.waiting_or(|_, core| core.take().map(Slot::Passive));
        if waiting.is_empty() {
            self.core = None;
            self.room.metrics.passivations.inc();
            self.room.left();
            return true;
        }
        for work in waiting {
            self.apply(work);
        }
        false
    }

    /// From `Active` to `Draining`, if nothing was delivered since the sweep: from here on deliveries wait
    /// in the slot.
    fn leave(&self) -> bool {
        let Some(slot) = self.room.slots.slot(self.device) else {
            return false;
        };
        let mut slot = slot.lock();
        let leaves = matches!(*slot, Slot::Active { leaving: true, .. });
        if leaves {
            *slot = Slot::Draining { pending: Vec::new() };
        }
        leaves
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // With a core still here the actor ended without `post_stop`, or never started. What waits is applied
        // on the spot: slower for whoever drops the seat, but in order and without loss.
        while self.core.is_some() && !self.park_step() {}
    }
}

/// The actor of one active device.
pub(super) struct DeviceActor;

impl Actor for DeviceActor {
    type Msg = DeviceMsg;
    type State = Seat;
    type Arguments = Seat;

    async fn pre_start(&self, _: ActorRef<DeviceMsg>, seat: Seat) -> Result<Seat, ActorProcessingErr> {
        Ok(seat)
    }

    async fn post_start(
        &self,
        myself: ActorRef<DeviceMsg>,
        seat: &mut Seat,
    ) -> Result<(), ActorProcessingErr> {
        seat.open(&myself).await;
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<DeviceMsg>,
        message: DeviceMsg,
        seat: &mut Seat,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            DeviceMsg::Batch(work) => seat.apply(work),
            DeviceMsg::Passivate => {
                if seat.leave() {
                    // Never `stop`: it overtakes and drops what is queued.
                    myself.drain()?;
                }
            }
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<DeviceMsg>, seat: &mut Seat) -> Result<(), ActorProcessingErr> {
        while seat.core.is_some() && !seat.park_step() {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}
