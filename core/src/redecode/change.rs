//! From a judged page to corrections on disk.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;

use super::job::{Counts, Difference, Job, MAX_SAMPLES};
use super::jobs::Rooms;
use super::judge::Judged;
use super::plan::{self, Change, Item};
use super::run::RunError;
use crate::corrections::Held;
use crate::history::{HistoryError, LetterFilter, Occupant, Place, PositionRow};
use crate::model::{Correction, Offset, Restated, Standing, TimeMs, Verdict};

/// How long what was journalled may take to get into ClickHouse before that counts as something that passes.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Latest positions that are corrected together.
const TOGETHER: usize = 64;
/// Messages in one question for their letters.
const LETTERS: usize = 1_000;

/// Corrects what differs. What it has journalled need not be stored before the next page: it remembers that.
pub(super) struct Corrector<'a> {
    rooms: &'a Rooms,
    /// Who stands where by the corrections that may not be stored yet, and the offset behind them.
    unstored: AHashMap<Place, (Occupant, Offset)>,
    /// The offsets behind those corrections.
    ends: HashSet<Offset>,
}

impl<'a> Corrector<'a> {
    /// Has corrected nothing.
    pub(super) fn new(rooms: &'a Rooms) -> Self {
        Self {
            rooms,
            unstored: AHashMap::new(),
            ends: HashSet::new(),
        }
    }

    /// Returns when all corrections of the devices in hand are stored, but for its own.
    pub(super) async fn others_stored(&mut self, held: &Held) -> Result<(), HistoryError> {
        let positions = self.rooms.history.positions();
        let stored = positions.stored();
        self.unstored.retain(|_, (_, end)| *end > stored);
        self.ends.retain(|end| *end > stored);
        positions.wait_stored(held.end_but(&self.ends), PATIENCE).await
    }

    /// Plans and journals the corrections. Returns the first of them, to show.
    pub(super) async fn correct(
        &mut self,
        job: &Job,
        judged: Judged,
        counts: &mut Counts,
        held: &mut Held,
    ) -> Result<Vec<Difference>, RunError> {
        let Judged {
            mut items,
            confirmed,
            silent,
            mut hidden,
        } = judged;
        let positions = self.rooms.history.positions();
        if !confirmed.is_empty() {
            // the rows of earlier pages
            let ours = self.ends.iter().max().copied().unwrap_or_default();
            positions.wait_stored(ours, PATIENCE).await?;
        }
        for (id, verdict) in confirmed {
            if let Some(row) = positions.get(job.client(), id).await?
                && row.verdict == Verdict::Jump
            {
                let wanted = PositionRow {
                    verdict,
                    ..row.clone()
                };
                items.insert(
                    id,
                    Item {
                        id,
                        last: Some(row),
                        wanted: Some(wanted),
                    },
                );
            }
        }
        let items: Vec<Item> = items.into_values().collect();
        let last = items
            .iter()
            .filter_map(|item| item.last.as_ref().map(plan::place));
        hidden.extend(last.filter(|at| self.unstored.contains_key(at)));
        let places = plan::places(&items, &hidden);
        let occupants = positions.occupants(job.client(), &places).await?;
        let mut occupants: AHashMap<Place, Occupant> = occupants.into_iter().collect();
        for at in places {
            if let Some((ours, _)) = self.unstored.get(&at)
                && occupants
                    .get(&at)
                    .is_none_or(|stored| stored.revision < ours.revision)
            {
                occupants.insert(at, *ours);
            }
        }
        let changes = plan::plan(items, &occupants, counts);
        let samples = changes.iter().take(MAX_SAMPLES).map(difference).collect();
        if !job.request.dry_run {
            let gained: HashSet<Offset> = changes
                .iter()
                .filter(|change| change.old.is_none())
                .map(|change| change.id.offset())
                .collect();
            let stand: Vec<(Place, Occupant)> = changes.iter().flat_map(Change::stand).collect();
            let record = self.journal(job, changes, held).await?;
            if !stand.is_empty() {
                self.ends.insert(record);
                let stand = stand.into_iter().map(|(at, who)| (at, (who, record)));
                self.unstored.extend(stand);
            }
            let gained: Vec<(Offset, TimeMs)> = silent
                .into_iter()
                .filter(|(offset, _)| gained.contains(offset))
                .collect();
            self.answer_letters(job, &gained, record).await?;
        }
        Ok(samples)
    }

