//! Messages from the field, and broken ones.

#[allow(dead_code)] // those of the other formats
#[path = "../../frames.rs"]
mod frames;

use fixstream_decoder::vectors;
use fixstream_decoder_gt06::{KEYS, decode};

/// The capture ended with the flags; the checksum that was put over its last bytes when the vectors
/// were made destroyed course and hemispheres, which the expectation still has. A decoder that
/// reads the bytes as they are finds 14 of the 18 bytes of a block, and no place.
const DESTROYED: &str = "gt06-0105";

#[test]
fn every_vector_decodes_as_expected() {
    let mut report = vectors::check("tests/vectors.jsonl", decode, KEYS);
    let before = report.failures.len();
    report.failures.retain(|failure| {
        !(failure.starts_with(DESTROYED) && failure.contains("expected 1 positions, got 0"))
    });
    assert_eq!(
        before - report.failures.len(),
        1,
        "{DESTROYED} is no exception any more"
    );
    report.assert_passed();
}

#[test]
fn no_broken_input_panics_or_breaks_the_contract() {
    let seal = frames::seal_of("gt06").expect("this format has a checksum");
    vectors::survives_sealed("tests/vectors.jsonl", decode, KEYS, seal);
}
