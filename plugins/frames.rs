//! Length and checksum of a frame put right after its content was broken: without that a decoder refuses nearly all
//! broken messages at the door, and what is behind it is hardly tried. A part of the tests of the decoders that need
//! it (`tests/vectors.rs`), and of those in the sandbox (`core/tests/fuzz`).

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::io::Write as _;

use crc::{CRC_16_ARC, CRC_16_IBM_SDLC, CRC_16_KERMIT, Crc};

static ARC: Crc<u16> = Crc::<u16>::new(&CRC_16_ARC);
static X25: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_SDLC);
static KERMIT: Crc<u16> = Crc::<u16>::new(&CRC_16_KERMIT);

/// Puts a payload right.
pub type Seal = fn(&[u8]) -> Vec<u8>;

/// How to put a payload right that is one frame of this vendor's; `None` where its formats have no checksum that must
/// be right. Payloads that are too short or begin otherwise stay as they are.
pub fn seal_of(name: &str) -> Option<Seal> {
    match name {
        "gt06" => Some(gt06),
        "iotm" => Some(iotm),
        "meitrack" => Some(meitrack),
        "nmea" => Some(nmea),
        "ruptela" => Some(ruptela),
        "teltonika" => Some(teltonika),
        _ => None,
    }
}

/// Replaces the bytes from `at` on.
fn put(payload: &mut [u8], at: usize, bytes: &[u8]) {
    payload[at..at + bytes.len()].copy_from_slice(bytes);
}

/// `7878 <u8 length>` or `7979 <u16 length>`, content, checksum from the length on, line end.
fn gt06(payload: &[u8]) -> Vec<u8> {
    let mut payload = payload.to_vec();
    let end = payload.len().saturating_sub(4);
    match payload.as_slice() {
        [0x78, 0x78, ..] if (6..=256).contains(&end) => payload[2] = (end - 1) as u8,
        [0x79, 0x79, ..] if (7..=65_000).contains(&end) => {
            put(&mut payload, 2, &((end - 2) as u16).to_be_bytes());
        }
        _ => return payload,
    }
    let sum = X25.checksum(&payload[2..end]);
    put(&mut payload, end, &sum.to_be_bytes());
    put(&mut payload, end + 2, b"\r\n");
    payload
}

/// The sum of all bytes at the end.
fn iotm(payload: &[u8]) -> Vec<u8> {
    let mut payload = payload.to_vec();
    if let Some((last, summed)) = payload.split_last_mut() {
        *last = summed.iter().fold(0, |sum, byte| sum.wrapping_add(*byte));
    }
    payload
}

/// `$$`, a flag, the length from the comma on, content, `*`, the sum of all before it in hex, line end.
fn meitrack(payload: &[u8]) -> Vec<u8> {
    let mut payload = payload.to_vec();
    let comma = payload.iter().position(|byte| *byte == b',');
    let star = payload.iter().rposition(|byte| *byte == b'*');
    let (Some(comma), Some(star)) = (comma, star) else {
        return payload;
    };
    if comma < 3 || comma > star || !payload.starts_with(b"$$") {
        return payload;
    }
    let content = payload[comma..=star].to_vec();
    payload.truncate(3);
    // checksum and line end count as well
    write!(payload, "{}", content.len() + 4).unwrap();
    payload.extend(content);
    let sum = payload.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    write!(payload, "{sum:02X}\r\n").unwrap();
    payload
}

/// Lines of `$`, body, `*` and the exclusive or of the body in hex.
fn nmea(payload: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(payload.len());
    for line in payload.split_inclusive(|byte| *byte == b'\n') {
        let star = line.iter().rposition(|byte| *byte == b'*');
        match star {
            Some(star) if line.starts_with(b"$") => {
                let sum = line[1..star].iter().fold(0, |sum, byte| sum ^ byte);
                sealed.extend(&line[..=star]);
                write!(sealed, "{sum:02X}").unwrap();
                sealed.extend(line[star + 1..].iter().skip(2));
            }
            _ => sealed.extend(line),
        }
    }
    sealed
}

/// Length, content, checksum of the content.
fn ruptela(payload: &[u8]) -> Vec<u8> {
    let mut payload = payload.to_vec();
    let end = payload.len().saturating_sub(2);
    if (3..65_000).contains(&end) {
        put(&mut payload, 0, &((end - 2) as u16).to_be_bytes());
        let sum = KERMIT.checksum(&payload[2..end]);
        put(&mut payload, end, &sum.to_be_bytes());
    }
    payload
}

/// Four zero bytes, length, content, checksum of the content.
fn teltonika(payload: &[u8]) -> Vec<u8> {
    let mut payload = payload.to_vec();
    let end = payload.len().saturating_sub(4);
    if end > 8 && payload.starts_with(&[0, 0]) {
        put(&mut payload, 0, &[0; 4]);
        put(&mut payload, 4, &((end - 8) as u32).to_be_bytes());
        let sum = u32::from(ARC.checksum(&payload[8..end]));
        put(&mut payload, end, &sum.to_be_bytes());
    }
    payload
}
