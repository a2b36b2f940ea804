//! TK103 decoder: messages in parentheses, `(<id><command><body>)` or `(<id>,<command>,<fields>)`.
//!
//! What comes in: one or more messages. What goes out: the positions in them, and the answers to
//! handshake and login. There is no checksum: what does not look as it must is refused rather than
//! guessed, and a command without position group has nothing to locate.

mod comma_form;
mod digits_form;
mod sentence;

use fixstream_decoder::{DecodeResult, Decoded, Message, malformed, text};

use sentence::{Form, Sentence};

/// This decoder has no attributes: the fields behind the course differ between copies.
pub const KEYS: &[&str] = &[];

fixstream_decoder::decoder! { name: "tk103", keys: KEYS, decode: decode }

/// Most positions that the contract lets through in one message.
const MOST_POSITIONS: usize = 1024;

/// Longest reply that the contract lets through.
const LONGEST_REPLY: usize = 4096;

/// Decodes one message of a TK103 tracker.
pub fn decode(message: &Message) -> DecodeResult {
    let text = text::of_bytes(&message.payload);
    let mut rest = text.trim_matches(sentence::is_filler);
    if rest.is_empty() {
        return Err(malformed("empty payload"));
    }
    let mut decoded = Decoded::nothing();
    let mut reply = String::new();
    while !rest.is_empty() {
        let (inside, behind) = sentence::split(rest)?;
        let sentence = Sentence::parse(inside)?;
        let position = match sentence.form {
            Form::Digits => digits_form::position(&sentence)?,
            Form::Commas => comma_form::position(&sentence)?,
        };
        if let Some(mut position) = position {
            position.device = Some(sentence.device.to_owned());
            decoded.positions.push(position);
        }
        reply.push_str(&answer(&sentence));
        if decoded.positions.len() > MOST_POSITIONS || reply.len() > LONGEST_REPLY {
            return Err(malformed("more than one message may have"));
        }
        rest = behind.trim_start_matches(sentence::is_filler);
    }
    decoded.reply = Some(reply.into_bytes()).filter(|reply| !reply.is_empty());
    Ok(decoded)
}

/// What the tracker waits for after a handshake and a login; empty for all else.
fn answer(sentence: &Sentence<'_>) -> String {
    let device = sentence.device;
    match (sentence.form, sentence.command) {
        (Form::Digits, "BP00") => format!("({device}AP01HSO)"),
        (Form::Digits, "BP05") => format!("({device}AP05)"),
        _ => String::new(),
    }
}
