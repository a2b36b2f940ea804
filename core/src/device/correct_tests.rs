//! Corrections against the rows that they leave and a trivial model of what stands.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::apply::{Parked, Room};
use super::testing::{BUENOS_AIRES, NOW, SANTIAGO, config, reading_at};
use super::ticket::Work;
use super::*;
use crate::history::PositionRow;
use crate::latest::LatestStore;
use crate::model::{
    ClientId, Corrected, Correction, DeviceId, Fix, Offset, PositionId, Restated, Standing, TimeMs, Verdict,
};

const CLIENT: ClientId = ClientId(1);
const ONE: DeviceId = DeviceId(1);
const OTHER: DeviceId = DeviceId(2);
const LONG_AFTER: TimeMs = TimeMs(NOW + 86_400_000);

type Key = (DeviceId, TimeMs, u64);

/// What is journalled.
#[derive(Clone)]
enum Record {
    Fix(DeviceId, Box<Reading>),
    Correction(Arc<Correction>),
}

/// A hub of two devices without journal, pipeline and ClickHouse: records, and the rows that each made.
struct Hub {
    room: Room,
    devices: BTreeMap<DeviceId, Parked>,
    records: Vec<(Record, Vec<PositionRow>)>,
    duplicates: u64,
}

impl Hub {
    fn new() -> Self {
        Self {
            room: Room::new(config(), DeviceCore::step, Arc::new(LatestStore::new())),
            devices: BTreeMap::new(),
            records: Vec::new(),
            duplicates: 0,
        }
    }

    fn next(&self) -> PositionId {
        PositionId::new(Offset(self.records.len() as u64 + 1), 0)
    }

    fn record(&mut self, record: Record) {
        let (ticket, mut applied) = Ticket::new();
        match record.clone() {
            Record::Fix(device, reading) => {
                let batch = DeviceBatch {
                    client: CLIENT,
                    readings: vec![*reading],
                    corrections: Vec::new(),
                    ticket,
                };
                self.apply(Work::new(device, batch));
            }
            Record::Correction(correction) => {
                let from = correction.old.as_ref().map(|old| old.device);
                let to = correction.new.as_ref().map(|new| new.device);
                for device in from.into_iter().chain(to.filter(|to| Some(*to) != from)) {
                    let correction = DeviceCorrection {
                        at: self.next(),
                        correction: Arc::clone(&correction),
                    };
                    let batch = DeviceBatch {
                        client: CLIENT,
                        readings: Vec::new(),
                        corrections: vec![correction],
                        ticket: ticket.clone(),
                    };
                    self.apply(Work::new(device, batch));
                }
                drop(ticket);
            }
        }
        let applied = applied.try_recv().unwrap();
        assert!(applied.failed.is_empty());
        self.duplicates += applied.duplicates;
        self.records.push((record, applied.rows));
    }

    fn apply(&mut self, work: Work) {
        let parked = self.devices.entry(work.device).or_default();
        self.room.apply(parked, work);
    }

    fn send(&mut self, device: DeviceId, fix: Fix) -> PositionId {
        let id = self.next();
        let reading = Reading {
            id,
            received: LONG_AFTER,
            fix,
            vendor: "test".into(),
            plugin: "test@1.0.0".into(),
        };
        self.record(Record::Fix(device, Box::new(reading)));
        id
    }

    /// What ClickHouse shows under `FINAL`: of each key the row of the greatest revision, then the first.
    fn collapsed(&self) -> BTreeMap<Key, PositionRow> {
        let mut standing: BTreeMap<Key, PositionRow> = BTreeMap::new();
        let mut known = HashSet::new();
        for row in self.records.iter().flat_map(|(_, rows)| rows) {
            assert!(known.insert((row.id, row.revision)), "{row:?} twice");
            let key = (row.device, row.time, row.content);
            let wins = |held: &PositionRow| {
                (row.revision, std::cmp::Reverse(row.id)) > (held.revision, std::cmp::Reverse(held.id))
            };
            if standing.get(&key).is_none_or(wins) {
                standing.insert(key, row.clone());
            }
        }
        standing
    }

