//! The table of devices by dense id: where each one's core is, or who has it.

use std::sync::OnceLock;

use parking_lot::Mutex;
use ractor::ActorRef;

use super::actor::DeviceMsg;
use super::apply::Parked;
use super::ticket::Work;
use crate::latest::MAX_DEVICES;
use crate::model::DeviceId;

const CHUNK: usize = 4096;

/// Who owns a device's core. All changes happen under the slot's lock:
///
/// ```text
///            deliver                    actor, nothing pending
/// Passive ───────────► Activating ──────────────────────────► Active
///    ▲                                                          │ actor reads Passivate, or
///    │   actor, nothing pending                                 │ its mailbox is found dead
///    └──────────────────────────────── Draining ◄───────────────┘
/// ```
///
/// There is one seat (see `actor.rs`) for every slot that is not passive, and only it makes the changes that
/// are marked `actor`; so no two actors ever have the same core.
pub(super) enum Slot {
    /// At rest.
    Passive(Parked),
    /// An actor starts; it takes what waits here first.
    Activating {
        /// In order of delivery.
        pending: Vec<Work>,
    },
    /// Batches go to the mailbox.
    Active {
        /// Its actor.
        actor: ActorRef<DeviceMsg>,
        /// Tick of the newest delivery.
        last: u32,
        /// It was asked to passivate, and nothing was delivered since.
        leaving: bool,
    },
    /// The actor runs its queue out; it takes what waits here last.
    Draining {
        /// In order of delivery.
        pending: Vec<Work>,
    },
}

impl Default for Slot {
    fn default() -> Self {
        Self::Passive(Parked::default())
    }
}

type Chunk = Box<[Mutex<Slot>]>;

/// Slots by device id, allocated 4096 at a time; a slot never moves.
pub(super) struct SlotTable {
    chunks: Box<[OnceLock<Chunk>]>,
}

impl SlotTable {
    pub fn new() -> Self {
        Self {
            chunks: (0..MAX_DEVICES / CHUNK).map(|_| OnceLock::new()).collect(),
        }
    }

    /// The slot of a device; `None` for ids of [`MAX_DEVICES`] and above.
    pub fn slot(&self, device: DeviceId) -> Option<&Mutex<Slot>> {
        let index = device.0 as usize;
        let chunk = self.chunks.get(index / CHUNK)?;
        chunk
            .get_or_init(|| (0..CHUNK).map(|_| Mutex::default()).collect())
            .get(index % CHUNK)
    }

    /// The slots that were ever touched, in chunks.
    pub fn chunks(&self) -> impl Iterator<Item = &[Mutex<Slot>]> {
        self.chunks
            .iter()
            .filter_map(|chunk| chunk.get().map(|slots| &**slots))
    }
}
