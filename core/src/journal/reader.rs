//! Reads records in order, a chunk of a segment at a time.

use std::io;
use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::block::{HEADER, Header, Kind, PREFIX, record_length};
use super::disk::DiskFile;
use super::error::JournalError;
use super::segment::Segment;
use super::shared::Shared;
use crate::model::Offset;

/// Bytes read at once; also the records handed out by one call stop after so many bytes.
const CHUNK: usize = 1 << 20;

/// Reads records in order, from disk (page cache), from any offset; sees only durable records.
pub struct Reader {
    shared: Arc<Shared>,
    next: u64,
    place: Option<Place>,
}

/// Where the reader is: a segment, the bytes at hand, the block that is being handed out.
struct Place {
    segment: Arc<Segment>,
    file: Box<dyn DiskFile>,
    /// The next block: its position, and the offset with which it must begin.
    position: u64,
    base: u64,
    chunk: Bytes,
    chunk_at: u64,
    block: Option<Block>,
}

struct Block {
    /// What is left of the body.
    body: Bytes,
    /// Offset and position of the first record in it.
    offset: u64,
    position: u64,
    left: u32,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, next: u64) -> Self {
        Self {
            shared,
            next,
            place: None,
        }
    }

    /// Offset of the next record.
    pub fn position(&self) -> Offset {
        Offset(self.next)
    }

    /// Appends to `out` up to `max` durable records (offset, bytes), in order; returns their number, 0 when
    /// there are none yet. Fewer than `max` says nothing: a call hands out about 1 MiB. The bytes are
    /// slices of a shared buffer of that size. Where a repair has given up records, offsets jump.
    ///
    /// # Errors
    /// [`JournalError::Gone`] when the next record was deleted, [`JournalError::Corrupt`] when it is
    /// damaged, [`JournalError::Io`]; the position stays.
    pub fn read(&mut self, max: usize, out: &mut Vec<(Offset, Bytes)>) -> Result<usize, JournalError> {
        let durable = self.shared.durable();
        let before = out.len();
        let mut bytes = 0;
        while out.len() - before < max && bytes < CHUNK && self.next < durable {
            match self.next_record() {
                Ok(Some((offset, record))) => {
                    bytes += record.len() + PREFIX;
                    self.next = offset + 1;
                    out.push((Offset(offset), record));
                }
                Ok(None) => break,
                // what was read is handed out first; the error comes again
                Err(_) if out.len() > before => break,
                Err(error) => return Err(error),
            }
        }
        Ok(out.len() - before)
    }

    fn next_record(&mut self) -> Result<Option<(u64, Bytes)>, JournalError> {
        loop {
            if let Some(record) = self.cut_record()? {
                if record.0 >= self.next {
                    return Ok(Some(record));
                }
                continue;
            }
            if self.next < self.shared.first() {
                self.place = None;
                return Err(JournalError::Gone(Offset(self.next)));
            }
            if self.place.is_none() {
                self.place = Some(self.find()?);
            }
            let id = self.shared.id;
            let Some(place) = self.place.as_mut() else {
                return Ok(None);
            };
            if place.position >= place.segment.written() {
                self.place = self.following()?;
                if self.place.is_none() {
                    return Ok(None);
                }
                continue;
            }
            let loaded = place.load_block(id, self.next);
            match loaded {
                Ok(skipped_to) => self.next = self.next.max(skipped_to),
                Err(error) => {
                    // found again by the index, so that a repaired or restored file is read anew
                    self.place = None;
                    return Err(error);
                }
            }
        }
    }

    /// The next record of the block at hand.
    fn cut_record(&mut self) -> Result<Option<(u64, Bytes)>, JournalError> {
        let Some(place) = self.place.as_mut() else {
            return Ok(None);
        };
        let Some(block) = place.block.as_mut().filter(|block| block.left > 0) else {
            return Ok(None);
        };
        match record_length(&block.body) {
            Some(length) if PREFIX + length <= block.body.len() => {
                let record = block.body.slice(PREFIX..PREFIX + length);
                block.body.advance(PREFIX + length);
                let offset = block.offset;
                block.offset += 1;
                block.left -= 1;
                Ok(Some((offset, record)))
            }
            _ => {
                let what = "a record is longer than its block";
                Err(JournalError::corrupt(&place.segment.path, block.position, what))
            }
        }
    }

    /// The place from which the next record is reached.
    fn find(&self) -> Result<Place, JournalError> {
        let segment = {
            let segments = self.shared.segments.read();
            let above = segments.partition_point(|segment| segment.first <= self.next);
            above.checked_sub(1).and_then(|at| segments.get(at)).cloned()
        };
        let segment = segment.ok_or(JournalError::Gone(Offset(self.next)))?;
        let file = self.open(&segment)?;
        let mark = segment.mark_below(&*file, self.next, self.shared.id, self.shared.tuning.mark_bytes);
        let mark = mark.map_err(JournalError::io(&segment.path))?;
        Ok(Place::new(segment, file, mark.position, mark.base))
    }

    /// The beginning of the segment behind the one that was read to its end; `None`: there is none yet.
    fn following(&self) -> Result<Option<Place>, JournalError> {
        let Some(place) = &self.place else { return Ok(None) };
        let (found, last) = {
            let segments = self.shared.segments.read();
            let found = segments
                .iter()
                .find(|segment| segment.first == place.base)
                .cloned();
            (
                found,
                segments
                    .last()
                    .is_some_and(|last| Arc::ptr_eq(last, &place.segment)),
            )
        };
        match found.filter(|segment| !Arc::ptr_eq(segment, &place.segment)) {
            Some(segment) => {
                let file = self.open(&segment)?;
                let base = segment.first;
                Ok(Some(Place::new(segment, file, 0, base)))
            }
            None if last => Ok(None),
            None if place.base < self.shared.first() => Err(JournalError::Gone(Offset(place.base))),
            None => {
                let what = format!(
                    "it ends with offset {}, which no other segment begins with",
                    place.base
                );
                Err(JournalError::corrupt(&place.segment.path, place.position, what))
            }
        }
    }

    fn open(&self, segment: &Segment) -> Result<Box<dyn DiskFile>, JournalError> {
        match self.shared.disk.open(&segment.path, false) {
            // removed between the look into the table and now
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.next < self.shared.first() => {
                Err(JournalError::Gone(Offset(self.next)))
            }
            opened => opened.map_err(JournalError::io(&segment.path)),
        }
    }
}

