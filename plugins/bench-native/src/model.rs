//! The hub's records, where its sources look for them.

pub use fix::{AttributeValue, Fix, MAX_ATTRIBUTES, MAX_FIXES_PER_MESSAGE};

#[allow(dead_code)]
#[path = "../../../core/src/model/fix.rs"]
mod fix;

/// As the hub's own.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TimeMs(pub i64);
