//! What goes into a decoder and what comes out, in the hub's own words.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::model::{Fix, TimeMs};

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// MQTT.
    Mqtt,
    /// HTTP.
    Http,
    /// A file (`plugin decode`, replays).
    File,
}

/// One message for a decoder.
#[derive(Debug, Clone)]
pub struct Input {
    /// How it came.
    pub transport: Transport,
    /// Topic or path.
    pub channel: String,
    /// Device id from topic or credential.
    pub device: Option<String>,
    /// Time of receipt.
    pub received: TimeMs,
    /// Tracker and plugin settings.
    pub context: Vec<(String, String)>,
    /// State that this decoder returned for this device's previous message.
    pub state: Vec<u8>,
    /// The bytes.
    pub payload: Bytes,
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Understood. No fixes: nothing to locate.
    Decoded(Decoded),
    /// Not understood, or not decodable now.
    Failed(Failure),
}

/// A message that was understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded {
    /// Fixes in the order of the frame, with the device id that the payload names.
    pub fixes: Vec<(Option<String>, Fix)>,
    /// Answer for the device, at most 4 KiB.
    pub reply: Option<Vec<u8>>,
    /// New state for the device, at most 4 KiB; `None` keeps the old one.
    pub state: Option<Vec<u8>>,
}

/// Why there are no fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Kind.
    pub kind: FailureKind,
    /// In words, bounded to 512 bytes.
    pub detail: String,
}

/// Bytes of [`Failure::detail`], at most.
const MAX_DETAIL: usize = 512;

impl Failure {
    /// A failure with its reason, cut to what is kept of it.
    pub(super) fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        let mut detail: String = detail.into();
        if detail.len() > MAX_DETAIL {
            detail.truncate(detail.floor_char_boundary(MAX_DETAIL));
            // a plugin may have sent megabytes; the capacity is given back as well
            detail.shrink_to_fit();
        }
        Self { kind, detail }
    }
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// Not this format.
    NotMine,
    /// This format, broken.
    Malformed,
    /// This format, unsupported variant.
    Unsupported,
    /// Trap, panic, stack overflow, out of memory.
    Trapped,
    /// CPU budget used up.
    Deadline,
    /// The answer breaks the contract (counts, ranges, sizes).
    Contract,
    /// No such plugin.
    NoPlugin,
    /// Breaker open.
    OutOfService,
}

impl FailureKind {
    /// All kinds, for tables of metrics and documentation.
    pub const ALL: [Self; 8] = [
        Self::NotMine,
        Self::Malformed,
        Self::Unsupported,
        Self::Trapped,
        Self::Deadline,
        Self::Contract,
        Self::NoPlugin,
        Self::OutOfService,
    ];

    /// The name in metrics and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotMine => "not_mine",
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::Trapped => "trapped",
            Self::Deadline => "deadline",
            Self::Contract => "contract",
            Self::NoPlugin => "no_plugin",
            Self::OutOfService => "out_of_service",
        }
    }

    /// Whether the plugin is to blame, not the message: these count for its breaker.
    pub const fn is_plugin_fault(self) -> bool {
        matches!(self, Self::Trapped | Self::Deadline | Self::Contract)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Outcomes of a batch, with who decoded it.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `teltonika@1.0.0`; empty for `NoPlugin`.
    pub plugin: Arc<str>,
    /// One per input, in order.
    pub outcomes: Vec<Outcome>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_detail_is_cut_between_characters() {
        let failure = Failure::new(FailureKind::Malformed, "é".repeat(400) + "x");
        assert_eq!(failure.detail.len(), 512);
        let odd = Failure::new(FailureKind::Malformed, format!("x{}", "é".repeat(400)));
        assert_eq!(odd.detail.len(), 511);
    }
}