    fn rows(&self) -> Vec<PositionRow> {
        let standing = self.collapsed().into_values();
        standing.filter(|row| row.verdict != Verdict::Deleted).collect()
    }

    fn row(&self, id: PositionId) -> Option<PositionRow> {
        self.rows().into_iter().find(|row| row.id == id)
    }

    fn latest(&self, device: DeviceId) -> Option<PositionId> {
        self.room.latest.get(device).map(|latest| latest.id)
    }

    /// Accepts a correction as [`crate::corrections`] does. False: another row has that place.
    fn correct(&mut self, id: PositionId, new: Option<(DeviceId, Fix)>) -> bool {
        let old = self.row(id).unwrap();
        let revision = old.revision + 1 + u8::from(old.verdict == Verdict::Jump);
        let mut restated = None;
        if let Some((device, fix)) = new {
            let (time, content) = restated_place(&old, &fix);
            let above = match self.collapsed().get(&(device, time, content)) {
                Some(held) if held.id != id && held.verdict != Verdict::Deleted => return false,
                Some(held) => held.revision,
                None => 0,
            };
            restated = Some(Restated {
                device,
                revision: above.max(revision) + 1,
                vendor: Arc::clone(&old.vendor),
                plugin: Arc::clone(&old.plugin),
                fix,
                verdict: None,
            });
        }
        let other = |row: &PositionRow| {
            row.device == old.device
                && row.id != id
                && (row.verdict.is_trusted() || row.verdict == Verdict::Late)
        };
        let fallback = if self.latest(old.device) == Some(id) {
            let others = self.rows().into_iter().filter(other);
            others.max_by_key(|row| (row.time, row.id))
        } else {
            None
        };
        self.record(Record::Correction(Arc::new(Correction {
            id,
            received: old.received,
            revision,
            plugin: Arc::clone(&old.plugin),
            old: Some((&old).into()),
            new: restated,
            known: self.corrected(old.device, fallback.as_ref()),
            fallback: fallback.as_ref().map(Standing::from),
        })));
        true
    }

    /// What was corrected and is neither trusted nor older than the fallback.
    fn corrected(&self, device: DeviceId, fallback: Option<&PositionRow>) -> Vec<Corrected> {
        let since = fallback.map_or(TimeMs(0), |row| row.time);
        let rows = self.collapsed().into_values();
        rows.filter(|row| {
            row.device == device && row.revision > 0 && !row.verdict.is_trusted() && row.time >= since
        })
        .map(|row| Corrected::from(&row))
        .collect()
    }

    fn delete(&mut self, id: PositionId) {
        assert!(self.correct(id, None));
    }

    fn update(&mut self, id: PositionId, edit: impl FnOnce(&mut Fix)) -> bool {
        let row = self.row(id).unwrap();
        let mut fix = row.fix;
        edit(&mut fix);
        self.correct(id, Some((row.device, fix)))
    }

    /// Dies; what the last `back` records made was not sealed. Restores from what was, and applies them again.
    fn restart(&mut self, back: usize) {
        let again = self.records.split_off(self.records.len().saturating_sub(back));
        self.devices.clear();
        self.room.latest = Arc::new(LatestStore::new());
        let mut newest: BTreeMap<DeviceId, PositionRow> = BTreeMap::new();
        let mut corrected = Vec::new();
        for row in self.collapsed().into_values() {
            if row.revision > 0 && !row.verdict.is_trusted() {
                corrected.push(row);
            } else if row.verdict.is_trusted()
                && newest
                    .get(&row.device)
                    .is_none_or(|held| (row.time, row.id) > (held.time, held.id))
            {
                newest.insert(row.device, row);
            }
        }
        corrected.retain(|row| {
            newest
                .get(&row.device)
                .is_none_or(|newest| newest.time <= row.time)
        });
        for row in newest.into_values().chain(corrected) {
            let parked = self.devices.entry(row.device).or_default();
            if parked.restore(&row) {
                self.room.latest.put(row.device, &convert::latest(&row));
            }
        }
        for (record, _) in again {
            self.record(record);
        }
    }
}

