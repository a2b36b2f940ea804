//! NMEA 0183 decoder: sentences of any receiver.
//!
//! What comes in: one or more sentences, `$…*hh`. What goes out: one position for each moment that has
//! coordinates. RMC says where and when, GGA or GNS with the same clock add altitude, satellites and
//! HDOP; each of them, and GLL, is also a position alone. A sentence is believed only with its checksum.

mod epoch;
mod fields;
mod moment;
mod reading;
mod sentence;

use fixstream_decoder::{DecodeResult, Decoded, Message};

pub use keys::KEYS;

mod keys {
    //! Attribute keys.

    fixstream_decoder::keys! {
        /// Names of the values that the position record has no field for.
        pub KEYS {
            MODE = "mode",
            FIX_QUALITY = "fix_quality",
            GEOID_SEPARATION = "geoid_separation_m",
        }
    }
}

fixstream_decoder::decoder! { name: "nmea", keys: KEYS, decode: decode }

/// Decodes one message of sentences.
pub fn decode(message: &Message) -> DecodeResult {
    let mut epochs = epoch::Epochs::default();
    for body in sentence::bodies(&message.payload)? {
        if let Some(reading) = reading::of(body)? {
            epochs.add(reading)?;
        }
    }
    Ok(Decoded::from(epochs.positions()?))
}
