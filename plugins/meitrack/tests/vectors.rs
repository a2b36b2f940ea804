//! Messages from the field, and broken ones.

#[allow(dead_code)] // those of the other formats
#[path = "../../frames.rs"]
mod frames;

use fixstream_decoder::vectors;
use fixstream_decoder_meitrack::{KEYS, decode};

#[test]
fn every_vector_decodes_as_expected() {
    vectors::check("tests/vectors.jsonl", decode, KEYS).assert_passed();
}

#[test]
fn no_broken_input_panics_or_breaks_the_contract() {
    let seal = frames::seal_of("meitrack").expect("this format has a checksum");
    vectors::survives_sealed("tests/vectors.jsonl", decode, KEYS, seal);
}
