//! What stands in history, as a re-decoding has to know it: by id, by place, and before a point.

use std::collections::hash_map::Entry;
use std::ops::Range;

use ahash::AHashMap;
use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

use super::condition::{Condition, Value};
use super::error::HistoryError;
use super::newest;
use super::positions::{INSTANT, Positions, ask, instant, judged, of};
use super::raw::{RawFilter, TEXT_BYTES};
use super::record::{self, PositionRecord};
use super::row::PositionRow;
use crate::model::{ClientId, DeviceId, MAX_FIXES_PER_MESSAGE, PositionId, TimeMs};

/// Places in one question that names each of them.
const PLACES: usize = 2_000;
/// Places in one question that names what they hold, at most.
const CONTENTS: usize = 65_536;
/// Seconds that the answer to a question about all rows of several pages may take.
const LONG: &str = "60";
/// Devices in one question.
const DEVICES: usize = 2_000;
const TIME: StaticFormatDescription =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:3]");

/// Where a fix stands: device, time in history, content.
pub(crate) type Place = (DeviceId, TimeMs, u64);

/// Which positions a page is about: those whose id is in a range and that either belong to one of the devices or came
/// of one of the messages.
pub(crate) struct Among<'a> {
    pub client: ClientId,
    pub ids: Range<PositionId>,
    /// The messages: those of the range.
    pub messages: &'a RawFilter,
    /// Devices beside those to which the messages were resolved.
    pub devices: Vec<DeviceId>,
}