/// A fix in Santiago, of the minute `slot`.
fn fix(slot: i64) -> Fix {
    fix_at(slot, SANTIAGO)
}

fn fix_at(slot: i64, place: (f64, f64)) -> Fix {
    reading_at(0, slot * 60, place).fix
}

fn seen(rows: &[PositionRow]) -> Vec<(u64, u8, Verdict)> {
    rows.iter()
        .map(|row| (row.id.offset().0, row.revision, row.verdict))
        .collect()
}

fn made(hub: &Hub) -> Vec<(u64, u8, Verdict)> {
    seen(&hub.records.last().unwrap().1)
}

#[test]
fn deleting_the_latest_steps_back_and_deleting_all_leaves_none() {
    let mut hub = Hub::new();
    let (first, second) = (hub.send(ONE, fix(1)), hub.send(ONE, fix(2)));
    hub.delete(second);
    assert_eq!(made(&hub), [(2, 1, Verdict::Deleted)]);
    assert_eq!(hub.latest(ONE), Some(first));
    // what comes next is judged by what is left
    assert_eq!(hub.send(ONE, fix_at(1, SANTIAGO)), PositionId::new(Offset(4), 0));
    assert_eq!(made(&hub), []);
    hub.delete(first);
    assert_eq!(hub.latest(ONE), None);
    assert!(hub.rows().is_empty());
    let next = hub.send(ONE, fix(0));
    assert_eq!(hub.latest(ONE), Some(next));
}

#[test]
fn what_was_late_only_because_of_the_deleted_fix_is_trusted_then() {
    let mut hub = Hub::new();
    let (_, wrong, between) = (
        hub.send(ONE, fix(1)),
        hub.send(ONE, fix(9)),
        hub.send(ONE, fix(5)),
    );
    assert_eq!(made(&hub), [(3, 0, Verdict::Late)]);
    hub.delete(wrong);
    assert_eq!(made(&hub), [(2, 1, Verdict::Deleted), (3, 1, Verdict::Ok)]);
    assert_eq!(hub.latest(ONE), Some(between));
    hub.restart(0);
    assert_eq!(hub.latest(ONE), Some(between));
}

#[test]
fn an_older_fix_that_is_deleted_or_restated_leaves_the_latest_alone() {
    let mut hub = Hub::new();
    let (first, second, third) = (
        hub.send(ONE, fix(1)),
        hub.send(ONE, fix(2)),
        hub.send(ONE, fix(3)),
    );
    assert!(hub.update(first, |fix| fix.speed_kmh = Some(7.0)));
    // it did not arrive late then, and does not now
    assert_eq!(made(&hub), [(1, 1, Verdict::Deleted), (1, 2, Verdict::Ok)]);
    hub.delete(second);
    assert_eq!(hub.latest(ONE), Some(third));
    assert_eq!(hub.row(first).unwrap().fix.speed_kmh, Some(7.0));
}

#[test]
fn details_that_are_no_content_are_restated_in_one_row_with_the_old_judgement() {
    let mut hub = Hub::new();
    let id = hub.send(ONE, fix(1));
    assert!(hub.update(id, |fix| fix.fuel_percent = Some(50.0)));
    assert_eq!(made(&hub), [(1, 1, Verdict::Ok)]);
    assert_eq!(hub.room.latest.get(ONE).unwrap().fuel_percent, Some(50.0));
    let newer = hub.send(ONE, fix(2));
    assert!(hub.update(id, |fix| fix.fuel_percent = Some(60.0)));
    assert_eq!(made(&hub), [(1, 2, Verdict::Ok)]);
    assert_eq!(hub.latest(ONE), Some(newer));
}

