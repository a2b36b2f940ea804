//! What stands, for several pages at once: however few messages a question is about, ClickHouse scans the days in which
//! their fixes lie.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::ops::Range;
use std::vec::IntoIter;

use super::jobs::Rooms;
use crate::history::{Among, HistoryError, PositionRow, RawFilter};
use crate::model::{ClientId, DeviceId, Offset, PositionId};

/// Pages of one stretch, at most, and about so many bytes of rows where it is longer than a page.
const PAGES: u64 = 8;
const BYTES: usize = 128 << 20;
/// What an attribute takes in memory, about.
const ATTRIBUTE_BYTES: usize = 80;

/// What a page has to know.
pub(super) struct Wanted<'a> {
    pub client: ClientId,
    /// The journal records of the page.
    pub records: Range<Offset>,
    /// The job's messages.
    pub messages: &'a RawFilter,
    /// Devices of the page beside those to which its messages were resolved.
    pub others: BTreeSet<DeviceId>,
    /// Behind the last correction of the page's devices that is not of this job.
    pub corrected: Offset,
}

/// The last rows of the positions of some pages, in the order of their ids.
pub(super) struct Stretch {
    records: Range<Offset>,
    others: BTreeSet<DeviceId>,
    /// What came of records below this was stored before it was asked for.
    stored: Offset,
    /// In memory, about.
    bytes: usize,
    /// Those that are still to come …
    rows: Peekable<IntoIter<(PositionId, Box<PositionRow>)>>,
    /// … and the rows that stand where they are, sorted.
    standing: Peekable<IntoIter<(PositionId, u8)>>,
}

impl Stretch {
    /// Asks for the rows of records from the page's first one on.
    async fn open(rooms: &Rooms, wanted: &Wanted<'_>, end: Offset) -> Result<Self, HistoryError> {
        let positions = rooms.history.positions();
        let stored = positions.stored();
        let records = wanted.records.start..end;
        let among = Among {
            client: wanted.client,
            ids: PositionId::new(records.start, 0)..PositionId::new(records.end, 0),
            messages: wanted.messages,
            devices: wanted.others.iter().copied().collect(),
        };
        let mut standing = positions.standing(&among).await?;
        standing.sort_unstable();
        let rows = positions.last_rows(&among).await?;
        let bytes = rows
            .iter()
            .map(|(_, row)| size_of::<PositionRow>() + row.fix.attributes.len() * ATTRIBUTE_BYTES);
        Ok(Self {
            records,
            others: wanted.others.clone(),
            stored,
            bytes: bytes.sum(),
            rows: rows.into_iter().peekable(),
            standing: standing.into_iter().peekable(),
        })
    }

    /// Everything below this was stored when it was read.
    pub(super) fn stored(&self) -> Offset {
        self.stored
    }

    /// Whether it says what a page has to know: nobody has corrected anything of the page's devices since, but the job
    /// itself, which corrects no later page's positions and knows what it has put where.
    fn serves(&self, wanted: &Wanted<'_>) -> bool {
        wanted.corrected <= self.stored && wanted.others.is_subset(&self.others)
    }

    /// The next row of a message below `end`, and whether it stands where it is, behind no other position's.
    pub(super) fn next_below(&mut self, end: Offset) -> Option<(Box<PositionRow>, bool)> {
        let (id, row) = self.rows.next_if(|(id, _)| id.offset() < end)?;
        let row_is = (id, row.revision);
        while self.standing.next_if(|stands| *stands < row_is).is_some() {}
        let stands = self.standing.next_if_eq(&row_is).is_some();
        Some((row, stands))
    }
}

/// The stretch that pages are taken of, and how long the next one may be.
pub(super) struct Stretches<'a> {
    rooms: &'a Rooms,
    open: Option<Stretch>,
    pages: u64,
}

impl<'a> Stretches<'a> {
    /// Nothing is known.
    pub(super) fn new(rooms: &'a Rooms) -> Self {
        Self {
            rooms,
            open: None,
            pages: 1,
        }
    }

    /// What was stored when the open stretch was read.
    pub(super) fn stored(&self) -> Option<Offset> {
        self.open.as_ref().map(Stretch::stored)
    }

    /// Forgets the open stretch: it is not what stands any more.
    pub(super) fn forget(&mut self) {
        (self.open, self.pages) = (None, 1);
    }

    /// The stretch of a page, read where the open one does not serve. Each is twice as long as the one before it that
    /// was used up, as long as its rows fit into memory.
    pub(super) async fn of(&mut self, wanted: &Wanted<'_>) -> Result<&mut Stretch, HistoryError> {
        let mut others = wanted.others.clone();
        match self.open.take() {
            Some(open) if !open.serves(wanted) => {
                others.extend(open.others);
                self.pages = 1;
            }
            Some(open) if open.records.end < wanted.records.end => {
                others.extend(open.others);
                if open.bytes * 2 <= BYTES {
                    self.pages = (self.pages * 2).min(PAGES);
                }
            }
            Some(open) => return Ok(self.open.insert(open)),
            None => {}
        }
        let wanted = Wanted {
            client: wanted.client,
            records: wanted.records.clone(),
            messages: wanted.messages,
            others,
            corrected: wanted.corrected,
        };
        let end = end_of(&wanted.records, self.pages, wanted.messages.until);
        let opened = match Stretch::open(self.rooms, &wanted, end).await {
            Err(HistoryError::TooLarge(_)) if self.pages > 1 => {
                self.pages = 1;
                Stretch::open(self.rooms, &wanted, wanted.records.end).await
            }
            opened => opened,
        };
        Ok(self.open.insert(opened?))
    }
}

/// Where a stretch ends that begins with a page of these records: other pages are about as long.
fn end_of(page: &Range<Offset>, pages: u64, until: Offset) -> Offset {
    let length = page.end.0.saturating_sub(page.start.0);
    let slack = if pages > 1 { length / 8 } else { 0 };
    let length = length.saturating_mul(pages).saturating_add(slack);
    let end = page.start.0.saturating_add(length);
    Offset(end.min(until.0).max(page.end.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_holds_its_first_page_and_nothing_that_came_later_than_the_job() {
        let page = Offset(100)..Offset(180);
        assert_eq!(end_of(&page, 1, Offset(9_999)), Offset(180));
        assert_eq!(end_of(&page, 4, Offset(9_999)), Offset(100 + 4 * 80 + 10));
        assert_eq!(end_of(&page, 4, Offset(300)), Offset(300));
        assert_eq!(end_of(&page, 1, Offset(0)), Offset(180));
        let all = Offset(0)..Offset(u64::MAX);
        assert_eq!(end_of(&all, 4, Offset(u64::MAX)), Offset(u64::MAX));
    }
}