impl Among<'_> {
    fn condition(&self) -> Condition {
        let mut condition = of(self.client);
        condition.and("p.id >= ?", Value::Number(self.ids.start.0));
        condition.and("p.id < ?", Value::Number(self.ids.end.0));
        // The messages are many, and to read a list of them takes ClickHouse longer than to look them up.
        let mut messages = self.messages.condition();
        messages.and("r.offset >= ?", Value::Number(self.ids.start.offset().0));
        messages.and("r.offset < ?", Value::Number(self.ids.end.offset().0));
        let of_messages = |is: &str, what: &str, condition: &mut Condition| {
            for part in [is, " IN (SELECT ", what, " FROM raw_messages AS r WHERE "] {
                condition.text += part;
            }
            condition.text += &messages.text;
            condition.text.push(')');
            condition.values.extend(messages.values.iter().cloned());
        };
        condition.text += " AND (";
        of_messages("p.device_id", "r.device_id", &mut condition);
        condition.text += " OR ";
        let message = format!("intDiv(p.id, {MAX_FIXES_PER_MESSAGE})");
        of_messages(&message, "r.offset", &mut condition);
        if !self.devices.is_empty() {
            condition.text += " OR p.device_id IN ?";
            let devices = self.devices.iter().map(|device| u64::from(device.0));
            condition.values.push(Value::Numbers(devices.collect()));
        }
        condition.text.push(')');
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
    /// its place. They come as they are found and are brought into order here: to sort all their columns took ClickHouse
    /// twice as long as to read them.
    pub(crate) async fn last_rows(
        &self,
        among: &Among<'_>,
    ) -> Result<Vec<(PositionId, Box<PositionRow>)>, HistoryError> {
        let select = format!("SELECT {} FROM positions AS p", newest::columns());
        let mut cursor = self
            .query(&select, &among.condition(), "")?
            .with_setting("max_query_size", TEXT_BYTES.to_string())
            .with_setting("max_execution_time", LONG)
            .fetch::<PositionRecord>()
            .map_err(judged)?;
        let mut last: AHashMap<PositionId, Box<PositionRow>> = AHashMap::new();
        while let Some(record) = ask(cursor.next()).await? {
            match last.entry(PositionId(record.id)) {
                Entry::Vacant(entry) => {
                    entry.insert(Box::new(record.into()));
                }
                Entry::Occupied(mut entry) if entry.get().revision < record.revision => {
                    **entry.get_mut() = record.into();
                }
                Entry::Occupied(_) => {}
            }
        }
        let mut rows: Vec<_> = last.into_iter().collect();
        rows.sort_unstable_by_key(|(id, _)| *id);
        Ok(rows)
    }

    /// Those of their rows that stand where they are, behind no other position's, by id and revision; also what was
    /// taken back.
    pub(crate) async fn standing(&self, among: &Among<'_>) -> Result<Vec<(PositionId, u8)>, HistoryError> {
        let select = "SELECT p.id, p.revision FROM positions AS p FINAL";
        let query = self
            .query(select, &among.condition(), "")?
            .with_setting("max_query_size", TEXT_BYTES.to_string());
        let rows = ask(query.fetch_all::<(u64, u8)>()).await?;
        let row = |(id, revision)| (PositionId(id), revision);
        Ok(rows.into_iter().map(row).collect())
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

    /// What stands at these places, which are sorted, also where that was taken back.
    pub(crate) async fn occupants(
        &self,
        client: ClientId,
        places: &[Place],
    ) -> Result<Vec<(Place, Occupant)>, HistoryError> {
        let mut occupants = Vec::new();
        for places in places.chunks(CONTENTS) {
            // what has never been there costs no look at what stands
            let taken = self.ever_at(client, places).await?;
            if taken.is_empty() {
                continue;
            }
            let select = "SELECT p.device_id, toUnixTimestamp64Milli(p.time), p.content, p.id, p.revision, \
                 toUInt8(p.verdict = 'deleted'), toUInt8(p.plugin = '') FROM positions AS p FINAL";
            let query = self
                .query(select, &about(client, &taken), "")?
                .with_setting("max_query_size", TEXT_BYTES.to_string());
            let rows = query.fetch_all::<(u32, i64, u64, u64, u8, u8, u8)>();
            for (device, time, content, id, revision, deleted, by_person) in ask(rows).await? {
                let occupant = Occupant {
                    id: PositionId(id),
                    revision,
                    deleted: deleted != 0,
                    by_person: by_person != 0,
                };
                let place = (DeviceId(device), TimeMs(time), content);
                if taken.binary_search(&place).is_ok() {
                    occupants.push((place, occupant));
                }
            }
        }
        Ok(occupants)
    }

    /// Those of these places at which anything has ever stood, sorted as they are.
    async fn ever_at(&self, client: ClientId, places: &[Place]) -> Result<Vec<Place>, HistoryError> {
        let select = "SELECT p.device_id, toUnixTimestamp64Milli(p.time), p.content FROM positions AS p";
        let query = self
            .query(select, &about(client, places), "")?
            .with_setting("max_query_size", TEXT_BYTES.to_string());
        let rows = ask(query.fetch_all::<(u32, i64, u64)>()).await?;
        let place = |(device, time, content)| (DeviceId(device), TimeMs(time), content);
        let mut found: Vec<Place> = rows.into_iter().map(place).collect();
        found.retain(|place| places.binary_search(place).is_ok());
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

/// The rows of these places, which are sorted, and perhaps some others: their contents are named as one text, which
/// ClickHouse reads in a tenth of the time that a list of places takes.
fn about(client: ClientId, places: &[Place]) -> Condition {
    let mut condition = of(client);
    let devices = places.iter().map(|(device, _, _)| u64::from(device.0));
    let (first, last) = (devices.clone().min(), devices.max());
    condition.and("p.device_id >= ?", Value::Number(first.unwrap_or_default()));
    condition.and("p.device_id <= ?", Value::Number(last.unwrap_or_default()));
    let times = places.iter().map(|(_, time, _)| *time);
    let (first, last) = (times.clone().min(), times.max());
    condition.and(
        &format!("p.time >= {INSTANT}"),
        instant(first.unwrap_or_default()),
    );
    condition.and(&format!("p.time <= {INSTANT}"), instant(last.unwrap_or_default()));
    let contents: Vec<String> = places.iter().map(|(_, _, content)| content.to_string()).collect();
    condition.and(
        "p.content IN (SELECT toUInt64(arrayJoin(splitByChar(',', ?))))",
        Value::Text(contents.join(",")),
    );
    condition
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