#[test]
fn content_that_lost_digits_in_history_is_still_the_same() {
    let mut hub = Hub::new();
    let mut precise = fix(1);
    precise.speed_kmh = Some(60.123_456_7);
    let id = hub.send(ONE, precise);
    let row = &mut hub.records[0].1[0];
    row.fix.speed_kmh = Some(60.123);
    let key = (row.time, row.content);
    assert!(hub.update(id, |fix| fix.fuel_percent = Some(1.0)));
    assert_eq!(made(&hub), [(1, 1, Verdict::Ok)]);
    let row = hub.row(id).unwrap();
    assert_eq!((row.time, row.content), key);
}

#[test]
fn a_deleted_fix_that_is_sent_again_stays_deleted() {
    let mut hub = Hub::new();
    let (first, second) = (hub.send(ONE, fix(1)), hub.send(ONE, fix(9)));
    hub.delete(second);
    // beyond the ring of sightings, over a restart, and again
    for minute in 0..20 {
        hub.send(
            ONE,
            fix_at(0, (SANTIAGO.0 + f64::from(minute) * 1e-4, SANTIAGO.1)),
        );
    }
    hub.restart(0);
    for _ in 0..2 {
        let before = hub.duplicates;
        hub.send(ONE, fix(9));
        assert_eq!((made(&hub), hub.duplicates - before), (vec![], 1));
        assert_eq!(hub.latest(ONE), Some(first));
    }
    // once something newer is there it is late, and history hides it
    let newer = hub.send(ONE, fix(10));
    hub.restart(0);
    hub.send(ONE, fix(9));
    assert_eq!(made(&hub)[0].2, Verdict::Late);
    assert_eq!(hub.latest(ONE), Some(newer));
    assert!(hub.rows().iter().all(|row| row.fix.time != fix(9).time));
}

#[test]
fn the_uncorrected_fix_does_not_come_back_either() {
    let mut hub = Hub::new();
    let id = hub.send(ONE, fix(5));
    assert!(hub.update(id, |fix| fix.latitude += 1e-3));
    hub.restart(0);
    hub.send(ONE, fix(5));
    assert_eq!(made(&hub), []);
    assert_eq!(hub.latest(ONE), Some(id));
    assert!((hub.room.latest.get(ONE).unwrap().latitude - SANTIAGO.0 - 1e-3).abs() < 1e-7);
}

#[test]
fn a_position_moves_to_another_device_with_its_id() {
    let mut hub = Hub::new();
    let (first, second) = (hub.send(ONE, fix(1)), hub.send(ONE, fix(2)));
    let theirs = hub.send(OTHER, fix(0));
    assert!(hub.correct(second, Some((OTHER, fix(2)))));
    assert_eq!(made(&hub), [(2, 1, Verdict::Deleted), (2, 2, Verdict::Ok)]);
    assert_eq!((hub.latest(ONE), hub.latest(OTHER)), (Some(first), Some(second)));
    assert_eq!(hub.row(second).unwrap().device, OTHER);
    hub.delete(second);
    assert_eq!((hub.latest(ONE), hub.latest(OTHER)), (Some(first), Some(theirs)));
}

#[test]
fn a_deleted_candidate_confirms_nothing() {
    let mut hub = Hub::new();
    let home = hub.send(ONE, fix(1));
    let far = hub.send(ONE, fix_at(2, BUENOS_AIRES));
    assert_eq!(made(&hub), [(2, 0, Verdict::Jump)]);
    hub.delete(far);
    // above the revision with which a fix in between could have confirmed it
    assert_eq!(made(&hub), [(2, 2, Verdict::Deleted)]);
    hub.send(ONE, fix_at(3, BUENOS_AIRES));
    assert_eq!(made(&hub), [(4, 0, Verdict::Jump)]);
    assert_eq!(hub.latest(ONE), Some(home));
    let third = hub.send(ONE, fix_at(4, BUENOS_AIRES));
    assert_eq!(hub.latest(ONE), Some(third));
}

