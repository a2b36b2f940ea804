//! Messages from the field, and broken ones.

use fixstream_decoder::checksum::xor;
use fixstream_decoder::vectors;
use fixstream_decoder_nmea::{KEYS, decode};

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
fn no_broken_sentence_breaks_the_contract() {
    for vector in vectors::load("tests/vectors.jsonl") {
        let Some(body) = sentence_body(&vector.message.payload) else {
            continue;
        };
        for at in 0..body.len() {
            for replacement in *b",.-09NVZ\xff" {
                let mut broken = body.to_vec();
                if let Some(byte) = broken.get_mut(at) {
                    *byte = replacement;
                }
                let mut message = vector.message.clone();
                message.payload = [b"$", &*broken, format!("*{:02X}", xor(&broken)).as_bytes()].concat();
                if let Ok(decoded) = decode(&message) {
                    assert_eq!(
                        vectors::contract_violations(&decoded, KEYS),
                        Vec::<String>::new(),
                        "{} byte {at}",
                        vector.id
                    );
                }
            }
        }
    }
}

/// What stands between `$` and `*` in the first sentence.
fn sentence_body(payload: &[u8]) -> Option<&[u8]> {
    payload.strip_prefix(b"$")?.split(|byte| *byte == b'*').next()
}
