//! Checksums that trackers use. Others: [`crc`] is re-exported.

pub use ::crc;

use crc::{CRC_16_ARC, CRC_16_IBM_SDLC, CRC_16_KERMIT, Crc, Table};

/// Sixteen bytes at a time: in the sandbox each turn of a loop also looks whether the time is up.
type Crc16 = Crc<u16, Table<16>>;

static ARC: Crc16 = Crc16::new(&CRC_16_ARC);
static X25: Crc16 = Crc16::new(&CRC_16_IBM_SDLC);
static KERMIT: Crc16 = Crc16::new(&CRC_16_KERMIT);

/// CRC-16/ARC (Teltonika).
pub fn crc16_arc(bytes: &[u8]) -> u16 {
    ARC.checksum(bytes)
}

/// CRC-16/X-25 (GT06).
pub fn crc16_x25(bytes: &[u8]) -> u16 {
    X25.checksum(bytes)
}

/// CRC-16/KERMIT (Ruptela).
pub fn crc16_kermit(bytes: &[u8]) -> u16 {
    KERMIT.checksum(bytes)
}

/// All bytes exclusive-or'ed (NMEA).
pub fn xor(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ byte)
}

/// The sum of all bytes modulo 256.
pub fn sum8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_check_values_come_out() {
        assert_eq!(crc16_arc(b"123456789"), 0xbb3d);
        assert_eq!(crc16_x25(b"123456789"), 0x906e);
        assert_eq!(crc16_kermit(b"123456789"), 0x2189);
        assert_eq!(xor(b"123456789"), 0x31);
        assert_eq!(sum8(b"123456789"), 0xdd);
    }
}
