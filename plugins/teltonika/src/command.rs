//! Codecs 12, 13 and 14: answers to commands. Nothing in them is a position.

use fixstream_decoder::{DecodeError, Reader, malformed};

use crate::frame::Packet;

/// Type and length before the text of an answer.
const SHORTEST_REPLY: usize = 5;

/// Checks that a reply is whole. Its text is not looked at: firmware versions disagree on whether the
/// declared length counts what stands before the text, and the checksum has vouched for the bytes.
pub(crate) fn decode(data: &Reader<'_>) -> Result<Packet, DecodeError> {
    match data.rest() {
        [quantity, replies @ .., quantity_again]
            if quantity == quantity_again && replies.len() >= SHORTEST_REPLY * usize::from(*quantity) =>
        {
            Ok(Packet::CommandReply)
        }
        _ => Err(malformed("command reply is cut short or its quantities differ")),
    }
}
