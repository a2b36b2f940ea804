//! What stands in history, as a re-decoding has to know it: by id, by place, and before a point.

use std::collections::HashSet;
use std::ops::Range;

use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

use super::condition::{Condition, Value};
use super::error::HistoryError;
use super::newest;
use super::positions::{INSTANT, PositionRows, Positions, ask, instant, judged, of};
use super::raw::TEXT_BYTES;
use super::record::{self, PositionRecord};
use super::row::PositionRow;
use crate::model::{ClientId, DeviceId, MAX_FIXES_PER_MESSAGE, Offset, PositionId, TimeMs};

/// Places in one question.
const PLACES: usize = 2_000;
/// Devices in one question.
const DEVICES: usize = 2_000;
const TIME: StaticFormatDescription =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:3]");

/// Where a fix stands: device, time in history, content.
pub(crate) type Place = (DeviceId, TimeMs, u64);

/// Which positions a page is about: those whose id is in a range and that either belong to one of the devices or came
/// of one of the messages.
#[derive(Debug)]
pub(crate) struct Among {
    pub client: ClientId,
    pub ids: Range<PositionId>,
    pub devices: Vec<DeviceId>,
    pub messages: Vec<Offset>,
}

impl Among {
    fn condition(&self) -> Condition {
        let mut condition = of(self.client);
        condition.and("p.id >= ?", Value::Number(self.ids.start.0));
        condition.and("p.id < ?", Value::Number(self.ids.end.0));
        let devices = self.devices.iter().map(|device| u64::from(device.0)).collect();
        condition.and("(p.device_id IN ?", Value::Numbers(devices));
        condition.text += " OR intDiv(p.id, ";
        condition.text += &MAX_FIXES_PER_MESSAGE.to_string();
        condition.text += ") IN ?)";
        let messages = self.messages.iter().map(|offset| offset.0).collect();
        condition.values.push(Value::Numbers(messages));
        condition
    }
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Occupant {
    pub id: PositionId,
    pub revision: u8,
    /// It was taken back.
    pub deleted: bool,
    /// No decoder said so: a person or a client of REST did.
    pub by_person: bool,
}

impl Positions {
    /// The last row of each of these positions, by id; also what was taken back, or stands behind another position of
    /// its place.
    pub(crate) fn last_rows(&self, among: &Among) -> Result<PositionRows, HistoryError> {
        let select = format!("SELECT {} FROM positions AS p", newest::columns());
        let order = " ORDER BY p.id, p.revision DESC LIMIT 1 BY p.id";
        let cursor = self
            .query(&select, &among.condition(), order)?
            .with_setting("max_query_size", TEXT_BYTES.to_string())
            .with_setting("max_ast_elements", "1000000")
            .fetch::<PositionRecord>()
            .map_err(judged)?;
        Ok(PositionRows { cursor })
    }

    /// Their places at which more than one position has ever stood.
    pub(crate) async fn contested(&self, among: &Among) -> Result<HashSet<Place>, HistoryError> {
        let of_these = among.condition();
        let mut condition = of(among.client);
        condition.text += " AND (p.device_id, p.time, p.content) IN (SELECT p.device_id, p.time, p.content \
             FROM positions AS p WHERE ";
        condition.text += &of_these.text;
        condition.text.push(')');
        condition.values.extend(of_these.values);
        let select = "SELECT p.device_id, toUnixTimestamp64Milli(p.time), p.content FROM positions AS p";
        let rest = " GROUP BY p.device_id, p.time, p.content HAVING min(p.id) != max(p.id)";
        let query = self
            .query(select, &condition, rest)?
            .with_setting("max_query_size", TEXT_BYTES.to_string())
            .with_setting("max_ast_elements", "1000000");
        let places = ask(query.fetch_all::<(u32, i64, u64)>()).await?;
        let place = |(device, time, content)| (DeviceId(device), TimeMs(time), content);
        Ok(places.into_iter().map(place).collect())
    }

