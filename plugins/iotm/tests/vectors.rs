//! Messages from the field, and broken ones.

use fixstream_decoder::checksum::sum8;
use fixstream_decoder::vectors;
use fixstream_decoder_iotm::{KEYS, decode};

#[test]
fn every_vector_decodes_as_expected() {
    vectors::check("tests/vectors.jsonl", decode, KEYS).assert_passed();
}

#[test]
fn no_broken_input_panics_or_breaks_the_contract() {
    vectors::survives("tests/vectors.jsonl", decode, KEYS);
}

/// Broken input seldom has a right checksum: here it always has.
#[test]
fn no_broken_record_breaks_the_contract() {
    for vector in vectors::load("tests/vectors.jsonl") {
        let summed = vector
            .message
            .payload
            .split_last()
            .map_or(&[][..], |(_, summed)| summed);
        for at in 0..summed.len() {
            for mask in [0x01, 0x02, 0x08, 0x10, 0x40, 0x80, 0xff] {
                let mut message = vector.message.clone();
                message.payload = summed.to_vec();
                if let Some(byte) = message.payload.get_mut(at) {
                    *byte ^= mask;
                }
                message.payload.push(sum8(&message.payload));
                if let Ok(decoded) = decode(&message) {
                    assert_eq!(
                        vectors::contract_violations(&decoded, KEYS),
                        Vec::<String>::new(),
                        "{} byte {at} mask {mask:02x}",
                        vector.id
                    );
                }
            }
        }
    }
}
