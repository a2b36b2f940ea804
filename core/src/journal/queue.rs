//! What waits in memory for the next sync: groups of records, each laid out as the block it will become.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Notify;

use super::block::HEADER;
use super::error::AppendError;
use super::frames::{Frames, prefix_within};

/// Buffers kept for reuse.
const SPARE: usize = 2;

/// Records that become one block and are synced together.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Room for the header, then the framed records.
    pub block: Vec<u8>,
    pub base: u64,
    pub count: u32,
    /// Who is notified when the group is durable.
    pub wakes: Vec<Arc<Notify>>,
}

/// Whether records are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Open,
    /// Open again once the disk has space.
    NoSpace,
    /// What is queued is still written.
    Closing,
    /// Nothing is written any more.
    Stopped,
}

/// The queue in front of the writer. All that an append touches, under one short lock.
#[derive(Debug)]
pub(super) struct Queue {
    groups: VecDeque<Group>,
    spare: Vec<Group>,
    /// Offset of the next record.
    next: u64,
    /// Bytes queued or being written.
    pending: u64,
    /// Bytes in segments.
    stored: u64,
    pub door: Door,
    limits: Limits,
}

/// Bounds of the queue, bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub group: usize,
    pub pending: u64,
    pub used: u64,
}

impl Queue {
    pub fn new(next: u64, stored: u64, limits: Limits) -> Self {
        let (groups, spare) = (VecDeque::new(), Vec::new());
        Self {
            groups,
            spare,
            next,
            pending: 0,
            stored,
            door: Door::Open,
            limits,
        }
    }

    /// Whether a non-empty append is taken now.
    pub fn admit(&self) -> Result<(), AppendError> {
        let full = |used, limit| Err(AppendError::Full { used, limit });
        match self.door {
            Door::Closing | Door::Stopped => Err(AppendError::Stopped),
            Door::NoSpace => full(self.used(), self.limits.used),
            Door::Open if self.used() >= self.limits.used => full(self.used(), self.limits.used),
            Door::Open if self.pending >= self.limits.pending => full(self.pending, self.limits.pending),
            Door::Open => Ok(()),
        }
    }

    /// Bytes on disk and on their way there.
    pub fn used(&self) -> u64 {
        self.stored + self.pending
    }

    /// Queues admitted records none of which is larger than a group takes; returns the offset of the first.
    pub fn push(&mut self, records: &Frames, wake: Option<&Arc<Notify>>) -> u64 {
        let start = self.next;
        let mut framed = records.framed();
        let mut left = records.len() as u32;
        self.pending += framed.len() as u64;
        while left > 0 {
            let limit = self.limits.group;
            let group = self.last_group();
            let room = limit.saturating_sub(group.block.len());
            let (bytes, count) = if framed.len() <= room {
                (framed.len(), left)
            } else {
                prefix_within(framed, room)
            };
            let empty = group.count == 0;
            let (now, later) = framed.split_at_checked(bytes).unwrap_or((framed, &[]));
            group.block.extend_from_slice(now);
            group.count += count;
            framed = later;
            left -= count;
            self.next += u64::from(count);
            if left > 0 {
                debug_assert!(
                    count > 0 || !empty,
                    "the size of the largest record is checked before"
                );
                self.open_group();
            }
        }
        if let Some(wake) = wake {
            let wakes = &mut self.last_group().wakes;
            // one connection appends often: once per group is enough
            if !wakes.last().is_some_and(|last| Arc::ptr_eq(last, wake)) {
                wakes.push(Arc::clone(wake));
            }
        }
        start
    }

    /// The next group to write.
    pub fn take(&mut self) -> Option<Group> {
        self.groups.pop_front()
    }

    /// Whether nothing waits to be taken.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// `group` is durable as a block.
    pub fn written(&mut self, mut group: Group) {
        self.stored += group.block.len() as u64;
        self.pending = self.pending.saturating_sub((group.block.len() - HEADER) as u64);
        if self.spare.len() < SPARE {
            group.block.clear();
            group.wakes.clear();
            self.spare.push(group);
        }
    }

    /// A seal was written, or segments were removed.
    pub fn restock(&mut self, added: u64, removed: u64) -> u64 {
        self.stored = (self.stored + added).saturating_sub(removed);
        self.stored
    }

    /// Bytes in segments.
    pub fn stored(&self) -> u64 {
        self.stored
    }

    fn last_group(&mut self) -> &mut Group {
        if self.groups.is_empty() {
            self.open_group();
        }
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }

    fn open_group(&mut self) {
        let mut group = self.spare.pop().unwrap_or_default();
        group.block.resize(HEADER, 0);
        group.base = self.next;
        group.count = 0;
        self.groups.push_back(group);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn queue(group: usize) -> Queue {
        Queue::new(
            1,
            0,
            Limits {
                group,
                pending: 1000,
                used: 2000,
            },
        )
    }

    fn frames(records: &[usize]) -> Frames {
        let mut frames = Frames::default();
        for length in records {
            frames.push(&vec![7; *length]);
        }
        frames
    }

    #[test]
    fn groups_are_cut_between_records_and_offsets_stay_dense() {
        let mut queue = queue(HEADER + 100);
        assert_eq!(queue.push(&frames(&[40; 5]), None), 1);
        assert_eq!(queue.push(&frames(&[90]), None), 6);
        let mut groups = Vec::new();
        while let Some(group) = queue.take() {
            assert!(group.block.len() <= HEADER + 100);
            groups.push((group.base, group.count));
            queue.written(group);
        }
        assert_eq!(groups, [(1, 2), (3, 2), (5, 1), (6, 1)]);
        assert_eq!(queue.used(), queue.stored());
    }

    #[test]
    fn a_wake_goes_with_the_last_group_of_its_append_and_once() {
        let mut queue = queue(HEADER + 100);
        let wake = Arc::new(Notify::new());
        queue.push(&frames(&[40; 3]), Some(&wake));
        queue.push(&frames(&[1]), Some(&wake));
        let wakes: Vec<_> = std::iter::from_fn(|| queue.take())
            .map(|group| group.wakes.len())
            .collect();
        assert_eq!(wakes, [0, 1]);
    }

    #[test]
    fn appends_are_refused_while_too_much_is_pending_or_stored() {
        let mut queue = queue(HEADER + 600);
        assert!(queue.admit().is_ok());
        queue.push(&frames(&[500, 500]), None);
        assert!(matches!(
            queue.admit(),
            Err(AppendError::Full { limit: 1000, .. })
        ));
        while let Some(group) = queue.take() {
            queue.written(group);
        }
        assert!(queue.admit().is_ok());
        queue.restock(1000, 0);
        assert!(matches!(
            queue.admit(),
            Err(AppendError::Full { limit: 2000, .. })
        ));
        queue.restock(0, 1000);
        assert!(queue.admit().is_ok());
    }
}