    /// Of each device the newest trusted row among those whose id is below `before`, and the newest jump, from a point
    /// in time on.
    pub(crate) async fn newest_before(
        &self,
        client: ClientId,
        devices: &[DeviceId],
        since: TimeMs,
        before: PositionId,
    ) -> Result<Vec<PositionRow>, HistoryError> {
        // first where they stand, from few columns
        let select = "SELECT p.device_id, \
             toUnixTimestamp64Milli(argMaxIf(p.time, tuple(p.time, p.id), p.trusted)), \
             argMaxIf(p.content, tuple(p.time, p.id), p.trusted), countIf(p.trusted), \
             toUnixTimestamp64Milli(argMaxIf(p.time, tuple(p.time, p.id), p.verdict = 'jump')), \
             argMaxIf(p.content, tuple(p.time, p.id), p.verdict = 'jump'), countIf(p.verdict = 'jump') \
             FROM positions AS p FINAL";
        let mut rows = Vec::new();
        for devices in devices.chunks(DEVICES) {
            let mut condition = of(client);
            let numbers = devices.iter().map(|device| u64::from(device.0));
            condition.and("p.device_id IN ?", Value::Numbers(numbers.collect()));
            condition.and(&format!("p.time >= {INSTANT}"), instant(since));
            condition.and("p.id < ?", Value::Number(before.0));
            let query = self.query(select, &condition, " GROUP BY p.device_id")?;
            let found = query.fetch_all::<(u32, i64, u64, u64, i64, u64, u64)>();
            let mut places: Vec<Place> = Vec::new();
            for (device, time, content, trusted, jump_time, jump_content, jumps) in ask(found).await? {
                if trusted > 0 {
                    places.push((DeviceId(device), TimeMs(time), content));
                }
                if jumps > 0 {
                    places.push((DeviceId(device), TimeMs(jump_time), jump_content));
                }
            }
            let select = format!("SELECT {} FROM positions AS p FINAL", newest::columns());
            for places in places.chunks(PLACES) {
                let query = self
                    .query(&select, &standing_at(client, places), "")?
                    .with_setting("max_query_size", TEXT_BYTES.to_string());
                let records = ask(query.fetch_all::<PositionRecord>()).await?;
                rows.extend(records.into_iter().map(PositionRow::from));
            }
        }
        Ok(rows)
    }

    /// What stands at these places, also where that was taken back.
    pub(crate) async fn occupants(
        &self,
        client: ClientId,
        places: &[Place],
    ) -> Result<Vec<(Place, Occupant)>, HistoryError> {
        let select = "SELECT p.device_id, toUnixTimestamp64Milli(p.time), p.content, p.id, p.revision, \
             toUInt8(p.verdict = 'deleted'), toUInt8(p.plugin = '') FROM positions AS p FINAL";
        let mut found = Vec::new();
        for places in places.chunks(PLACES) {
            let query = self
                .query(select, &standing_at(client, places), "")?
                .with_setting("max_query_size", TEXT_BYTES.to_string());
            let rows = query.fetch_all::<(u32, i64, u64, u64, u8, u8, u8)>();
            for (device, time, content, id, revision, deleted, by_person) in ask(rows).await? {
                let occupant = Occupant {
                    id: PositionId(id),
                    revision,
                    deleted: deleted != 0,
                    by_person: by_person != 0,
                };
                found.push(((DeviceId(device), TimeMs(time), content), occupant));
            }
        }
        Ok(found)
    }
}

/// The row as it is read back after it was stored: numbers of the table have fewer digits.
pub(crate) fn as_stored(row: &PositionRow) -> PositionRow {
    PositionRecord::from(row).into()
}

/// The rows of these places. They are numbers and times of ours, so they stand in the text.
fn standing_at(client: ClientId, places: &[Place]) -> Condition {
    let mut condition = of(client);
    let tuples: Vec<String> = places
        .iter()
        .map(|(device, time, content)| format!("({device},'{}',{content})", written(*time)))
        .collect();
    condition.text += " AND (p.device_id, p.time, p.content) IN (";
    condition.text += &tuples.join(",");
    condition.text.push(')');
    condition
}

/// As ClickHouse reads a time of a column in UTC.
fn written(time: TimeMs) -> String {
    let nanoseconds = i128::from(record::clamp(time)) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(&TIME)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_milliseconds_of_utc() {
        assert_eq!(written(TimeMs(1_750_000_000_007)), "2025-06-15 15:06:40.007");
        assert_eq!(written(TimeMs(-5)), "1970-01-01 00:00:00.000");
    }
}