    /// Journals the corrections of a page: first those that leave latest positions alone, then the others, which have to
    /// know all of the former. Returns the record before which all of them are.
    async fn journal(&self, job: &Job, changes: Vec<Change>, held: &mut Held) -> Result<Offset, RunError> {
        let corrections = &self.rooms.corrections;
        let (last, first): (Vec<Change>, Vec<Change>) = changes.into_iter().partition(|change| {
            let old = change.old.as_ref();
            old.is_some_and(|old| corrections.is_latest(old.device, old.id)) && !stays_newest(change)
        });
        let sender = job.request.sender;
        let mut plain: Vec<Correction> = first
            .into_iter()
            .filter_map(|change| correction(job, change))
            .collect();
        // so that each device is handed many at once, and ClickHouse gets rows in the order of the table
        plain.sort_by_key(|correction| {
            let device = correction.old.as_ref().map(|old| old.device);
            let device = device.or_else(|| correction.new.as_ref().map(|new| new.device));
            (device, correction.id)
        });
        let mut end = corrections.journal(sender, plain, held).await?;
        let mut last: Vec<(Correction, PositionRow)> = last
            .into_iter()
            .filter_map(|change| {
                let latest = change.old.clone()?;
                Some((correction(job, change)?, latest))
            })
            .collect();
        // in small groups, so that little arrives between the look and the record
        for some in last.chunks_mut(TOGETHER) {
            corrections.step_back_all(some).await?;
            let some = some.iter().map(|(correction, _)| correction.clone()).collect();
            end = corrections.journal(sender, some, held).await?;
        }
        Ok(end)
    }

    /// Dead letters of messages that have positions now are marked as replayed.
    async fn answer_letters(
        &self,
        job: &Job,
        messages: &[(Offset, TimeMs)],
        record: Offset,
    ) -> Result<(), RunError> {
        if messages.is_empty() {
            return Ok(());
        }
        let letters = self.rooms.history.letters();
        for some in messages.chunks(LETTERS) {
            let filter = LetterFilter {
                client: job.client(),
                ids: some.iter().map(|(offset, _)| *offset).collect(),
                ..LetterFilter::default()
            };
            let found = letters.sizes(&filter, LETTERS).await?;
            let found: HashSet<Offset> = found.into_iter().map(|(offset, _)| offset).collect();
            let marks: Vec<_> = some
                .iter()
                .filter(|(offset, _)| found.contains(offset))
                .map(|(offset, received)| (*offset, *received, Offset(record.0.saturating_sub(1))))
                .collect();
            if !marks.is_empty() {
                letters.mark(job.client(), &marks).await?;
            }
        }
        Ok(())
    }
}

/// Whether the position, the latest of its device, is that afterwards as well, so that nothing else comes to light.
fn stays_newest(change: &Change) -> bool {
    let (Some(old), Some(new)) = (&change.old, &change.new) else {
        return false;
    };
    new.device == old.device && new.verdict.is_trusted() && new.time >= old.time
}

/// The record of a change, as long as it leaves the latest position of its device alone.
fn correction(job: &Job, change: Change) -> Option<Correction> {
    let Change {
        id,
        old,
        new,
        revision,
    } = change;
    let received = new.as_ref().or(old.as_ref())?.received;
    let plugin = match &new {
        Some(new) => Arc::clone(&new.plugin),
        None => Arc::from(format!("{}@{}", job.request.vendor, job.version)),
    };
    Some(Correction {
        id,
        received,
        revision,
        plugin,
        old: old.map(Standing::from),
        new: new.map(|new| Restated {
            device: new.device,
            revision: new.revision,
            vendor: new.vendor,
            plugin: new.plugin,
            fix: new.fix,
            verdict: Some(new.verdict),
        }),
        fallback: None,
        known: Vec::new(),
    })
}

fn difference(change: &Change) -> Difference {
    Difference {
        id: change.id,
        before: change.old.as_ref().map(Standing::from),
        after: change.new.as_ref().map(Standing::from),
    }
}
