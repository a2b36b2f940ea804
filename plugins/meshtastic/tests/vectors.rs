//! Messages of the shared vector files, and broken variants of them.

use fixstream_decoder::vectors;
use fixstream_decoder_meshtastic::{KEYS, decode};

const VECTORS: &str = "tests/vectors.jsonl";

#[test]
fn every_vector_decodes_to_what_it_states() {
    vectors::check(VECTORS, decode, KEYS).assert_passed();
}

#[test]
fn broken_input_is_refused_without_a_panic() {
    vectors::survives(VECTORS, decode, KEYS);
}