impl Place {
    fn new(segment: Arc<Segment>, file: Box<dyn DiskFile>, position: u64, base: u64) -> Self {
        Self {
            segment,
            file,
            position,
            base,
            chunk: Bytes::new(),
            chunk_at: 0,
            block: None,
        }
    }

    /// Takes the next block in hand. A block that ends at or below `wanted` is stepped over unread.
    /// Returns the offset up to which nothing can be handed out, 0 where that is not the case.
    fn load_block(&mut self, id: u64, wanted: u64) -> Result<u64, JournalError> {
        let position = self.position;
        let corrupt = |segment: &Segment, what: String| JournalError::corrupt(&segment.path, position, what);
        let head = self.bytes_at(position, HEADER)?;
        let header = Header::parse(&head).map_err(|what| corrupt(&self.segment, what.to_owned()))?;
        if header.id != id {
            return Err(corrupt(
                &self.segment,
                "the block belongs to another journal".to_owned(),
            ));
        }
        if header.base != self.base {
            let what = format!(
                "the block begins with offset {} where {} is expected",
                header.base, self.base
            );
            return Err(corrupt(&self.segment, what));
        }
        let behind = Block {
            body: Bytes::new(),
            offset: header.end(),
            position,
            left: 0,
        };
        let mut block = behind;
        if header.end() > wanted || header.kind == Kind::Seal {
            let mut body = self.bytes_at(position, header.summed_bytes())?;
            body.advance(HEADER.min(body.len()));
            if body.len() + HEADER != header.summed_bytes() || !header.fits(&head, &body) {
                return Err(corrupt(
                    &self.segment,
                    "the checksum of the block does not fit".to_owned(),
                ));
            }
            if header.kind == Kind::Records {
                block = Block {
                    body,
                    offset: header.base,
                    position,
                    left: header.count,
                };
            }
        }
        self.block = Some(block);
        self.position += header.bytes();
        self.base = header.end();
        if header.kind == Kind::Lost {
            tracing::warn!(
                from = header.base,
                to = header.end(),
                "records given up by a repair are stepped over"
            );
            return Ok(header.end());
        }
        Ok(0)
    }

    /// `length` bytes at `position`, fewer where the written part ends; read with what follows them.
    fn bytes_at(&mut self, position: u64, length: usize) -> Result<Bytes, JournalError> {
        let written = self.segment.written();
        let wanted = written.saturating_sub(position).min(length as u64) as usize;
        let inside = position.checked_sub(self.chunk_at).map(|from| from as usize);
        if let Some(from) = inside.filter(|from| from + wanted <= self.chunk.len()) {
            return Ok(self.chunk.slice(from..from + wanted));
        }
        let ahead = written.saturating_sub(position).min(length.max(CHUNK) as u64) as usize;
        let mut chunk = vec![0; ahead];
        let read = self
            .file
            .read_at(&mut chunk, position)
            .map_err(JournalError::io(&self.segment.path))?;
        chunk.truncate(read);
        self.chunk = Bytes::from(chunk);
        self.chunk_at = position;
        Ok(self.chunk.slice(..wanted.min(read)))
    }
}
