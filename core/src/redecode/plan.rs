//! What has to be corrected so that history says what the decoder says now. Pure.
//!
//! At one place (device, time, content) stands one position: that of the smallest id which is the same fix. So when
//! fixes move, others come to light behind them or go under, also of messages that are decoded as before.

use ahash::{AHashMap, AHashSet};

use super::job::Counts;
use crate::history::{Occupant, Place, PositionRow, is_stored_as};
use crate::model::{MAX_CORRECTED, PositionId, Verdict};

/// A position: what its last row says, and what it should say.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub id: PositionId,
    /// Its last row, also where that was taken back or stands behind another.
    pub last: Option<Box<PositionRow>>,
    /// What it should say; `None`: there should be none.
    pub wanted: Option<Box<PositionRow>>,
}

/// One correction.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub id: PositionId,
    /// The row that stands, where there is one.
    pub old: Option<Box<PositionRow>>,
    /// The row that is to stand, with its revision.
    pub new: Option<Box<PositionRow>>,
    /// Revision of the first row that comes of it.
    pub revision: u8,
}

impl Change {
    /// Who stands where once it is applied.
    pub(super) fn stand(&self) -> impl Iterator<Item = (Place, Occupant)> {
        let occupant = |revision, deleted| Occupant {
            id: self.id,
            revision,
            deleted,
            by_person: false,
        };
        let to = self
            .new
            .as_deref()
            .map(|new| (place(new), occupant(new.revision, false)));
        let from = self
            .old
            .as_deref()
            .map(|old| (place(old), occupant(self.revision, true)));
        let left = from.filter(|(from, _)| to.as_ref().is_none_or(|(to, _)| to != from));
        left.into_iter().chain(to)
    }
}

/// Where a row stands.
pub(super) fn place(row: &PositionRow) -> Place {
    (row.device, row.time, row.content)
}

/// The places of which the plan has to know who stands there: those to which something moves, and those at which the
/// last row of a position is not what stands (`hidden`). Where a last row stands, nobody else does.
pub(super) fn places(items: &[Item], hidden: &AHashSet<Place>) -> Vec<Place> {
    let mut places: Vec<Place> = hidden.iter().copied().collect();
    for item in items {
        let from = item.last.as_deref().map(place);
        let to = item.wanted.as_deref().map(place);
        places.extend(to.filter(|to| from != Some(*to)));
    }
    // in the order of the table, so that each question about some of them reads another part of it
    places.sort_unstable();
    places.dedup();
    places
}

/// The corrections that are needed, by id. `items` are sorted by id, each id once.
pub(super) fn plan(
    items: Vec<Item>,
    occupants: &AHashMap<Place, Occupant>,
    counts: &mut Counts,
) -> Vec<Change> {
    let ids: AHashSet<PositionId> = items.iter().map(|item| item.id).collect();
    let mut taken: AHashSet<Place> = AHashSet::new();
    let mut changes = Vec::new();
    for Item { id, last, wanted } in items {
        if let Some(last) = last.as_ref().filter(|last| by_person(last)) {
            if last.verdict != Verdict::Deleted {
                taken.insert(place(last));
            }
            counts.kept += 1;
            continue;
        }
        let own = last.as_ref().map(|last| (last.revision, last.verdict));
        // what stands behind another position of its place is seen by nobody
        let occupant = |at: &Place| occupants.get(at);
        let stands = |row: &PositionRow| {
            let first = occupant(&place(row)).is_none_or(|occupant| occupant.id == id);
            row.verdict != Verdict::Deleted && first
        };
        let old = last.filter(|row| stands(row));
        // an earlier position is the same fix
        let lost = |row: &PositionRow| {
            let at = place(row);
            let other = occupant(&at).filter(|other| !other.deleted && other.id != id);
            taken.contains(&at)
                || other.is_some_and(|other| other.by_person || (other.id < id && !ids.contains(&other.id)))
        };
        let mut new = wanted.filter(|row| !lost(row));
        if says_the_same(old.as_deref(), new.as_deref()) {
            counts.unchanged += u64::from(old.is_some());
            taken.extend(new.as_deref().map(place));
            continue;
        }
        let there = new.as_deref().and_then(|row| occupant(&place(row)));
        let Some((revision, above)) = revisions(own, there) else {
            counts.skipped += 1;
            taken.extend(old.as_deref().map(place));
            continue;
        };
        taken.extend(new.as_deref().map(place));
        match (&old, &new) {
            (Some(_), Some(_)) => counts.changed += 1,
            (Some(_), None) => counts.removed += 1,
            _ => counts.added += 1,
        }
        let stays = old.as_deref().map(place) == new.as_deref().map(place);
        if let Some(new) = &mut new {
            new.revision = if stays { revision } else { above };
        }
        changes.push(Change {
            id,
            old,
            new,
            revision,
        });
    }
    changes
}

/// The first revision that a correction may use, and one for a place that is new to the position: above all that the
/// position has had, above what stands there, and above the tombstone of what stands there. `None`: corrected too often.
fn revisions(own: Option<(u8, Verdict)>, there: Option<&Occupant>) -> Option<(u8, u8)> {
    let (revision, _) = own.unwrap_or((0, Verdict::Ok));
    let theirs = there.map_or(0, |other| other.revision);
    if revision.max(theirs) >= MAX_CORRECTED {
        return None;
    }
    // the fix after a jump may confirm it meanwhile, which takes the next revision
    let first = own.map_or(0, |(revision, verdict)| {
        revision + 1 + u8::from(verdict == Verdict::Jump)
    });
    Some((first, first.max(theirs + 2) + 1))
}

/// Whether a person or a client of REST has corrected it.
fn by_person(row: &PositionRow) -> bool {
    row.revision > 0 && row.plugin.is_empty()
}

/// Whether both say the same of the same place, whoever says it.
fn says_the_same(old: Option<&PositionRow>, new: Option<&PositionRow>) -> bool {
    match (old, new) {
        (None, None) => true,
        (Some(old), Some(new)) => {
            // latest has stepped back to a late fix when what was newer was taken back, and has trusted it since
            let trusted_since = old.revision > 0 && old.verdict.is_trusted() && new.verdict == Verdict::Late;
            place(old) == place(new)
                && (old.verdict == new.verdict || trusted_since)
                && old.vendor == new.vendor
                && is_stored_as(&old.fix, &new.fix)
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