#[test]
fn a_position_is_added_under_an_id_as_decoding_again_may_find_it() {
    let mut hub = Hub::new();
    hub.send(ONE, fix(1));
    let id = PositionId::new(Offset(1), 1);
    hub.record(Record::Correction(Arc::new(Correction {
        id,
        received: LONG_AFTER,
        revision: 0,
        plugin: "test@2.0.0".into(),
        old: None,
        new: Some(Restated {
            device: ONE,
            revision: 0,
            vendor: "test".into(),
            plugin: "test@2.0.0".into(),
            fix: fix(2),
            verdict: None,
        }),
        fallback: None,
        known: Vec::new(),
    })));
    assert_eq!(seen(&hub.records[1].1), [(1, 0, Verdict::Ok)]);
    assert_eq!(&*hub.row(id).unwrap().plugin, "test@2.0.0");
    assert_eq!(hub.latest(ONE), Some(id));
}

#[test]
fn a_correction_that_dies_with_its_actor_is_told() {
    let (ticket, mut applied) = Ticket::new();
    let correction = Correction {
        id: PositionId(5),
        received: LONG_AFTER,
        revision: 1,
        plugin: "".into(),
        old: None,
        new: None,
        fallback: None,
        known: Vec::new(),
    };
    let correction = DeviceCorrection {
        at: PositionId(9),
        correction: Arc::new(correction),
    };
    drop(Work::new(
        ONE,
        DeviceBatch {
            client: CLIENT,
            readings: Vec::new(),
            corrections: vec![correction],
            ticket,
        },
    ));
    assert_eq!(applied.try_recv().unwrap().failed, [PositionId(9)]);
}

/// One thing that happens. Numbers pick among what is there.
#[derive(Debug, Clone)]
enum Event {
    Send {
        device: bool,
        slot: i64,
        variant: u8,
        valid: bool,
    },
    Again(usize),
    Delete(usize),
    Update {
        pick: usize,
        slot: Option<i64>,
        variant: Option<u8>,
        fuel: Option<u8>,
        valid: Option<bool>,
        moves: bool,
    },
    Restart(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let slot = 0..12i64;
    prop_oneof![
        4 => (any::<bool>(), slot.clone(), 0..3u8, prop::bool::weighted(0.9))
            .prop_map(|(device, slot, variant, valid)| Event::Send { device, slot, variant, valid }),
        2 => any::<usize>().prop_map(Event::Again),
        2 => any::<usize>().prop_map(Event::Delete),
        3 => (any::<usize>(), prop::option::of(slot), prop::option::of(0..3u8), prop::option::of(0..100u8),
              prop::option::weighted(0.1, any::<bool>()), prop::bool::weighted(0.1))
            .prop_map(|(pick, slot, variant, fuel, valid, moves)| Event::Update { pick, slot, variant, fuel, valid, moves }),
        1 => (0..10usize).prop_map(Event::Restart),
    ]
}

/// A position as anyone would keep it in a list.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    device: DeviceId,
    slot: i64,
    variant: u8,
    fuel: Option<f64>,
    valid: bool,
}

impl Entry {
    fn fix(&self) -> Fix {
        let mut fix = fix_at(
            self.slot,
            (SANTIAGO.0 + f64::from(self.variant) * 1e-4, SANTIAGO.1),
        );
        fix.fuel_percent = self.fuel;
        fix.valid = Some(self.valid);
        fix
    }

    fn place(&self) -> (DeviceId, i64, u8) {
        (self.device, self.slot, self.variant)
    }
}

/// What stands, and every place where something ever stood: what was sent from there once is known.
#[derive(Default)]
struct Model {
    entries: BTreeMap<PositionId, Entry>,
    known: HashSet<(DeviceId, i64, u8)>,
    sent: Vec<Entry>,
}

