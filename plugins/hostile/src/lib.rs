//! A guest that misbehaves as the first payload byte says, to test that the host contains it; one that counts, to test
//! that its state is kept; and one that errs.

mod erring;

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use fixstream_decoder::{AttributeKey, DecodeResult, Decoded, Decoder, Message, Position, packed};

/// The decoder as the host sees it.
#[derive(Debug, Clone, Copy)]
pub struct Hostile;

impl Decoder for Hostile {
    const NAME: &'static str = "hostile";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ATTRIBUTE_KEYS: &'static [&'static str] = &[];

    fn decode(message: &Message) -> DecodeResult {
        match message.payload.first() {
            Some(b'l') => loop_for_ever(),
            #[allow(clippy::panic)] // what it is for
            Some(b'p') => panic!("as asked"),
            Some(b'm') => take_memory(),
            Some(b's') => drop(black_box(recurse(0))),
            Some(b'a') => return Ok(twelve_mebibytes()),
            Some(b'n') => return Ok(places_that_are_none()),
            Some(b'u') => return Ok(no_text()),
            Some(b'z') => return Ok(vec![place(1.0, 2.0); 10_000].into()),
            Some(b'k') => return Ok(too_many_attributes()),
            Some(b'd') => return Ok(undeclared_key()),
            Some(b'b') => return Ok(Decoded::nothing().with_state(vec![0; 1 << 20])),
            Some(b'r') => return erring::decode(Self::VERSION, &message.payload),
            Some(b't') => return Ok(tally(&message.state)),
            Some(b'c') => LIE.store(TOO_FEW, Ordering::Relaxed),
            Some(b'x') => LIE.store(TOO_MANY, Ordering::Relaxed),
            _ => {}
        }
        Ok(place(1.0, 2.0).into())
    }

    /// One result too few, or one too many, when any message asks for it.
    fn decode_batch(batch: &[Message]) -> Vec<DecodeResult> {
        LIE.store(0, Ordering::Relaxed);
        let mut results: Vec<DecodeResult> = batch.iter().map(Self::decode).collect();
        match LIE.load(Ordering::Relaxed) {
            0 => {}
            TOO_MANY => results.push(Ok(place(1.0, 2.0).into())),
            _ => drop(results.pop()),
        }
        results
    }

    /// The same lie in the number before the answers.
    fn decode_packed(batch: &[u8]) -> Vec<u8> {
        LIE.store(0, Ordering::Relaxed);
        let mut answers = packed::decode::<Self>(batch);
        if let Some(count) = answers.first_chunk_mut() {
            let lie = u32::from_le_bytes(*count).wrapping_add(LIE.load(Ordering::Relaxed));
            *count = lie.to_le_bytes();
        }
        answers
    }
}

/// What a message of the batch wants added to the number of answers.
static LIE: AtomicU32 = AtomicU32::new(0);
const TOO_MANY: u32 = 1;
const TOO_FEW: u32 = u32::MAX;

fixstream_decoder::export!(Hostile);

fn place(latitude: f64, longitude: f64) -> Position {
    Position {
        latitude: Some(latitude),
        longitude: Some(longitude),
        ..Position::default()
    }
}

/// Well behaved for once: counts the messages of a device in its state, and says the number as odometer.
fn tally(state: &[u8]) -> Decoded {
    let before = state.try_into().map_or(0, u32::from_be_bytes);
    let number = before.wrapping_add(1);
    let position = Position {
        odometer_km: Some(number.into()),
        ..place(1.0, 2.0)
    };
    Decoded::from(position).with_state(number.to_be_bytes())
}

fn loop_for_ever() {
    loop {
        black_box(());
    }
}

fn take_memory() {
    const MEBIBYTE: usize = 1 << 20;
    let mut taken: Vec<Vec<u8>> = Vec::new();
    for _ in 0..2048 {
        taken.push(vec![1; MEBIBYTE]);
        black_box(&taken);
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == u64::MAX {
        return depth;
    }
    recurse(black_box(depth + 1)).wrapping_add(black_box(frame).iter().sum())
}

fn twelve_mebibytes() -> Decoded {
    let text = "x".repeat(1 << 20);
    let position = Position {
        event: Some(text),
        ..place(1.0, 2.0)
    };
    vec![position; 12].into()
}

/// A text of bytes that are no UTF-8.
fn no_text() -> Decoded {
    let bytes = black_box(vec![0xff, 0xfe, 0xc0, 0x80]);
    // SAFETY: none, on purpose: the host must find out. Nothing here looks into the text before it leaves.
    let text = unsafe { String::from_utf8_unchecked(bytes) };
    Position {
        event: Some(text),
        ..place(1.0, 2.0)
    }
    .into()
}

fn too_many_attributes() -> Decoded {
    let mut position = place(1.0, 2.0);
    for number in 0..100_000_i64 {
        position.add("key".to_owned(), number);
    }
    position.into()
}

/// Says that it uses a key which it never declared.
fn undeclared_key() -> Decoded {
    let mut position = place(1.0, 2.0);
    position.add(AttributeKey::Declared(u32::MAX), 1_i64);
    position.into()
}

fn places_that_are_none() -> Decoded {
    vec![
        place(f64::NAN, 2.0),
        place(1.0, f64::INFINITY),
        place(91.0, 2.0),
        place(1.0, -181.0),
    ]
    .into()
}
