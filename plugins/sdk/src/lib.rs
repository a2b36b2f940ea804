//! Write a fixstream vendor decoder: a plain function and one macro.
//!
//! ```
//! use fixstream_decoder::{Decoded, DecodeError, Message, Position, Reader};
//!
//! fixstream_decoder::keys! {
//!     /// Names of the values that the position record has no field for.
//!     pub KEYS { CABIN_TEMPERATURE = "cabin_temperature_c" }
//! }
//!
//! fixstream_decoder::decoder! { name: "example", keys: KEYS, decode: decode }
//!
//! /// i32 latitude and longitude in 1e-7 degrees, u16 speed in km/h, i8 cabin temperature.
//! fn decode(message: &Message) -> Result<Decoded, DecodeError> {
//!     let mut reader = Reader::new(&message.payload);
//!     let latitude = f64::from(reader.i32_be()?) / 1e7;
//!     let longitude = f64::from(reader.i32_be()?) / 1e7;
//!     let mut position = Position::at(latitude, longitude)?;
//!     position.speed_kmh = Some(f64::from(reader.u16_be()?));
//!     position.add(CABIN_TEMPERATURE, reader.i8()?);
//!     Ok(position.into())
//! }
//! # fn main() {}
//! ```
//!
//! What comes in: one [`Message`] (raw bytes, channel, context). What goes out: [`Decoded`] (zero or
//! more positions) or a [`DecodeError`]. What the SDK promises: nothing in it panics on any input.
//! The same source compiles natively, so a decoder is tested with plain `cargo test` against the
//! harness in `vectors` (feature `testing`).

mod decoder;
mod keys;
mod outcome;
mod position;
mod reader;
mod session;

#[doc(hidden)]
pub mod packed;

pub mod checksum;
pub mod text;
pub mod time;
pub mod units;

#[cfg(feature = "json")]
pub mod json;

#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub mod vectors;

#[cfg(all(feature = "allocator", target_arch = "wasm32"))]
mod allocator;

/// Bindings generated from the contract (`wit/1.0.0/decoder.wit`).
#[doc(hidden)]
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#[rustfmt::skip]
pub mod bindings;

/// Bindings generated from `wit/packed-1.0.0/packed.wit`.
#[doc(hidden)]
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#[rustfmt::skip]
pub mod bindings_packed;

pub use crate::bindings::exports::fixstream::decoder::plugin::Descriptor;
pub use crate::bindings::fixstream::decoder::types::{
    Attribute, AttributeKey, DecodeError, Decoded, Message, Position, Transport, Value,
};
pub use crate::decoder::{DecodeResult, Decoder};
pub use crate::keys::Key;
pub use crate::outcome::{malformed, unsupported};
pub use crate::position::checked_place;
pub use crate::reader::{Cut, Reader};
