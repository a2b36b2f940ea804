//! The segmentation once more, in several passes over lists: slow and plain, to compare with.

use super::stretch::{Says, Stretch, pace, says};
use super::{Kind, Point, Thresholds};

/// The kinds of the segments with the numbers of their first and last points.
pub(super) fn segments(points: &[Point], thresholds: &Thresholds) -> Vec<(Kind, usize, usize)> {
    let said = merged(undecided_joined(points, thresholds));
    let said = merged(undecided_assigned(&said));
    let long = |from: usize, to: usize| {
        points[to].time.0 - points[from].time.0 >= i64::from(thresholds.min_stop_minutes) * 60_000
    };
    let at = |index: Option<usize>| index.and_then(|index| said.get(index)).map(|(says, ..)| *says);
    let kinds = said.iter().enumerate().map(|(index, &(says, from, to))| {
        let beside_trip = [at(index.checked_sub(1)), at(Some(index + 1))].contains(&Some(Says::Moving));
        let kind = match says {
            Says::Gap => Kind::Gap,
            Says::Moving => Kind::Moving,
            Says::Halt if beside_trip && !long(from, to) => Kind::Moving,
            _ => Kind::Stopped,
        };
        (kind, from, to)
    });
    merged(kinds.collect())
}

/// A row of steps that say nothing says what it says as a whole, as soon as it does.
fn undecided_joined(points: &[Point], thresholds: &Thresholds) -> Vec<(Says, usize, usize)> {
    let mut steps: Vec<(Says, usize, usize)> = Vec::new();
    for to in 1..points.len() {
        let said = says(&Stretch::step(points[to - 1], points[to]), thresholds);
        steps.push((said, to - 1, to));
        let row = steps
            .iter()
            .rev()
            .take_while(|(says, ..)| *says == Says::Nothing)
            .count();
        if row > 0 {
            let whole = pace(&points[to - row], &points[to], thresholds);
            if matches!(whole, Says::Moving | Says::Halt) {
                steps.iter_mut().rev().take(row).for_each(|step| step.0 = whole);
            }
        }
    }
    steps
}

fn undecided_assigned(said: &[(Says, usize, usize)]) -> Vec<(Says, usize, usize)> {
    let at = |index: Option<usize>| index.and_then(|index| said.get(index)).map(|(says, ..)| *says);
    let one = |(index, &(says, from, to)): (usize, &(Says, usize, usize))| {
        let (before, after) = (at(index.checked_sub(1)), at(Some(index + 1)));
        let says = match says {
            Says::Nothing if [before, after].contains(&Some(Says::Moving)) => Says::Moving,
            Says::Nothing => Says::Halt,
            says => says,
        };
        (says, from, to)
    };
    said.iter().enumerate().map(one).collect()
}

fn merged<T: Copy + PartialEq>(parts: Vec<(T, usize, usize)>) -> Vec<(T, usize, usize)> {
    let mut merged: Vec<(T, usize, usize)> = Vec::new();
    for (what, from, to) in parts {
        match merged.last_mut() {
            Some(last) if last.0 == what => last.2 = to,
            _ => merged.push((what, from, to)),
        }
    }
    merged
}
