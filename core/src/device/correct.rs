//! What a correction does to a device: its rows, and the latest position. Pure, like the step.

use super::apply::Parked;
use super::content::content_hash;
use super::convert;
use super::core::{Candidate, StepConfig, place_in_history, verdict_when_trusted};
use super::ticket::Reading;
use crate::history::PositionRow;
use crate::latest::Latest;
use crate::model::{ClientId, Correction, DeviceId, Fix, Restated, Standing, TimeMs, Verdict};

/// What became of it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Outcome {
    /// Rows to store.
    pub rows: Vec<PositionRow>,
    /// What happens to the device's latest position.
    pub latest: LatestChange,
}

/// What happens to a latest position.
#[derive(Debug, Default, PartialEq)]
pub(super) enum LatestChange {
    #[default]
    Stays,
    Becomes(Box<Latest>),
    /// Nothing trusted is left.
    Goes,
}

impl Standing {
    /// The row, under its client.
    pub(super) fn row(&self, client: ClientId) -> PositionRow {
        PositionRow {
            client,
            device: self.device,
            id: self.id,
            revision: self.revision,
            time: self.time,
            received: self.received,
            verdict: self.verdict,
            content: self.content,
            vendor: self.vendor.clone(),
            plugin: self.plugin.clone(),
            fix: self.fix.clone(),
        }
    }
}

/// Applies to `device` what concerns it: a position that moves to another device concerns both, each in its turn.
pub(super) fn correct(
    parked: &mut Parked,
    client: ClientId,
    device: DeviceId,
    correction: &Correction,
    config: &StepConfig,
) -> Outcome {
    let old = correction.old.as_ref().filter(|old| old.device == device);
    let new = correction.new.as_ref().filter(|new| new.device == device);
    let new = new.map(|said| New::of(said, correction));
    if let (Some(old), Some(new)) = (old, &new)
        && new.said.verdict.is_none()
        && says_the_same(old, new)
    {
        return relabel(parked, &old.row(client), new.said, correction);
    }
    let mut outcome = Outcome::default();
    let mut fallback = None;
    if let Some(old) = old {
        if parked.core.is_candidate(old.id) {
            parked.candidate = None;
        }
        let other = correction.fallback.as_ref().map(|row| trusted(row.row(client)));
        if parked.core.retract(old.id, other.as_ref()) {
            outcome.latest = other.as_ref().map_or(LatestChange::Goes, becomes);
            fallback = other;
            for known in &correction.known {
                parked.note_corrected(*known);
            }
        }
        let row = old.row(client);
        parked.note_corrected((&row).into());
        // the tombstone is needed where nothing else supersedes the old row
        if new.as_ref().map(|new| (new.time, new.content)) != Some((old.time, old.content)) {
            outcome.rows.push(PositionRow {
                revision: correction.revision,
                verdict: Verdict::Deleted,
                plugin: correction.plugin.clone(),
                ..row
            });
        }
    }
    if let Some(new) = &new {
        match new.said.verdict {
            Some(verdict) => take_over(parked, client, correction, new, verdict, &mut outcome),
            None => restate(parked, client, correction, new, config, &mut outcome),
        }
    }
    // A late row is trusted only where latest has stepped back to it for good.
    if let (Some(row), Some(was)) = (fallback, &correction.fallback)
        && was.verdict == Verdict::Late
        && parked.core.newest().is_some_and(|(_, id)| id == row.id)
    {
        outcome.rows.push(PositionRow {
            revision: row.revision.saturating_add(1),
            ..row
        });
    }
    outcome
}

/// What is said now, and where its row comes to stand.
struct New<'a> {
    said: &'a Restated,
    time: TimeMs,
    content: u64,
    revision: u8,
}

impl<'a> New<'a> {
    fn of(said: &'a Restated, correction: &Correction) -> Self {
        let mut revision = said.revision;
        let (time, content) = if let Some(old) = &correction.old {
            let (time, content) = place_after(old, &said.fix, correction.received);
            if (said.device, time, content) == (old.device, old.time, old.content) {
                revision = correction.revision;
            }
            (time, content)
        } else {
            place_in_history(&said.fix, correction.received)
        };
        Self {
            said,
            time,
            content,
            revision,
        }
    }
}

