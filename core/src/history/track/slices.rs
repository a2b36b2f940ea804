//! What is asked is cut into parts, each small enough for memory: ClickHouse's, where what it reads at once grows with
//! the days (each is a partition, and a file of its own for every column), and ours.

use super::TrackFilter;
use crate::history::record;
use crate::model::{DeviceId, TimeMs};

/// Rows of many devices that are read at once, about; 24 bytes each here. Fewer take longer: in the part of a day
/// ClickHouse reads 8,192 rows or a multiple of that, wanted or not.
pub(super) const ROWS: u64 = 1 << 20;
/// Days in one question.
const DAYS: i64 = 31;
/// Devices of one part: all have an entry there.
const DEVICES: usize = 100_000;
const DAY_MS: i64 = 86_400_000;

/// A part of a track. What is in one comes before what is in the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slice {
    pub devices: Devices,
    /// The stretches of time in which it is read.
    pub spans: Vec<(TimeMs, TimeMs)>,
    pub way: Way,
}

/// Whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Devices {
    /// All that the client has.
    All,
    /// From one to another; all of the client's in between are meant.
    Range(DeviceId, DeviceId),
    /// These.
    These(Vec<DeviceId>),
}

impl Devices {
    /// All that are asked about.
    pub fn of(filter: &TrackFilter) -> Self {
        let devices = filter.devices.as_ref();
        devices.map_or(Self::All, |devices| Self::These(devices.clone()))
    }
}

/// How it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// ClickHouse brings its rows into order, and they are passed on as they come.
    Streamed,
    /// As ClickHouse finds them, which is much cheaper for it; they are brought into order here.
    Collected,
}

/// What is asked, in one part that is read in order: of one device, or of a few in a few days.
pub(super) fn whole(filter: &TrackFilter) -> Vec<Slice> {
    vec![Slice {
        devices: Devices::of(filter),
        spans: spans(filter.from, filter.to),
        way: Way::Streamed,
    }]
}

/// The parts, given how many rows each device has at most, by device. A device with more rows than a part may have
/// is read on its own.
pub(super) fn cut(filter: &TrackFilter, rows: &[(DeviceId, u64)], most: u64) -> Vec<Slice> {
    let spans = spans(filter.from, filter.to);
    let mut slices = Vec::new();
    let mut group = Group::default();
    for (device, rows) in rows.iter().copied() {
        if group.rows + rows > most || group.devices.len() >= DEVICES {
            slices.extend(group.close(filter, &spans));
        }
        if rows > most {
            slices.push(Slice {
                devices: Devices::These(vec![device]),
                spans: spans.clone(),
                way: Way::Streamed,
            });
        } else {
            group.rows += rows;
            group.devices.push(device);
        }
    }
    slices.extend(group.close(filter, &spans));
    slices
}

/// Devices that are read together.
#[derive(Default)]
struct Group {
    devices: Vec<DeviceId>,
    rows: u64,
}

impl Group {
    /// What has been put together, if anything; begins anew.
    fn close(&mut self, filter: &TrackFilter, spans: &[(TimeMs, TimeMs)]) -> Option<Slice> {
        let Self { devices, .. } = std::mem::take(self);
        let (first, last) = (*devices.first()?, *devices.last()?);
        // a list of all would be too long a text
        let devices = match filter.devices {
            Some(_) => Devices::These(devices),
            None => Devices::Range(first, last),
        };
        Some(Slice {
            devices,
            spans: spans.to_vec(),
            way: Way::Collected,
        })
    }
}

/// Consecutive stretches of time that are not too long.
fn spans(from: TimeMs, to: TimeMs) -> Vec<(TimeMs, TimeMs)> {
    let mut spans = Vec::new();
    // in the time of which rows can be
    let (mut at, to) = (TimeMs(record::clamp(from)), TimeMs(record::clamp(to)));
    while at < to {
        // whole days, so that no partition is read for two stretches
        let days = at.0.div_euclid(DAY_MS) + DAYS;
        let end = TimeMs(days.saturating_mul(DAY_MS)).min(to);
        spans.push((at, end));
        at = end;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ClientId;

    fn filter(devices: Option<&[u32]>) -> TrackFilter {
        TrackFilter {
            client: ClientId(7),
            devices: devices.map(|ids| ids.iter().copied().map(DeviceId).collect()),
            from: TimeMs(1_000),
            to: TimeMs(1_000 + 40 * DAY_MS),
        }
    }

    fn rows(rows: &[(u32, u64)]) -> Vec<(DeviceId, u64)> {
        rows.iter().map(|(id, rows)| (DeviceId(*id), *rows)).collect()
    }

    #[test]
    fn devices_are_read_together_up_to_a_number_of_rows_and_large_ones_on_their_own() {
        let counted = rows(&[
            (1, ROWS / 2),
            (2, ROWS / 2),
            (4, 1),
            (5, ROWS + 1),
            (6, 3),
            (9, 4),
        ]);
        let slices = cut(&filter(Some(&[1, 2, 3, 4, 5, 6, 9])), &counted, ROWS);
        let shown: Vec<_> = slices.iter().map(|slice| (&slice.devices, slice.way)).collect();
        let these = |ids: &[u32]| Devices::These(ids.iter().copied().map(DeviceId).collect());
        assert_eq!(
            shown,
            [
                (&these(&[1, 2]), Way::Collected),
                (&these(&[4]), Way::Collected),
                (&these(&[5]), Way::Streamed),
                (&these(&[6, 9]), Way::Collected),
            ]
        );
        let slices = cut(&filter(None), &counted, ROWS);
        assert_eq!(slices[0].devices, Devices::Range(DeviceId(1), DeviceId(2)));
        assert_eq!(slices[3].devices, Devices::Range(DeviceId(6), DeviceId(9)));
        assert_eq!(cut(&filter(None), &[], ROWS), []);
    }

    #[test]
    fn a_part_has_a_bounded_number_of_devices() {
        let many: Vec<_> = (0..=DEVICES as u32).map(|id| (DeviceId(id), 1)).collect();
        assert_eq!(cut(&filter(None), &many, ROWS).len(), 2);
    }

    #[test]
    fn a_long_time_is_read_in_stretches_that_end_with_days() {
        let (from, to) = (TimeMs(1_000), TimeMs(1_000 + 40 * DAY_MS));
        let middle = TimeMs(DAYS * DAY_MS);
        assert_eq!(spans(from, to), [(from, middle), (middle, to)]);
        assert_eq!(spans(from, middle), [(from, middle)]);
        assert_eq!(spans(from, from), []);
        // nothing is stored before 1970 or after 2099
        let all = spans(TimeMs(i64::MIN), TimeMs(i64::MAX));
        assert_eq!(all.first().map(|span| span.0), Some(TimeMs(0)));
        assert!(all.len() < 1_600);
    }
}
