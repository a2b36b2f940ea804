//! What a page's fixes are worth: each device's in the order of receipt, among all else that it said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ahash::{AHashMap, AHashSet};

use super::again::{Again, Page};
use super::job::{Counts, Job};
use super::jobs::Rooms;
use super::plan::{self, Item};
use super::stretch::Stretch;
use crate::device::{self, Reading, Shadow, StepConfig};
use crate::history::{HistoryError, Place, PositionRow};
use crate::model::{DeviceId, Offset, PositionId, TimeMs, Verdict};

/// How far back a device's last fix before the first page is looked for.
const BEFORE_MS: i64 = 32 * 86_400_000;

/// Messages that are judged at a stretch.
const YIELD: usize = 256;

/// The positions of a page as they should be, by id.
#[derive(Default)]
pub(super) struct Judged {
    pub items: BTreeMap<PositionId, Item>,
    /// Of earlier pages: jumps that a fix of this page confirms.
    pub confirmed: Vec<(PositionId, Verdict)>,
    /// Messages of which no position was known.
    pub silent: Vec<(Offset, TimeMs)>,
    /// Places of the page at which the last row of a position is not what stands.
    pub hidden: AHashSet<Place>,
}

/// The devices as of the last message that was judged.
pub(super) struct Judge<'a> {
    rooms: &'a Rooms,
    config: StepConfig,
    shadows: AHashMap<DeviceId, Shadow>,
}

impl<'a> Judge<'a> {
    /// Knows no device.
    pub(super) fn new(rooms: &'a Rooms) -> Self {
        Self {
            rooms,
            config: StepConfig::from(&rooms.devices),
            shadows: AHashMap::new(),
        }
    }

    /// Gets to know the devices that are new to the run as they were before this page.
    pub(super) async fn acquaint(
        &mut self,
        job: &Job,
        devices: &BTreeSet<DeviceId>,
        start: Offset,
        page: &Page,
    ) -> Result<(), HistoryError> {
        let known = |device: &DeviceId| self.shadows.contains_key(device);
        let new: Vec<DeviceId> = devices.iter().copied().filter(|device| !known(device)).collect();
        let Some(first) = page.messages.first().filter(|_| !new.is_empty()) else {
            return Ok(());
        };
        let since = TimeMs(first.received.0.saturating_sub(BEFORE_MS));
        let before = PositionId::new(start, 0);
        let positions = self.rooms.history.positions();
        let rows = positions.newest_before(job.client(), &new, since, before).await?;
        for device in new {
            self.shadows.insert(device, Shadow::default());
        }
        // the trusted one first: a jump is a candidate only where it is newer
        let (trusted, jumps): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.verdict.is_trusted());
        for row in trusted.iter().chain(&jumps) {
            self.shadows.entry(row.device).or_default().restore(row);
        }
        Ok(())
    }

    /// Judges the fixes of a page, and in between takes in what else the devices said: what stands is read from
    /// `stretch`.
    pub(super) async fn judge(
        &mut self,
        job: &Job,
        stretch: &mut Stretch,
        page: Page,
        counts: &mut Counts,
    ) -> Judged {
        let mut judged = Judged::default();
        for (number, message) in page.messages.into_iter().enumerate() {
            if number % YIELD == 0 {
                // live messages are waiting
                tokio::task::yield_now().await;
            }
            while let Some((row, _)) = stretch.next_below(message.offset) {
                // a device that is new to the run later on is met as it was then
                if let Some(shadow) = self.shadows.get_mut(&row.device) {
                    shadow.restore(&row);
                }
            }
            let mut last = BTreeMap::new();
            while let Some((row, stands)) = stretch.next_below(Offset(message.offset.0 + 1)) {
                if !stands {
                    judged.hidden.insert(plan::place(&row));
                }
                last.insert(row.id, row);
            }
            self.message(job, message, last, &mut judged, counts);
        }
        judged
    }

    /// Judges the fixes of a message whose rows are `last`.
    fn message(
        &mut self,
        job: &Job,
        message: Again,
        mut last: BTreeMap<PositionId, Box<PositionRow>>,
        judged: &mut Judged,
        counts: &mut Counts,
    ) {
        let Some(fixes) = message.fixes else {
            counts.refused += 1;
            for row in last.into_values() {
                self.shadows.entry(row.device).or_default().restore(&row);
            }
            return;
        };
        if last.is_empty() {
            judged.silent.push((message.offset, message.received));
        }
        // A position stays with the device that it was received for: which device had the tracker then is not
        // known any more. What is new goes where its siblings are, else where the tracker is now.
        let id = |index| PositionId::new(message.offset, index);
        let is_new = (0..fixes.len()).any(|index| !last.contains_key(&id(index)));
        let siblings: AHashMap<Option<String>, DeviceId> = fixes
            .iter()
            .enumerate()
            .filter(|_| is_new)
            .filter_map(|(index, fix)| Some((fix.ident.clone(), last.get(&id(index))?.device)))
            .collect();
        for (index, fix) in fixes.into_iter().enumerate() {
            let id = id(index);
            let stood = last.remove(&id);
            let sibling = siblings.get(&fix.ident).copied();
            let device = stood.as_ref().map(|row| row.device).or(sibling).or(fix.device);
            let ours = |device: &DeviceId| {
                let device = self.rooms.registry.device(*device);
                device.is_some_and(|device| device.client == job.client())
            };
            let Some(device) = device.filter(ours) else {
                counts.unassigned += 1;
                continue;
            };
            let reading = Reading {
                id,
                received: message.received,
                fix: fix.fix,
                vendor: Arc::clone(&message.vendor),
                plugin: Arc::clone(&message.plugin),
            };
            let shadow = self.shadows.entry(device).or_default();
            let outcome = shadow.judge(job.client(), device, reading, &self.config);
            if let Some((confirmed, verdict)) = outcome.released {
                match judged
                    .items
                    .get_mut(&confirmed)
                    .and_then(|item| item.wanted.as_mut())
                {
                    Some(wanted) => wanted.verdict = verdict,
                    None => judged.confirmed.push((confirmed, verdict)),
                }
            }
            let wanted = outcome.row.map(|mut row| {
                if let Some(stood) = &stood {
                    (row.time, row.content) = device::restated_row_place(stood, &row);
                }
                Box::new(row)
            });
            judged.items.insert(
                id,
                Item {
                    id,
                    last: stood,
                    wanted,
                },
            );
        }
        // what the decoder does not find any more
        for (id, row) in last {
            let item = Item {
                id,
                last: Some(row),
                wanted: None,
            };
            judged.items.insert(id, item);
        }
    }
}
