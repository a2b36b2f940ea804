//! The unit on disk: one block per group of records, one checksum per block.
//!
//! ```text
//!  0  magic   u32   what follows: records, a seal, or a hole
//!  4  length  u32   bytes of the body
//!  8  base    u64   offset of the first record
//! 16  id      u64   identity of the journal: a block of another one is never taken for ours
//! 24  count   u32   records
//! 28  crc32c  u32   over the 28 bytes before and the body
//! 32  body          records: length u32, bytes
//! ```
//! Little endian. Zeros where a header should be mean: nothing was written here.

/// Bytes of a header.
pub(super) const HEADER: usize = 32;
/// Bytes of the length in front of each record.
pub(super) const PREFIX: usize = 4;
/// Bytes of one block at most, header included.
pub(super) const MAX_BLOCK: usize = 4 << 20;

/// Bytes before the checksum.
const SUMMED: usize = 28;
/// The magics differ from each other in more than one bit, so that no single flip turns one into another.
const RECORDS: u32 = u32::from_le_bytes(*b"fxJ1");
const SEAL: u32 = u32::from_le_bytes(*b"fxE2");
const LOST: u32 = u32::from_le_bytes(*b"fxL4");

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Records.
    Records,
    /// The end of a segment that is complete; `base` is the offset with which the next one begins.
    Seal,
    /// Put by a repair over damage: `count` records are lost, the body is what was there (not summed).
    Lost,
}

/// The header of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub kind: Kind,
    pub length: u32,
    pub base: u64,
    pub id: u64,
    pub count: u32,
    pub crc: u32,
}

impl Header {
    /// A header whose checksum is not yet known.
    pub fn new(kind: Kind, id: u64, base: u64, count: u32, length: u32) -> Self {
        Self {
            kind,
            length,
            base,
            id,
            count,
            crc: 0,
        }
    }

    /// Reads a header; says what can't be right about it. The checksum is not looked at.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() < HEADER {
            return Err("the file ends inside a block header");
        }
        let kind = match u32_at(bytes, 0) {
            RECORDS => Kind::Records,
            SEAL => Kind::Seal,
            LOST => Kind::Lost,
            _ => return Err("no block header where one is expected"),
        };
        let header = Self {
            kind,
            length: u32_at(bytes, 4),
            base: u64_at(bytes, 8),
            id: u64_at(bytes, 16),
            count: u32_at(bytes, 24),
            crc: u32_at(bytes, SUMMED),
        };
        let size = header.length as usize;
        let plausible = match kind {
            Kind::Records => header.count > 0 && size >= PREFIX && HEADER + size <= MAX_BLOCK,
            Kind::Seal => header.count == 0 && size == 0,
            Kind::Lost => true,
        };
        if !plausible || header.base.checked_add(u64::from(header.count)).is_none() {
            return Err("the block header states impossible sizes");
        }
        Ok(header)
    }

    /// The header as it stands in front of `body`, with its checksum.
    pub fn encode(&self, body: &[u8]) -> [u8; HEADER] {
        let magic = match self.kind {
            Kind::Records => RECORDS,
            Kind::Seal => SEAL,
            Kind::Lost => LOST,
        };
        let mut bytes = [0; HEADER];
        bytes[0..4].copy_from_slice(&magic.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.base.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.id.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.count.to_le_bytes());
        let crc = self.sum(&bytes, body);
        bytes[SUMMED..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Whether the checksum fits: `bytes` are those of the header, `body` those behind it.
    pub fn fits(&self, bytes: &[u8], body: &[u8]) -> bool {
        bytes.len() >= HEADER && self.sum(bytes, body) == self.crc
    }

    fn sum(&self, bytes: &[u8], body: &[u8]) -> u32 {
        let head = crc32c::crc32c(bytes.get(..SUMMED).unwrap_or_default());
        if self.kind == Kind::Lost {
            head
        } else {
            crc32c::crc32c_append(head, body)
        }
    }

    /// Bytes of the whole block.
    pub fn bytes(&self) -> u64 {
        HEADER as u64 + u64::from(self.length)
    }

    /// Bytes that the checksum needs, header included.
    pub fn summed_bytes(&self) -> usize {
        if self.kind == Kind::Lost {
            HEADER
        } else {
            HEADER + self.length as usize
        }
    }

    /// Offset behind the last record.
    pub fn end(&self) -> u64 {
        self.base + u64::from(self.count)
    }
}

/// Length of the record at the start of `framed`; `None` where not even a length stands.
pub(super) fn record_length(framed: &[u8]) -> Option<usize> {
    framed
        .first_chunk::<PREFIX>()
        .map(|prefix| u32::from_le_bytes(*prefix) as usize)
}

/// First bytes of every block, to search for.
pub(super) fn may_start_here(bytes: &[u8]) -> bool {
    bytes.starts_with(b"fx") && bytes.len() >= 4 && matches!(u32_at(bytes, 0), RECORDS | SEAL | LOST)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn any_flipped_bit_of_a_block_is_noticed() {
        let body = b"\x03\0\0\0one";
        let mut block = Header::new(Kind::Records, 77, 5, 1, body.len() as u32)
            .encode(body)
            .to_vec();
        block.extend_from_slice(body);
        let sound = |block: &[u8]| match Header::parse(block) {
            Ok(header) if header.length as usize == block.len() - HEADER => {
                header.fits(block, &block[HEADER..])
            }
            _ => false,
        };
        assert!(sound(&block));
        for bit in 0..block.len() * 8 {
            block[bit / 8] ^= 1 << (bit % 8);
            assert!(!sound(&block), "bit {bit}");
            block[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn headers_with_impossible_sizes_are_refused() {
        for header in [
            Header::new(Kind::Records, 1, 1, 0, 10),
            Header::new(Kind::Records, 1, 1, 1, MAX_BLOCK as u32),
            Header::new(Kind::Records, 1, u64::MAX, 1, 10),
            Header::new(Kind::Seal, 1, 1, 1, 0),
        ] {
            assert!(Header::parse(&header.encode(&[])).is_err(), "{header:?}");
        }
        assert!(Header::parse(&[]).is_err());
    }
}
