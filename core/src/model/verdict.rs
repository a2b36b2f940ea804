//! What the hub thinks of a fix. Nothing is dropped silently: the verdict is in the row and counted.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The judgement of one fix, in the order of `design`: the first that applies wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Verdict {
    /// Trusted; may become the latest position.
    Ok = 0,
    /// Older than the newest trusted fix: in history, never latest.
    Late = 1,
    /// Same device, fix time and content as one seen before: counted, not stored twice.
    Duplicate = 2,
    /// Fix time beyond now plus tolerance.
    Future = 3,
    /// The device itself says that this is no fix.
    Invalid = 4,
    /// 0°, 0°: the place where receivers without a fix believe to be.
    NullIsland = 5,
    /// Reached only at an impossible speed.
    Jump = 6,
    /// Trusted after its clock was repaired (GPS week rollover); the original time is kept.
    Clock = 7,
    /// Taken back: the last row of a position that was deleted, or that stands elsewhere since it was corrected.
    /// No fix is judged so.
    Deleted = 8,
}

impl Verdict {
    /// All verdicts, for tables of metrics and documentation.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::Late,
        Self::Duplicate,
        Self::Future,
        Self::Invalid,
        Self::NullIsland,
        Self::Jump,
        Self::Clock,
        Self::Deleted,
    ];

    /// The name in rows, metrics and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::Future => "future",
            Self::Invalid => "invalid",
            Self::NullIsland => "null_island",
            Self::Jump => "jump",
            Self::Clock => "clock",
            Self::Deleted => "deleted",
        }
    }

    /// Whether such a fix may become the latest position.
    pub const fn is_trusted(self) -> bool {
        matches!(self, Self::Ok | Self::Clock)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
