//! A stable 64-bit hash of what a fix says.
//!
//! It stands in rows (it tells two messages of one instant apart and makes a re-sent one collapse), so it
//! must never change between runs, builds or machines. Format 1: the words below, in this order, each mixed
//! by `h = (h ^ word) * K; h ^= h >> 32` from `h = SEED`, finished by murmur3's 64-bit finaliser. Every step
//! is a bijection of `h`, so nothing is lost on the way.
//!
//! - latitude, longitude: rounded to 1e-7 degrees, as i64
//! - speed, heading, altitude, odometer: IEEE bits; -0 as 0, any NaN as one NaN, absent as [`ABSENT`]
//! - ignition: 0 absent, 1 off, 2 on
//! - event: text, absent as [`ABSENT`]
//! - number of attributes, then for each: key as text, 1 + 0/1 (flag), 2 + i64, 3 + IEEE bits, 4 + text
//! - a text: its length in bytes, then its bytes in little-endian words, the last filled with zeros
//!
//! Time is not in it: rows and the ring of duplicates carry it beside the content.

use crate::model::{AttributeValue, Fix};

const SEED: u64 = 0x6669_7873_7472_6d31; // "fixstrm1"
const K: u64 = 0x9e37_79b9_7f4a_7c15;
/// A NaN that canonical floats never are, and longer than any text.
const ABSENT: u64 = 0x7ff8_0000_6162_7365;

/// Hash of place, motion, event, ignition, odometer and attributes of a fix; the same for ever.
pub fn content_hash(fix: &Fix) -> u64 {
    let mut hash = Hasher(SEED);
    hash.word(rounded(fix.latitude));
    hash.word(rounded(fix.longitude));
    for value in [fix.speed_kmh, fix.heading_deg, fix.altitude_m, fix.odometer_km] {
        hash.word(value.map_or(ABSENT, bits));
    }
    hash.word(fix.ignition.map_or(0, |on| 1 + u64::from(on)));
    match &fix.event {
        Some(event) => hash.text(event),
        None => hash.word(ABSENT),
    }
    hash.word(fix.attributes.len() as u64);
    for (key, value) in &fix.attributes {
        hash.text(key);
        match value {
            AttributeValue::Flag(flag) => hash.tagged(1, u64::from(*flag)),
            AttributeValue::Integer(number) => hash.tagged(2, *number as u64),
            AttributeValue::Real(number) => hash.tagged(3, bits(*number)),
            AttributeValue::Text(text) => {
                hash.word(4);
                hash.text(text);
            }
        }
    }
    finish(hash.0)
}

/// Content and time of a fix in one word, never 0 (which is an empty place in the ring).
pub(super) fn sighting(content: u64, time: i64) -> u64 {
    let mut hash = Hasher(content);
    hash.word(time as u64);
    finish(hash.0).max(1)
}

struct Hasher(u64);

impl Hasher {
    fn word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(K);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn tagged(&mut self, tag: u64, word: u64) {
        self.word(tag);
        self.word(word);
    }

    fn text(&mut self, text: &str) {
        self.word(text.len() as u64);
        let (words, rest) = text.as_bytes().as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            for (to, from) in last.iter_mut().zip(rest) {
                *to = *from;
            }
            self.word(u64::from_le_bytes(last));
        }
    }
}

/// 1e-7 degrees; saturates, not-a-number is 0.
fn rounded(degrees: f64) -> u64 {
    (degrees * 1e7).round() as i64 as u64
}

fn bits(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits() & !(1 << 63)
    } else if value == 0.0 {
        0
    } else {
        value.to_bits()
    }
}

fn finish(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn full() -> Fix {
        Fix {
            latitude: -33.456_789_1,
            longitude: 70.123,
            speed_kmh: Some(60.5),
            heading_deg: Some(180.0),
            altitude_m: Some(512.0),
            odometer_km: Some(150_350.75),
            ignition: Some(true),
            event: Some("harsh_braking".into()),
            attributes: vec![
                ("door".into(), AttributeValue::Flag(true)),
                ("io_9".into(), AttributeValue::Integer(-1)),
                ("axle_t".into(), AttributeValue::Real(7.5)),
                ("driver".into(), AttributeValue::Text("a1b2c3".into())),
            ],
            ..Fix::default()
        }
    }

    #[test]
    fn the_hash_is_the_same_in_every_build() {
        // Worked out by a second program from the description above.
        assert_eq!(content_hash(&Fix::default()), 0x3491_28a4_3047_a2f8);
        assert_eq!(content_hash(&full()), 0x9857_e4ca_7ca6_b700);
    }

    #[test]
    fn every_hashed_field_counts() {
        let base = content_hash(&full());
        let changes: [fn(&mut Fix); 12] = [
            |fix| fix.latitude += 1e-6,
            |fix| fix.longitude += 1e-6,
            |fix| fix.speed_kmh = Some(60.6),
            |fix| fix.heading_deg = None,
            |fix| fix.altitude_m = Some(0.0),
            |fix| fix.odometer_km = Some(150_350.76),
            |fix| fix.ignition = None,
            |fix| fix.ignition = Some(false),
            |fix| fix.event = None,
            |fix| fix.attributes.truncate(3),
            |fix| fix.attributes[1].1 = AttributeValue::Integer(1),
            |fix| fix.attributes[3].1 = AttributeValue::Text("a1b2c3\0".into()),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut fix = full();
            change(&mut fix);
            assert_ne!(content_hash(&fix), base, "change {index}");
        }
    }

    #[test]
    fn noise_below_a_centimetre_and_time_do_not_count() {
        let mut fix = full();
        fix.latitude += 1e-9;
        fix.time = Some(crate::model::TimeMs(1));
        assert_eq!(content_hash(&fix), content_hash(&full()));
    }

    #[test]
    fn all_zeros_and_all_nans_are_one() {
        let with = |value| {
            content_hash(&Fix {
                speed_kmh: Some(value),
                ..Fix::default()
            })
        };
        assert_eq!(with(0.0), with(-0.0));
        assert_eq!(with(f64::NAN), with(-f64::NAN));
        assert_ne!(with(0.0), with(f64::NAN));
        assert_ne!(with(f64::NAN), content_hash(&Fix::default()));
    }
}
