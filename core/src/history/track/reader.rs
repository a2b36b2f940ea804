//! Reads a track: asks for its parts one after the other, each while the one before is worked on.

use clickhouse::Client;
use clickhouse::error::Error;
use clickhouse::native::Block;
use clickhouse::query::{NativeCursor, Query};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::columns::Rows;
use super::places::Room;
use super::slices::{Devices, Slice, Way};
use super::{Part, Sent, WHOLE};
use crate::history::error::HistoryError;
use crate::history::positions::{INSTANT, MEMORY, judged};
use crate::history::record;
use crate::model::{ClientId, TimeMs};

/// What a part that is collected may have more than was counted: rows that came since. Rows.
const MORE: usize = 1 << 20;

/// Reads the parts of a track ahead of who uses them.
pub(super) struct Reader<T> {
    pub client: Client,
    /// Whose rows.
    pub whose: ClientId,
    /// Until when all of them must have come.
    pub deadline: Instant,
    /// Where parts that are collected have their room.
    pub room: Room,
    /// Rows of a part that is collected, as they are counted.
    pub most: usize,
    /// Who uses them; `None` at the end.
    pub to: mpsc::Sender<Sent<T>>,
}

impl<T: Send + 'static> Reader<T> {
    /// Reads all of them, one after the other, until nobody is there any more.
    pub(super) async fn run<R: Rows<Item = T>>(self, slices: Vec<Slice>) {
        let mut end = Ok(None);
        for slice in &slices {
            match self.read::<R>(slice).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    end = Err(error);
                    break;
                }
            }
        }
        // nobody may be there any more
        let _ = self.to.send(end).await;
    }

    /// Reads a part and passes it on; whether somebody is there still.
    async fn read<R: Rows<Item = T>>(&self, slice: &Slice) -> Result<bool, HistoryError> {
        let mut collected = Vec::new();
        let mut rows = 0;
        // not before the last one was taken
        let Ok(place) = self.to.reserve().await else {
            return Ok(false);
        };
        let mut place = Some(place);
        let room = match slice.way {
            Way::Streamed => None,
            Way::Collected => self.room.of_part().await,
        };
        for span in &slice.spans {
            let mut blocks = self.blocks::<R>(slice, *span)?;
            while let Some(block) = self.next(&mut blocks).await? {
                let before = collected.len();
                R::read(&block, &mut collected)?;
                rows += collected.iter().skip(before).map(R::rows).sum::<usize>();
                match slice.way {
                    Way::Collected if rows > self.most.saturating_add(MORE) => {
                        return Err(HistoryError::TooLarge(
                            "more positions came than were counted".into(),
                        ));
                    }
                    Way::Collected => {}
                    Way::Streamed => {
                        let place = match place.take() {
                            Some(place) => place,
                            None => match self.to.reserve().await {
                                Ok(place) => place,
                                Err(_) => return Ok(false),
                            },
                        };
                        place.send(Ok(Some(Part {
                            items: std::mem::take(&mut collected).into_iter(),
                            _room: None,
                        })));
                    }
                }
            }
        }
        if let Some(place) = place {
            R::arrange(&mut collected);
            place.send(Ok(Some(Part {
                items: collected.into_iter(),
                _room: room,
            })));
        }
        Ok(true)
    }

    /// Asks for the rows of one stretch of time.
    fn blocks<R: Rows>(&self, slice: &Slice, span: (TimeMs, TimeMs)) -> Result<NativeCursor, HistoryError> {
        let kept = "AND p.verdict IN ('ok', 'late', 'clock')";
        let rest = match slice.way {
            Way::Streamed => format!("{kept} ORDER BY {}", R::ORDER),
            Way::Collected => kept.to_owned(),
        };
        let select = format!("SELECT {}", R::SELECT);
        let query = bound(
            &self.client,
            self.whose,
            &slice.devices,
            span,
            &select,
            "FINAL",
            &rest,
        )
        // The partition is part of what makes rows the same, so that none has its like in another one.
        .with_setting("do_not_merge_across_partitions_select_final", "1")
        // in the order of the key: they are merged as they are read, and never sorted as a whole
        .with_setting("optimize_read_in_order", "1")
        .with_setting("max_memory_usage", MEMORY.to_string())
        .with_setting("max_execution_time", WHOLE.as_secs().to_string());
        query.fetch_native().map_err(judged)
    }

    async fn next(&self, blocks: &mut NativeCursor) -> Result<Option<Block>, HistoryError> {
        match tokio::time::timeout_at(self.deadline, blocks.next()).await {
            Ok(block) => block.map_err(judged),
            Err(_) => Err(Error::TimedOut.into()),
        }
    }
}

/// A question about some time of some devices; values are bound, never written into the text.
pub(super) fn bound(
    client: &Client,
    whose: ClientId,
    devices: &Devices,
    (from, to): (TimeMs, TimeMs),
    select: &str,
    how: &str,
    rest: &str,
) -> Query {
    let of = match devices {
        Devices::All => "",
        Devices::Range(..) => "AND p.device_id BETWEEN ? AND ?",
        Devices::These(_) => "AND p.device_id IN ?",
    };
    let text = format!(
        "{select} FROM positions AS p {how} WHERE p.client_id = ? {of} \
         AND p.time >= {INSTANT} AND p.time < {INSTANT} {rest}"
    );
    let query = client.query(&text).bind(whose.0);
    let query = match devices {
        Devices::All => query,
        Devices::Range(first, last) => query.bind(first.0).bind(last.0),
        Devices::These(devices) => query.bind(devices.iter().map(|device| device.0).collect::<Vec<_>>()),
    };
    query.bind(record::clamp(from)).bind(record::clamp(to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DeviceId;

    #[test]
    fn a_question_is_always_about_one_client() {
        let client = Client::default();
        let text = |devices: &Devices| {
            let span = (TimeMs(1_000), TimeMs(86_401_000));
            let query = bound(&client, ClientId(7), devices, span, "SELECT 1", "FINAL", "");
            query.sql_display().to_string()
        };
        let some = text(&Devices::These(vec![DeviceId(3), DeviceId(4)]));
        assert!(
            some.contains("p.client_id = 7 AND p.device_id IN [3,4]"),
            "{some}"
        );
        assert!(
            some.contains("fromUnixTimestamp64Milli(toInt64(86401000), 'UTC')"),
            "{some}"
        );
        let range = text(&Devices::Range(DeviceId(3), DeviceId(9)));
        assert!(
            range.contains("p.client_id = 7 AND p.device_id BETWEEN 3 AND 9"),
            "{range}"
        );
        let all = text(&Devices::All);
        assert!(
            all.contains("p.client_id = 7") && !all.contains("device_id"),
            "{all}"
        );
    }
}
