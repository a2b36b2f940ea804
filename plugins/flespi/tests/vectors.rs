//! Messages from the field, and broken ones.

use fixstream_decoder::vectors;
use fixstream_decoder_flespi::{KEYS, decode};

#[test]
fn every_vector_decodes_as_expected() {
    vectors::check("tests/vectors.jsonl", decode, KEYS).assert_passed();
}

#[test]
fn no_broken_input_panics_or_breaks_the_contract() {
    vectors::survives("tests/vectors.jsonl", decode, KEYS);
}
