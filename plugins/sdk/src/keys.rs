//! Attribute keys that cross the boundary as a number.

use crate::AttributeKey;

/// A declared attribute key: an index into the table that [`keys!`](crate::keys!) made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(u32);

impl Key {
    /// The key at this place of the table. Used by [`keys!`](crate::keys!).
    #[doc(hidden)]
    pub const fn declared(index: u32) -> Self {
        Self(index)
    }
}

impl From<Key> for AttributeKey {
    fn from(key: Key) -> Self {
        Self::Declared(key.0)
    }
}

impl From<&str> for AttributeKey {
    fn from(name: &str) -> Self {
        Self::Named(name.to_owned())
    }
}

impl From<String> for AttributeKey {
    fn from(name: String) -> Self {
        Self::Named(name)
    }
}

/// Declares the attribute keys of a decoder, once per module:
/// `keys! { pub KEYS { OIL_PRESSURE = "oil_pressure_kpa", DOOR_OPEN = "door_open" } }` makes the table
/// `KEYS` for [`decoder!`](crate::decoder!) and one [`Key`](crate::Key) constant per name.
#[macro_export]
macro_rules! keys {
    ($(#[$meta:meta])* $visibility:vis $table:ident { $($name:ident = $text:literal),* $(,)? }) => {
        $(#[$meta])*
        $visibility const $table: &[&str] = &[$($text),*];

        #[doc(hidden)]
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, dead_code)]
        enum FixstreamKeyIndex { $($name),* }

        $(
            #[doc = $text]
            #[allow(dead_code)]
            $visibility const $name: $crate::Key = $crate::Key::declared(FixstreamKeyIndex::$name as u32);
        )*
    };
}
