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
use crate::device;
use crate::history::{HistoryError, LetterFilter, Occupant, Place, PositionRow};
use crate::model::{Correction, Fix, Offset, Restated, Standing, TimeMs, Verdict};

/// How long what was journalled may take to get into ClickHouse before that counts as something that passes.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Latest positions that are corrected together.
const TOGETHER: usize = 64;
/// Messages in one question for their letters.
const LETTERS: usize = 1_000;

/// Corrects what differs. What it has journalled need not be stored before the next page: it remembers that.
pub(super) struct Corrector<'a> {
    rooms: &'a Rooms,
    /// Who stands where by the corrections that may not be among what was read yet, and the offset behind them.
    unstored: AHashMap<Place, (Occupant, Offset)>,
    /// The offsets behind those corrections.
    ends: HashSet<Offset>,
}

/// What came of a page.
pub(super) struct Corrected {
    /// The first positions that differ, to show.
    pub samples: Vec<Difference>,
    /// Devices went back to an earlier fix, which may have become a trusted one by that.
    pub stepped_back: bool,
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

    /// Returns when all corrections of the devices in hand are stored, but for its own, with the offset behind them. Its
    /// own are remembered while history is still read as of `read`.
    pub(super) async fn others_stored(
        &mut self,
        held: &Held,
        read: Option<Offset>,
    ) -> Result<Offset, HistoryError> {
        let positions = self.rooms.history.positions();
        let stored = positions.stored();
        let known = read.map_or(stored, |read| read.min(stored));
        self.unstored.retain(|_, (_, end)| *end > known);
        self.ends.retain(|end| *end > known);
        let others = held.end_but(&self.ends);
        positions.wait_stored(others, PATIENCE).await?;
        Ok(others)
    }

