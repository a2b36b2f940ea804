//! The trait behind a decoder, and the macros that export it to the host.

use crate::bindings::exports::fixstream::decoder::{decode, plugin};
use crate::{DecodeError, Decoded, Descriptor, Message, packed};

/// What decoding one message gives.
pub type DecodeResult = Result<Decoded, DecodeError>;

/// A vendor decoder. Usually written by [`decoder!`](crate::decoder!), not by hand.
pub trait Decoder: 'static {
    /// The name in `plugin.toml`.
    const NAME: &'static str;
    /// The version in `plugin.toml`.
    const VERSION: &'static str;
    /// Names behind the declared attribute keys, see [`keys!`](crate::keys!).
    const ATTRIBUTE_KEYS: &'static [&'static str];
    /// Largest batch it wants.
    const MAX_BATCH: u32 = 64;

    /// Decodes one message. Must be a pure function of it.
    fn decode(message: &Message) -> DecodeResult;

    /// Decodes a batch: one result per message, in order. For a host that asks in records; one that asks in blocks has
    /// messages decoded one after the other (`packed`).
    fn decode_batch(batch: &[Message]) -> Vec<DecodeResult> {
        batch.iter().map(Self::decode).collect()
    }

    /// The same with the batch and its answers as a block of bytes each (`wit/packed-1.0.0/packed.wit`).
    #[doc(hidden)]
    fn decode_packed(batch: &[u8]) -> Vec<u8>
    where
        Self: Sized,
    {
        packed::decode::<Self>(batch)
    }
}

impl<T: Decoder> plugin::Guest for T {
    fn describe() -> Descriptor {
        Descriptor {
            name: T::NAME.to_owned(),
            version: T::VERSION.to_owned(),
            attribute_keys: T::ATTRIBUTE_KEYS.iter().map(|key| (*key).to_owned()).collect(),
            max_batch: T::MAX_BATCH,
        }
    }
}

impl<T: Decoder> decode::Guest for T {
    fn decode_batch(batch: Vec<Message>) -> Vec<DecodeResult> {
        <T as Decoder>::decode_batch(&batch)
    }
}

/// Makes a crate a decoder: `decoder! { name: "acme", keys: KEYS, decode: decode }`.
///
/// Defines `pub struct Plugin`, which implements [`Decoder`](crate::Decoder) with the version of the
/// crate, and exports it on wasm32. Optional last entry: `max_batch: 16`.
#[macro_export]
macro_rules! decoder {
    (name: $name:literal, keys: $keys:expr, decode: $decode:expr $(, max_batch: $max_batch:literal)? $(,)?) => {
        /// The decoder as the host sees it.
        #[derive(Debug, Clone, Copy)]
        pub struct Plugin;

        impl $crate::Decoder for Plugin {
            const NAME: &'static str = $name;
            const VERSION: &'static str = ::core::env!("CARGO_PKG_VERSION");
            const ATTRIBUTE_KEYS: &'static [&'static str] = $keys;
            $(const MAX_BATCH: u32 = $max_batch;)?

            fn decode(message: &$crate::Message) -> $crate::DecodeResult {
                ($decode)(message)
            }
        }

        $crate::export!(Plugin);
    };
}

/// Exports a type that implements [`Decoder`](crate::Decoder) to the host; does nothing natively, so
/// that several decoders can be linked into one program.
#[macro_export]
macro_rules! export {
    ($decoder:ident) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
    $crate::bindings::export!($decoder with_types_in $crate::bindings);
    $crate::bindings_packed::export!($decoder with_types_in $crate::bindings_packed);

            /// Version of the contract, readable without compiling or running the component.
            #[used]
            #[unsafe(link_section = "fixstream:decoder-api")]
            static API_VERSION: [u8; 3] = [1, 0, 0];
        };
    };
}