impl Model {
    fn latest(&self, device: DeviceId) -> Option<PositionId> {
        let of = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.device == device && entry.valid);
        of.max_by_key(|(id, entry)| (entry.slot, **id)).map(|(id, _)| *id)
    }

    /// Two fixes of one device and moment are left to other tests: which of them is the latest depends on how
    /// often they are sent.
    fn has_another(&self, id: Option<PositionId>, wanted: &Entry) -> bool {
        let mut others = self.entries.iter().filter(|(known, _)| Some(**known) != id);
        others.any(|(_, entry)| (entry.device, entry.slot) == (wanted.device, wanted.slot))
    }

    fn pick(&self, pick: usize) -> Option<(PositionId, Entry)> {
        let at = pick % self.entries.len().max(1);
        self.entries
            .iter()
            .nth(at)
            .map(|(id, entry)| (*id, entry.clone()))
    }
}

fn happen(hub: &mut Hub, model: &mut Model, event: &Event) {
    let send = |hub: &mut Hub, model: &mut Model, entry: Entry| {
        // the same content in another state of validity is the same fix
        let known = model.known.contains(&entry.place());
        if (known && !model.sent.contains(&entry)) || (!known && model.has_another(None, &entry)) {
            return;
        }
        let id = hub.send(entry.device, entry.fix());
        if model.known.insert(entry.place()) {
            model.sent.push(entry.clone());
            model.entries.insert(id, entry);
        }
    };
    match *event {
        Event::Send {
            device,
            slot,
            variant,
            valid,
        } => {
            let device = if device { ONE } else { OTHER };
            let fuel = None;
            let entry = Entry {
                device,
                slot,
                variant,
                fuel,
                valid,
            };
            send(hub, model, entry);
        }
        Event::Again(pick) => {
            let at = pick % model.sent.len().max(1);
            if let Some(entry) = model.sent.get(at).cloned() {
                send(hub, model, entry);
            }
        }
        Event::Delete(pick) => {
            if let Some((id, _)) = model.pick(pick) {
                hub.delete(id);
                model.entries.remove(&id);
            }
        }
        Event::Update {
            pick,
            slot,
            variant,
            fuel,
            valid,
            moves,
        } => {
            let Some((id, mut entry)) = model.pick(pick) else {
                return;
            };
            entry.slot = slot.unwrap_or(entry.slot);
            entry.variant = variant.unwrap_or(entry.variant);
            entry.fuel = fuel.map(f64::from).or(entry.fuel);
            entry.valid = valid.unwrap_or(entry.valid);
            if moves {
                entry.device = DeviceId(3 - entry.device.0);
            }
            if model.has_another(Some(id), &entry) {
                return;
            }
            assert!(hub.correct(id, Some((entry.device, entry.fix()))));
            model.known.insert(entry.place());
            model.sent.push(entry.clone());
            model.entries.insert(id, entry);
        }
        Event::Restart(back) => hub.restart(back),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn corrections_in_any_order_and_replays_leave_what_a_list_would(
        events in prop::collection::vec(event(), 1..60)
    ) {
        let (mut hub, mut model) = (Hub::new(), Model::default());
        for event in &events {
            happen(&mut hub, &mut model, event);
            for device in [ONE, OTHER] {
                prop_assert_eq!(hub.latest(device), model.latest(device), "{:?}", event);
            }
        }
        let rows: BTreeMap<PositionId, PositionRow> = hub.rows().into_iter().map(|row| (row.id, row)).collect();
        prop_assert_eq!(rows.len(), hub.rows().len());
        prop_assert_eq!(rows.keys().collect::<Vec<_>>(), model.entries.keys().collect::<Vec<_>>());
        for (id, entry) in &model.entries {
            let row = &rows[id];
            prop_assert_eq!(&row.fix, &entry.fix());
            prop_assert_eq!(row.device, entry.device);
            prop_assert_eq!(row.verdict == Verdict::Invalid, !entry.valid);
        }
    }
}
