#![allow(clippy::unwrap_used, clippy::expect_used)]
//! The plan against a table that keeps, as ClickHouse does, one row per place: that of the greatest version.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::{ClientId, DeviceId, Fix, TimeMs};

fn row(id: u64, at: i64, revision: u8) -> PositionRow {
    PositionRow {
        client: ClientId(1),
        device: DeviceId(1),
        id: PositionId(id),
        revision,
        time: TimeMs(at),
        received: TimeMs(0),
        verdict: Verdict::Ok,
        content: 7,
        vendor: "v".into(),
        plugin: "v@1".into(),
        fix: Fix::default(),
    }
}

/// All rows that were ever written.
#[derive(Debug, Clone, Default)]
struct Table(Vec<PositionRow>);

impl Table {
    /// What a question sees before it leaves out what was taken back.
    fn standing(&self) -> AHashMap<Place, PositionRow> {
        let mut standing: AHashMap<Place, PositionRow> = AHashMap::new();
        for row in &self.0 {
            let version = |row: &PositionRow| (row.revision, u64::MAX - row.id.0);
            let held = standing.entry(place(row)).or_insert_with(|| row.clone());
            if version(row) > version(held) {
                *held = row.clone();
            }
        }
        standing
    }

    fn seen(&self) -> BTreeMap<Place, PositionId> {
        let standing = self.standing().into_iter();
        let seen = standing.filter(|(_, row)| row.verdict != Verdict::Deleted);
        seen.map(|(at, row)| (at, row.id)).collect()
    }

    /// Whether this last row of a position is not what stands at its place.
    fn hides(&self, row: &PositionRow) -> bool {
        self.standing().get(&place(row)) != Some(row)
    }

    fn last(&self, id: PositionId) -> Option<PositionRow> {
        let rows = self.0.iter().filter(|row| row.id == id);
        rows.max_by_key(|row| row.revision).cloned()
    }

    fn occupants(&self) -> AHashMap<Place, Occupant> {
        let occupant = |row: &PositionRow| Occupant {
            id: row.id,
            revision: row.revision,
            deleted: row.verdict == Verdict::Deleted,
            by_person: row.plugin.is_empty(),
        };
        let standing = self.standing().into_iter();
        standing.map(|(at, row)| (at, occupant(&row))).collect()
    }

    /// As a device applies the correction.
    fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            if let Some(old) = &change.old
                && change.new.as_deref().map(place) != Some(place(old))
            {
                self.0.push(PositionRow {
                    revision: change.revision,
                    verdict: Verdict::Deleted,
                    ..PositionRow::clone(old)
                });
            }
            self.0.extend(change.new.as_deref().cloned());
        }
    }

    /// Decodes all messages again, so many in a page.
    fn decode_again(&mut self, wanted: &BTreeMap<u64, Option<i64>>, page: usize) -> usize {
        let mut changed = 0;
        let ids: Vec<u64> = wanted.keys().copied().collect();
        for ids in ids.chunks(page) {
            let items: Vec<Item> = ids
                .iter()
                .map(|id| Item {
                    id: PositionId(*id),
                    last: self.last(PositionId(*id)).map(Box::new),
                    wanted: wanted[id].map(|at| Box::new(row(*id, at, 0))),
                })
                .collect();
            let hidden = items.iter().filter_map(|item| item.last.as_deref());
            let hidden = hidden.filter(|row| self.hides(row)).map(place).collect();
            let asked = places(&items, &hidden);
            let mut occupants = self.occupants();
            occupants.retain(|at, _| asked.contains(at));
            let changes = plan(items, &occupants, &mut Counts::default());
            self.apply(&changes);
            changed += changes.len();
        }
        changed
    }
}

/// What should be seen: at each place the first position that is there.
fn first_of_each(wanted: &BTreeMap<u64, Option<i64>>) -> BTreeMap<Place, PositionId> {
    let mut seen = BTreeMap::new();
    for (id, at) in wanted {
        if let Some(at) = at {
            seen.entry(place(&row(*id, *at, 0))).or_insert(PositionId(*id));
        }
    }
    seen
}

fn places_of(ids: u64) -> impl Strategy<Value = BTreeMap<u64, Option<i64>>> {
    prop::collection::vec(prop::option::weighted(0.8, 0..6i64), ids as usize)
        .prop_map(|places| (1..).zip(places).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// However fixes move, vanish and come, one after another version of a decoder, each position is seen where the last
    /// one says, behind none that came later; and decoding once more changes nothing.
    #[test]
    fn what_is_seen_is_what_the_decoder_says(
        first in places_of(8),
        versions in prop::collection::vec((places_of(8), 1..9usize), 1..4),
    ) {
        let mut table = Table::default();
        for (id, at) in &first {
            table.0.extend(at.map(|at| row(*id, at, 0)));
        }
        prop_assert_eq!(table.seen(), first_of_each(&first));
        for (wanted, page) in versions {
            table.decode_again(&wanted, page);
            prop_assert_eq!(table.seen(), first_of_each(&wanted));
            prop_assert_eq!(table.decode_again(&wanted, page), 0);
        }
    }

    /// What a person has said stays, whatever a decoder says.
    #[test]
    fn what_a_person_has_said_stays(first in places_of(6), again in places_of(6), page in 1..7usize,
                                    whose in 1..7u64, deleted in any::<bool>()) {
        let mut table = Table::default();
        for (id, at) in &first {
            table.0.extend(at.map(|at| row(*id, at, 0)));
        }
        let verdict = if deleted { Verdict::Deleted } else { Verdict::Ok };
        // nobody else is there
        let said = PositionRow { verdict, plugin: "".into(), ..row(whose, 9, 200) };
        table.0.push(said.clone());
        table.decode_again(&again, page);
        prop_assert_eq!(table.last(PositionId(whose)), Some(said.clone()));
        prop_assert_eq!(table.seen().get(&place(&said)).copied(), (!deleted).then_some(PositionId(whose)));
    }
}

#[test]
fn a_fix_that_takes_the_place_of_the_next_one_is_seen_there() {
    // a parked vehicle whose clock was read a minute wrong
    let mut table = Table((1..=3).map(|id| row(id, id as i64 * 60, 0)).collect());
    let wanted: BTreeMap<u64, Option<i64>> = (1..=3).map(|id| (id, Some(id as i64 * 60 + 60))).collect();
    assert_eq!(table.decode_again(&wanted, 3), 3);
    assert_eq!(table.seen(), first_of_each(&wanted));
}

#[test]
fn a_position_that_was_corrected_too_often_stays() {
    let mut table = Table(vec![row(1, 60, MAX_CORRECTED)]);
    let mut counts = Counts::default();
    let item = Item {
        id: PositionId(1),
        last: table.last(PositionId(1)).map(Box::new),
        wanted: Some(Box::new(row(1, 120, 0))),
    };
    let changes = plan(vec![item], &table.occupants(), &mut counts);
    assert!(changes.is_empty() && counts.skipped == 1);
    table.apply(&changes);
    assert_eq!(table.seen().len(), 1);
}