/// Judges what is said now, and adds its row and what it releases.
fn restate(
    parked: &mut Parked,
    client: ClientId,
    correction: &Correction,
    new: &New<'_>,
    config: &StepConfig,
    outcome: &mut Outcome,
) {
    let reading = Reading {
        id: correction.id,
        received: correction.received,
        fix: new.said.fix.clone(),
        vendor: new.said.vendor.clone(),
        plugin: new.said.plugin.clone(),
    };
    let mut step = parked.core.step_again(&reading, config);
    // Late is who arrives late; a correction arrives later than everything and says nothing about that.
    if step.verdict == Verdict::Late
        && correction
            .old
            .as_ref()
            .is_some_and(|old| old.verdict != Verdict::Late)
    {
        step.verdict = verdict_when_trusted(&reading.fix, reading.received);
    }
    let mut row = convert::row(client, new.said.device, reading, &step);
    row.revision = new.revision;
    if correction.old.is_some() {
        (row.time, row.content) = (new.time, new.content);
    }
    match step.candidate {
        Candidate::Unchanged => {}
        Candidate::Keep => parked.candidate = Some(Box::new(row.clone())),
        Candidate::Dropped => parked.candidate = None,
        Candidate::Released(verdict) => {
            if let Some(mut released) = parked.candidate.take() {
                released.verdict = verdict;
                released.revision = released.revision.saturating_add(1);
                outcome.latest = becomes(&released);
                outcome.rows.push(*released);
            }
        }
    }
    if step.latest {
        outcome.latest = becomes(&row);
    }
    parked.note_corrected((&row).into());
    outcome.rows.push(row);
}

/// Takes over what is said now with the judgement that comes with it.
fn take_over(
    parked: &mut Parked,
    client: ClientId,
    correction: &Correction,
    new: &New<'_>,
    verdict: Verdict,
    outcome: &mut Outcome,
) {
    let row = PositionRow {
        client,
        device: new.said.device,
        id: correction.id,
        revision: new.revision,
        time: new.time,
        received: correction.received,
        verdict,
        content: new.content,
        vendor: new.said.vendor.clone(),
        plugin: new.said.plugin.clone(),
        fix: new.said.fix.clone(),
    };
    if parked.core.restore(&row) {
        outcome.latest = becomes(&row);
    } else if parked.core.restore_jump(&row) {
        parked.candidate = Some(Box::new(row.clone()));
    }
    parked.note_corrected((&row).into());
    outcome.rows.push(row);
}

/// The same place, time and content, only with other details: the judgement stays, one row supersedes the old.
fn relabel(parked: &mut Parked, old: &PositionRow, new: &Restated, correction: &Correction) -> Outcome {
    let row = PositionRow {
        revision: correction.revision,
        fix: new.fix.clone(),
        vendor: new.vendor.clone(),
        plugin: new.plugin.clone(),
        ..old.clone()
    };
    if parked.core.is_candidate(row.id) {
        parked.candidate = Some(Box::new(row.clone()));
    }
    parked.note_corrected(old.into());
    let is_latest = parked.core.newest().is_some_and(|(_, id)| id == row.id);
    Outcome {
        latest: if is_latest {
            becomes(&row)
        } else {
            LatestChange::Stays
        },
        rows: vec![row],
    }
}

fn says_the_same(old: &Standing, new: &New<'_>) -> bool {
    (new.time, new.content) == (old.time, old.content)
        && old.fix.time == new.said.fix.time
        && old.fix.valid == new.said.fix.valid
}

/// Time and content of a row that is restated. A row that was stored has lost some digits, so its content is not
/// hashed again where nothing of it has changed; nor is its time worked out again.
pub fn restated_place(old: &PositionRow, fix: &Fix) -> (TimeMs, u64) {
    let place = place_in_history(fix, old.received);
    kept_place(place, (old.time, old.content), fix, &old.fix)
}

/// Time and content of a fix, received then, that restates `old`.
pub(crate) fn place_after(old: &Standing, fix: &Fix, received: TimeMs) -> (TimeMs, u64) {
    let place = place_in_history(fix, received);
    kept_place(place, (old.time, old.content), fix, &old.fix)
}

/// The same for a row whose own time and content are those of its fix.
pub(crate) fn restated_row_place(old: &PositionRow, row: &PositionRow) -> (TimeMs, u64) {
    kept_place(
        (row.time, row.content),
        (old.time, old.content),
        &row.fix,
        &old.fix,
    )
}

/// The place of `fix`, which restates `old`: its own, or the old one where it says the same.
fn kept_place(
    (mut time, mut content): (TimeMs, u64),
    (old_time, old_content): (TimeMs, u64),
    fix: &Fix,
    old: &Fix,
) -> (TimeMs, u64) {
    if fix.time == old.time {
        time = old_time;
    }
    if content != old_content && content == content_hash(old) {
        content = old_content;
    }
    (time, content)
}

/// The row as it counts once it is the newest.
fn trusted(mut row: PositionRow) -> PositionRow {
    if row.verdict == Verdict::Late {
        row.verdict = verdict_when_trusted(&row.fix, row.received);
    }
    row
}

fn becomes(row: &PositionRow) -> LatestChange {
    LatestChange::Becomes(Box::new(convert::latest(row)))
}
