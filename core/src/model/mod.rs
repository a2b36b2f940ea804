//! The words that all rooms share: ids, times, the raw uplink, the fix, the verdict.
//!
//! Plain data without behaviour beyond conversion and encoding; no tokio, no I/O.

mod correction;
mod fix;
mod ids;
mod uplink;
mod verdict;

pub use correction::{Corrected, Correction, MAX_CORRECTED, Restated, Standing};
pub use fix::{AttributeValue, Fix, MAX_ATTRIBUTES, MAX_FIXES_PER_MESSAGE};
pub use ids::{ClientId, DeviceId, LinkId, Offset, PositionId, TimeMs, TrackerId};
pub use uplink::{DeadLetter, DeadReason, Sender, Source, Uplink, UplinkError};
pub use verdict::Verdict;
