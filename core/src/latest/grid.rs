//! Which devices are in which cell of 0.05° × 0.05° (5.6 km at the equator), for questions about areas.

use std::ops::RangeInclusive;

use scc::{Guard, TreeIndex};

use super::area::Bounds;
use super::store::MAX_DEVICES;
use crate::model::DeviceId;

/// Size of a cell, 1e-7 degrees.
const CELL: i64 = 500_000;
const ROWS: u32 = 3600;
const COLUMNS: u32 = 7200;
/// Bits of a device id in a key.
const DEVICE_BITS: u32 = 24;
const _: () = assert!(MAX_DEVICES <= 1 << DEVICE_BITS && (ROWS as u64 * COLUMNS as u64 + 1) < 1 << 32);

/// A cell's number from 1 on, row by row from the south, in a row from the west.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell(u32);

impl Cell {
    /// The cell of a place in 1e-7 degrees.
    pub fn of(lat_e7: i32, lon_e7: i32) -> Self {
        // 180° east is where 180° west is.
        let column = column(i64::from(lon_e7)) % COLUMNS;
        Self(row(i64::from(lat_e7)).min(ROWS - 1) * COLUMNS + column + 1)
    }
}

/// ROWS and above for what lies on the northern edge or beyond.
fn row(lat_e7: i64) -> u32 {
    ((lat_e7 + 900_000_000) / CELL).max(0) as u32
}

/// COLUMNS for the eastern edge.
fn column(lon_e7: i64) -> u32 {
    ((lon_e7 + 1_800_000_000) / CELL).clamp(0, i64::from(COLUMNS)) as u32
}

/// An ordered set of (cell, device); readers take no lock. Written only when a device changes its cell.
///
/// A device is also left in the cell before the present one. So a reader that walks the cells while the device
/// goes from one to the next meets it at least once, a device that swings between two cells costs nothing, and
/// whoever reads has to look at the position anyway.
#[derive(Default)]
pub(super) struct Grid {
    members: TreeIndex<u64, ()>,
}

impl Grid {
    /// Moves a device to `cell` (`None`: out of the grid). `cells` is what the call before returned, 0 at first:
    /// present cell and the one before. Calls for one device must come one after the other.
    pub fn place(&self, device: DeviceId, cells: u64, cell: Option<Cell>) -> u64 {
        let (present, before) = ((cells >> 32) as u32, cells as u32);
        let Some(Cell(cell)) = cell else {
            self.remove(present, device);
            self.remove(before, device);
            return 0;
        };
        if cell == present {
            return cells;
        }
        if cell != before {
            // It can't be there yet; if it is, it is where it should be.
            let _ = self.members.insert_sync(key(cell, device.0), ());
            self.remove(before, device);
        }
        u64::from(cell) << 32 | u64::from(present)
    }

    fn remove(&self, cell: u32, device: DeviceId) {
        if cell != 0 {
            self.members.remove_sync(&key(cell, device.0));
        }
    }

    /// The devices of the cells that a box touches, by id, each once: all that are in the box, and others.
    /// `None`: there are more than `limit` of them.
    pub fn devices(&self, bounds: &Bounds, limit: usize) -> Option<Vec<DeviceId>> {
        let mut found = Vec::new();
        let guard = Guard::new();
        for cells in Cover::new(bounds) {
            let keys = key(*cells.start(), 0)..=key(*cells.end(), (1 << DEVICE_BITS) - 1);
            for (key, ()) in self.members.range(keys, &guard) {
                if found.len() >= limit {
                    return None;
                }
                found.push(DeviceId((*key as u32) & ((1 << DEVICE_BITS) - 1)));
            }
        }
        found.sort_unstable();
        found.dedup();
        Some(found)
    }
}

fn key(cell: u32, device: u32) -> u64 {
    u64::from(cell) << DEVICE_BITS | u64::from(device)
}

/// The ranges of cells that cover a box.
struct Cover {
    rows: RangeInclusive<u32>,
    /// One or two ranges of columns.
    columns: Vec<RangeInclusive<u32>>,
    reaches: (bool, bool),
    ready: Vec<RangeInclusive<u32>>,
}

impl Cover {
    fn new(bounds: &Bounds) -> Self {
        let (low, high) = (
            |degrees: f64| (degrees * 1e7).floor() as i64,
            |degrees: f64| (degrees * 1e7).ceil() as i64,
        );
        let rows = row(low(bounds.south)).min(ROWS - 1)..=row(high(bounds.north)).min(ROWS - 1);
        let (west, east) = (column(low(bounds.west)), column(high(bounds.east)));
        let last = COLUMNS - 1;
        let mut columns = if bounds.west <= bounds.east {
            vec![west.min(last)..=east.min(last)]
        } else if west <= east {
            // almost all around
            vec![0..=last]
        } else {
            vec![0..=east, west.min(last)..=last]
        };
        // the antimeridian is in the first column
        if east >= COLUMNS && west > 0 {
            columns.insert(0, 0..=0);
        }
        let reaches = (bounds.south <= -90.0, bounds.north >= 90.0);
        let all_around = columns == [0..=last];
        let ready = if all_around && !rows.is_empty() {
            vec![cell(*rows.start(), 0)..=cell(*rows.end(), last)]
        } else {
            Vec::new()
        };
        Self {
            rows: if all_around {
                RangeInclusive::new(1, 0)
            } else {
                rows
            },
            columns,
            reaches,
            ready,
        }
    }
}

fn cell(row: u32, column: u32) -> u32 {
    row * COLUMNS + column + 1
}

impl Iterator for Cover {
    type Item = RangeInclusive<u32>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(range) = self.ready.pop() {
                return Some(range);
            }
            let row = self.rows.next()?;
            // all meridians meet at a pole
            let pole = self.reaches.0 && row == 0 || self.reaches.1 && row == ROWS - 1;
            self.ready = if pole {
                vec![cell(row, 0)..=cell(row, COLUMNS - 1)]
            } else {
                let of_row =
                    |columns: &RangeInclusive<u32>| cell(row, *columns.start())..=cell(row, *columns.end());
                self.columns.iter().map(of_row).collect()
            };
        }
    }
}
