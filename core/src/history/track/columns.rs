//! Rows of tracks, as ClickHouse gives them: block by block, column by column.

use clickhouse::error::Error;
use clickhouse::native::Block;
use clickhouse::native::decode::Decode;

use super::{DeviceFixes, TrackFix, TrackPoint};
use crate::history::record::from_e3;
use crate::model::{DeviceId, PositionId, TimeMs};

/// What is read of a track.
pub(super) trait Rows: Send + 'static {
    /// What is made of it.
    type Item: Send + 'static;
    /// The columns.
    const SELECT: &'static str;
    /// The order of its rows.
    const ORDER: &'static str;

    /// Adds the rows of a block.
    fn read(block: &Block, into: &mut Vec<Self::Item>) -> Result<(), Error>;

    /// How many rows there are in what was made of them.
    fn rows(item: &Self::Item) -> usize;

    /// Brings all that was read into the order of the whole; what comes of one block is in order.
    fn arrange(items: &mut Vec<Self::Item>);
}

/// Fixes for reports: as few and as narrow columns as can be, there are millions of rows.
pub(super) struct Fixes;

/// Fixes for an export.
pub(super) struct Points;

impl Rows for Fixes {
    type Item = DeviceFixes;
    const SELECT: &'static str =
        "p.device_id, toUnixTimestamp64Milli(p.time), p.lat_e7, p.lon_e7, ifNull(p.speed_e3, -1)";
    const ORDER: &'static str = "p.device_id, p.time";

    fn read(block: &Block, into: &mut Vec<DeviceFixes>) -> Result<(), Error> {
        let devices = column::<u32>(block, 0)?;
        let mut time = column::<i64>(block, 1)?;
        let mut lat_e7 = column::<i32>(block, 2)?;
        let mut lon_e7 = column::<i32>(block, 3)?;
        let mut speed_e3 = column::<i64>(block, 4)?;
        let mut open: Option<DeviceFixes> = None;
        for device in devices {
            let device = DeviceId(device?);
            let fix = TrackFix {
                time: TimeMs(next(&mut time)?),
                lat_e7: next(&mut lat_e7)?,
                lon_e7: next(&mut lon_e7)?,
                speed_e3: next(&mut speed_e3)?,
            };
            match &mut open {
                Some(open) if open.device == device => open.fixes.push(fix),
                _ => {
                    let fixes = vec![fix];
                    into.extend(open.replace(DeviceFixes { device, fixes }));
                }
            }
        }
        into.extend(open);
        Ok(())
    }

    fn rows(item: &DeviceFixes) -> usize {
        item.fixes.len()
    }

    /// Mostly these are the days of devices, and only need to change places.
    fn arrange(items: &mut Vec<DeviceFixes>) {
        items.sort_by_key(|item| (item.device, item.first()));
        let mut arranged: Vec<DeviceFixes> = Vec::with_capacity(items.len());
        for mut item in items.drain(..) {
            match arranged.last_mut() {
                Some(before) if before.device == item.device && before.last() > item.first() => {
                    before.fixes.append(&mut item.fixes);
                    // of two sorted halves: merges them
                    before.fixes.sort_by_key(|fix| fix.time);
                }
                _ => arranged.push(item),
            }
        }
        *items = arranged;
    }
}

impl Rows for Points {
    type Item = TrackPoint;
    const SELECT: &'static str = "p.id, toUnixTimestamp64Milli(p.time), p.lat_e7, p.lon_e7, p.altitude_e3, p.speed_e3, \
                                  p.heading_e3, toString(p.verdict)";
    const ORDER: &'static str = "p.device_id, p.time, p.id";

    fn read(block: &Block, into: &mut Vec<TrackPoint>) -> Result<(), Error> {
        let ids = column::<u64>(block, 0)?;
        let mut time = column::<i64>(block, 1)?;
        let mut lat_e7 = column::<i32>(block, 2)?;
        let mut lon_e7 = column::<i32>(block, 3)?;
        let mut altitude_e3 = column::<Option<i64>>(block, 4)?;
        let mut speed_e3 = column::<Option<i64>>(block, 5)?;
        let mut heading_e3 = column::<Option<i64>>(block, 6)?;
        let mut verdict = column::<String>(block, 7)?;
        for id in ids {
            into.push(TrackPoint {
                id: PositionId(id?),
                time: TimeMs(next(&mut time)?),
                latitude: f64::from(next(&mut lat_e7)?) / 1e7,
                longitude: f64::from(next(&mut lon_e7)?) / 1e7,
                altitude_m: from_e3(next(&mut altitude_e3)?),
                speed_kmh: from_e3(next(&mut speed_e3)?),
                heading_deg: from_e3(next(&mut heading_e3)?),
                verdict: next(&mut verdict)?,
            });
        }
        Ok(())
    }

    fn rows(_: &TrackPoint) -> usize {
        1
    }

    fn arrange(items: &mut Vec<TrackPoint>) {
        items.sort_by_key(|point| (point.time, point.id));
    }
}

/// The values of a column.
fn column<'a, T: Decode<'a>>(
    block: &'a Block,
    index: usize,
) -> Result<impl Iterator<Item = Result<T, Error>> + 'a, Error> {
    let column = block.columns().get(index);
    column.ok_or_else(|| missing(index))?.iter::<T>()
}

/// The next value; all columns of a block are equally long.
fn next<T>(values: &mut impl Iterator<Item = Result<T, Error>>) -> Result<T, Error> {
    values.next().unwrap_or_else(|| Err(missing(0)))
}

#[cold]
fn missing(index: usize) -> Error {
    Error::SchemaMismatch(format!("a block without all its values, column {index}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixes(device: u32, times: &[i64]) -> DeviceFixes {
        let fix = |time: &i64| TrackFix {
            time: TimeMs(*time),
            lat_e7: 0,
            lon_e7: 0,
            speed_e3: -1,
        };
        DeviceFixes {
            device: DeviceId(device),
            fixes: times.iter().map(fix).collect(),
        }
    }

    #[test]
    fn what_blocks_gave_out_of_order_is_arranged_by_device_and_time() {
        let mut items = vec![
            fixes(2, &[20, 21]),
            fixes(1, &[40, 50]),
            fixes(3, &[1]),
            fixes(2, &[10, 20]),
            fixes(1, &[41, 42, 60]),
            fixes(1, &[1, 2]),
        ];
        Fixes::arrange(&mut items);
        let expected = [
            fixes(1, &[1, 2]),
            // overlapping ones become one
            fixes(1, &[40, 41, 42, 50, 60]),
            fixes(2, &[10, 20]),
            fixes(2, &[20, 21]),
            fixes(3, &[1]),
        ];
        assert_eq!(items, expected);
    }
}
