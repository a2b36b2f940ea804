//! Records on their way into the journal, in the form in which they will stand on disk.

use super::block::PREFIX;

/// Records on their way into the journal, already framed (length, bytes), so that an append is one copy.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    count: usize,
    largest: usize,
    scratch: Vec<u8>,
}

impl Frames {
    /// Adds one record. Records above 4 GiB can't be framed; what matters is that the journal refuses any
    /// above its own, far lower bound.
    pub fn push(&mut self, record: &[u8]) {
        let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(record);
        self.count += 1;
        self.largest = self.largest.max(record.len());
    }

    /// Adds the record that `write` appends to an empty buffer; nothing is added when it fails.
    ///
    /// The buffer is a kept scratch space and not the frames themselves: an encoder that fails may have
    /// thrown away what it was given, and that must not be the records before it.
    pub fn push_with<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let written = write(&mut scratch);
        if written.is_ok() {
            self.push(&scratch);
        }
        self.scratch = scratch;
        written
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes held, framing included.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all records, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.largest = 0;
    }

    /// The records as they will stand in a block.
    pub(super) fn framed(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of the largest record, without its length prefix.
    pub(super) fn largest(&self) -> usize {
        self.largest
    }
}

/// How many whole records stand at the start of `framed` within `room` bytes: their bytes and number.
pub(super) fn prefix_within(framed: &[u8], room: usize) -> (usize, u32) {
    let mut taken = 0;
    let mut count = 0;
    while let Some(length) = framed.get(taken..).and_then(super::block::record_length) {
        let end = taken + PREFIX + length;
        if end > room || end > framed.len() {
            break;
        }
        taken = end;
        count += 1;
    }
    (taken, count)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_failed_encoder_leaves_the_records_before_it_untouched() {
        let mut frames = Frames::default();
        frames.push(b"one");
        let failed = frames.push_with(|out| {
            *out = Vec::new();
            Err::<(), _>("no")
        });
        assert_eq!(failed, Err("no"));
        frames
            .push_with(|out| {
                out.extend_from_slice(b"two");
                Ok::<_, ()>(())
            })
            .unwrap();
        assert_eq!((frames.len(), frames.bytes(), frames.largest()), (2, 14, 3));
        assert_eq!(frames.framed(), b"\x03\0\0\0one\x03\0\0\0two");
        frames.clear();
        assert!(frames.is_empty());
    }

    #[test]
    fn a_prefix_never_cuts_a_record() {
        let mut frames = Frames::default();
        frames.push(&[1; 10]);
        frames.push(&[2; 20]);
        assert_eq!(prefix_within(frames.framed(), 13), (0, 0));
        assert_eq!(prefix_within(frames.framed(), 14), (14, 1));
        assert_eq!(prefix_within(frames.framed(), 37), (14, 1));
        assert_eq!(prefix_within(frames.framed(), 38), (38, 2));
    }
}
