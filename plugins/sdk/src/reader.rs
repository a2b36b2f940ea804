//! A cursor over bytes whose every read is checked.

use crate::{DecodeError, malformed};

/// The bytes ended before the read was complete. Becomes [`DecodeError::Malformed`] through `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Offset at which the read began.
    pub at: usize,
    /// Bytes that the read wanted.
    pub wanted: usize,
    /// Bytes that there were.
    pub left: usize,
}

impl core::fmt::Display for Cut {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { at, wanted, left } = self;
        write!(formatter, "cut short at byte {at}: {wanted} wanted, {left} left")
    }
}

impl core::error::Error for Cut {}

impl From<Cut> for DecodeError {
    fn from(cut: Cut) -> Self {
        malformed(cut)
    }
}

/// Reads numbers and slices from the front; `_be` is big-endian, `_le` little-endian.
#[derive(Debug, Clone)]
pub struct Reader<'bytes> {
    rest: &'bytes [u8],
    offset: usize,
}

macro_rules! numbers {
    ($($number:ident $be:ident $le:ident),* $(,)?) => {$(
        #[doc = concat!("Reads a big-endian `", stringify!($number), "`.")]
        #[inline]
        pub fn $be(&mut self) -> Result<$number, Cut> {
            self.array().map($number::from_be_bytes)
        }

        #[doc = concat!("Reads a little-endian `", stringify!($number), "`.")]
        #[inline]
        pub fn $le(&mut self) -> Result<$number, Cut> {
            self.array().map($number::from_le_bytes)
        }
    )*};
}

impl<'bytes> Reader<'bytes> {
    /// Starts at the first byte.
    pub const fn new(bytes: &'bytes [u8]) -> Self {
        Self {
            rest: bytes,
            offset: 0,
        }
    }

    /// How many bytes were read so far.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// How many bytes are left.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that is left, without reading it.
    pub const fn rest(&self) -> &'bytes [u8] {
        self.rest
    }

    /// The next byte, without reading it.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Reads as many bytes.
    #[inline]
    pub fn bytes(&mut self, count: usize) -> Result<&'bytes [u8], Cut> {
        let Some((head, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.cut(count));
        };
        self.rest = rest;
        self.offset += count;
        Ok(head)
    }

    /// Reads an array of fixed length.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Cut> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.cut(N));
        };
        self.rest = rest;
        self.offset += N;
        Ok(*head)
    }

    /// Steps over as many bytes.
    pub fn skip(&mut self, count: usize) -> Result<(), Cut> {
        self.bytes(count).map(drop)
    }

    /// A reader over the next `count` bytes; this one continues behind them.
    pub fn sub(&mut self, count: usize) -> Result<Self, Cut> {
        let offset = self.offset;
        Ok(Self {
            rest: self.bytes(count)?,
            offset,
        })
    }

    /// Reads one byte.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, Cut> {
        self.array().map(u8::from_be_bytes)
    }

    /// Reads one signed byte.
    #[inline]
    pub fn i8(&mut self) -> Result<i8, Cut> {
        self.array().map(i8::from_be_bytes)
    }

    numbers! {
        u16 u16_be u16_le, i16 i16_be i16_le,
        u32 u32_be u32_le, i32 i32_be i32_le,
        u64 u64_be u64_le, i64 i64_be i64_le,
        f32 f32_be f32_le, f64 f64_be f64_le,
    }

    /// Reads a big-endian 24-bit number.
    pub fn u24_be(&mut self) -> Result<u32, Cut> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// Reads a little-endian 24-bit number.
    pub fn u24_le(&mut self) -> Result<u32, Cut> {
        self.array().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    /// Reads a signed big-endian 24-bit number.
    pub fn i24_be(&mut self) -> Result<i32, Cut> {
        self.array()
            .map(|[a, b, c]| i32::from_be_bytes([a, b, c, 0]) >> 8)
    }

    /// Reads a signed little-endian 24-bit number.
    pub fn i24_le(&mut self) -> Result<i32, Cut> {
        self.array()
            .map(|[a, b, c]| i32::from_le_bytes([0, a, b, c]) >> 8)
    }

    /// Reads a big-endian number of `width` bytes, at most 8; wider ones keep their last 8.
    #[inline]
    pub fn uint_be(&mut self, width: usize) -> Result<u64, Cut> {
        // the usual widths without a loop, whose every turn costs something in the sandbox
        Ok(match width {
            1 => self.u8()?.into(),
            2 => self.u16_be()?.into(),
            4 => self.u32_be()?.into(),
            8 => self.u64_be()?,
            _ => self
                .bytes(width)?
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        })
    }

    /// Reads a little-endian number of `width` bytes, at most 8; wider ones keep their first 8.
    #[inline]
    pub fn uint_le(&mut self, width: usize) -> Result<u64, Cut> {
        Ok(match width {
            1 => self.u8()?.into(),
            2 => self.u16_le()?.into(),
            4 => self.u32_le()?.into(),
            8 => self.u64_le()?,
            _ => self
                .bytes(width)?
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        })
    }

    #[cold]
    fn cut(&self, wanted: usize) -> Cut {
        Cut {
            at: self.offset,
            wanted,
            left: self.rest.len(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_in_both_byte_orders() {
        let mut reader = Reader::new(&[1, 2, 1, 2, 0xff, 0xff, 0xfe, 0xfe, 0xff, 0xff, 7, 0, 1]);
        assert_eq!(reader.u16_be(), Ok(0x0102));
        assert_eq!(reader.u16_le(), Ok(0x0201));
        assert_eq!(reader.i24_be(), Ok(-2));
        assert_eq!(reader.i24_le(), Ok(-2));
        assert_eq!(reader.sub(1).unwrap().u8(), Ok(7));
        assert_eq!(reader.uint_be(2), Ok(1));
        assert!(reader.is_empty());
    }

    #[test]
    fn a_read_beyond_the_end_says_where_and_takes_nothing() {
        let mut reader = Reader::new(&[1, 2, 3]);
        reader.skip(1).unwrap();
        assert_eq!(
            reader.u32_be(),
            Err(Cut {
                at: 1,
                wanted: 4,
                left: 2
            })
        );
        assert_eq!(reader.bytes(usize::MAX).unwrap_err().left, 2);
        assert_eq!(reader.remaining(), 2);
    }
}