    /// Plans and journals the corrections.
    pub(super) async fn correct(
        &mut self,
        job: &Job,
        judged: Judged,
        counts: &mut Counts,
        held: &mut Held,
    ) -> Result<Corrected, RunError> {
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
                        last: Some(Box::new(row)),
                        wanted: Some(Box::new(wanted)),
                    },
                );
            }
        }
        let items: Vec<Item> = items.into_values().collect();
        let last = items
            .iter()
            .filter_map(|item| item.last.as_deref().map(plan::place));
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
        let mut corrected = Corrected {
            samples: changes.iter().take(MAX_SAMPLES).map(difference).collect(),
            stepped_back: false,
        };
        if !job.request.dry_run {
            let gained: HashSet<Offset> = changes
                .iter()
                .filter(|change| change.old.is_none())
                .map(|change| change.id.offset())
                .collect();
            let stand: Vec<(Place, Occupant)> = changes.iter().flat_map(Change::stand).collect();
            let record = self.journal(job, changes, held, &mut corrected).await?;
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
        Ok(corrected)
    }

    /// Journals the corrections of a page: first those that leave latest positions alone, then the others, which have to
    /// know all of the former. Returns the record before which all of them are.
    async fn journal(
        &self,
        job: &Job,
        changes: Vec<Change>,
        held: &mut Held,
        corrected: &mut Corrected,
    ) -> Result<Offset, RunError> {
        let corrections = &self.rooms.corrections;
        let (last, mut first): (Vec<Change>, Vec<Change>) = changes.into_iter().partition(|change| {
            let old = change.old.as_deref();
            old.is_some_and(|old| corrections.is_latest(old.device, old.id)) && !stays_newest(change)
        });
        let sender = job.request.sender;
        // so that each device is handed many at once, and ClickHouse gets rows in the order of the table
        first.sort_by_cached_key(|change| {
            let row = change.old.as_deref().or(change.new.as_deref());
            (row.map(|row| row.device), change.id)
        });
        let plain = first.into_iter().filter_map(|change| correction(job, change));
        let mut end = corrections.journal(sender, plain, held).await?;
        let mut last: Vec<(Correction, PositionRow)> = last
            .into_iter()
            .filter_map(|change| {
                let latest = change.old.as_deref().cloned()?;
                Some((correction(job, change)?, latest))
            })
            .collect();
        // in small groups, so that little arrives between the look and the record
        for some in last.chunks_mut(TOGETHER) {
            corrections.step_back_all(some).await?;
            corrected.stepped_back |= some.iter().any(|(correction, _)| correction.fallback.is_some());
            let some: Vec<Correction> = some.iter().map(|(correction, _)| correction.clone()).collect();
            end = corrections.journal(sender, some.into_iter(), held).await?;
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
    let (Some(old), Some(new)) = (change.old.as_deref(), change.new.as_deref()) else {
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
    let received = new.as_deref().or(old.as_deref())?.received;
    let plugin = match &new {
        Some(new) => Arc::clone(&new.plugin),
        None => Arc::from(format!("{}@{}", job.request.vendor, job.version)),
    };
    Some(Correction {
        id,
        received,
        revision,
        plugin,
        old: old.map(|old| superseded(*old, new.as_deref())),
        new: new.map(|new| {
            let new = *new;
            Restated {
                device: new.device,
                revision: new.revision,
                vendor: new.vendor,
                plugin: new.plugin,
                fix: new.fix,
                verdict: Some(new.verdict),
            }
        }),
        fallback: None,
        known: Vec::new(),
    })
}

/// What a correction says of the row that it supersedes: where it stands. What an earlier decoder has made of the message
/// need not be kept, as the message is; its row would be written twice more.
fn superseded(old: PositionRow, new: Option<&PositionRow>) -> Standing {
    let mut old = Standing::from(old);
    let when = Fix {
        time: old.fix.time,
        ..Fix::default()
    };
    let whole = std::mem::replace(&mut old.fix, when);
    // a fix that differs in digits which the table does not keep stays where it is
    let moves = |new: &PositionRow| {
        let place = device::place_after(&old, &new.fix, new.received);
        place != (new.time, new.content)
    };
    if new.is_some_and(moves) {
        old.fix = whole;
    }
    old
}

fn difference(change: &Change) -> Difference {
    Difference {
        id: change.id,
        before: change.old.as_deref().map(Standing::from),
        after: change.new.as_deref().map(Standing::from),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{ClientId, DeviceId, PositionId};

    const RECEIVED: TimeMs = TimeMs(1_700_000_000_000);

    fn fixes() -> impl Strategy<Value = Fix> {
        let speed = prop_oneof![Just(1.0), Just(1.000_4), Just(1.000_6), Just(1.001)];
        (speed, prop::option::of(0..2i64)).prop_map(|(speed, second)| Fix {
            time: second.map(|second| TimeMs(RECEIVED.0 + second * 1000)),
            latitude: 1.0,
            longitude: 1.0,
            speed_kmh: Some(speed),
            ..Fix::default()
        })
    }

    proptest! {
        /// However little a correction says of the row that stood, the new one comes to stand where it was planned, also
        /// where the table has lost the digits that tell the place.
        #[test]
        fn a_row_comes_to_stand_where_it_was_planned(said in fixes(), says in fixes()) {
            let (time, content) = device::place_in_history(&said, RECEIVED);
            let kept = said.speed_kmh.map(|speed| (speed * 1e3).round() / 1e3);
            let old = PositionRow {
                client: ClientId(1),
                device: DeviceId(1),
                id: PositionId(1),
                revision: 0,
                time,
                received: RECEIVED,
                verdict: Verdict::Ok,
                content,
                vendor: "v".into(),
                plugin: "v@1".into(),
                fix: Fix { speed_kmh: kept, ..said },
            };
            let (time, content) = device::restated_place(&old, &says);
            let new = PositionRow { time, content, fix: says, ..old.clone() };
            let stands = superseded(old, Some(&new));
            let place = device::place_after(&stands, &new.fix, new.received);
            prop_assert_eq!(place, (new.time, new.content));
        }
    }
}
