//! Newtypes for ids and instants, so that one can't be passed for another.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A tenant. Registry key, ≥ 1.
    ClientId(u32)
}
id! {
    /// The tie between a client and a vendor, chosen by the API key or credential. Registry key, ≥ 1.
    LinkId(u32)
}
id! {
    /// The sending hardware. Registry key, ≥ 1.
    TrackerId(u32)
}
id! {
    /// What is tracked. Registry key, ≥ 1, dense: it is also the index into the slot tables.
    DeviceId(u32)
}
id! {
    /// Number of a record in the journal, from 0 without holes.
    Offset(u64)
}
id! {
    /// `idPosition`: journal offset × 1024 + index in the message. Unique, stable under replay,
    /// ≥ 1 (offsets of position records start at 1), and below 2^53 so that JavaScript keeps it exact.
    PositionId(u64)
}
id! {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    TimeMs(i64)
}

impl PositionId {
    /// The id of the `index`-th position (below 1024) decoded from the record at `offset`.
    pub fn new(offset: Offset, index: usize) -> Self {
        debug_assert!(index < super::MAX_FIXES_PER_MESSAGE);
        Self(offset.0 * super::MAX_FIXES_PER_MESSAGE as u64 + index as u64)
    }

    /// The journal record that this position came from.
    pub fn offset(self) -> Offset {
        Offset(self.0 / super::MAX_FIXES_PER_MESSAGE as u64)
    }
}
