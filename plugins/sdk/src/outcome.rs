//! Results: shorthand for what a decoder answers.

use core::fmt::Display;

use crate::{DecodeError, Decoded, Position};

/// Most warnings that the contract lets through.
const MOST_WARNINGS: usize = 16;

/// This decoder's format, but broken: wrong checksum, cut frame, impossible value.
#[cold]
pub fn malformed(reason: impl Display) -> DecodeError {
    DecodeError::Malformed(reason.to_string())
}

/// This decoder's format, in a variant that it does not know.
#[cold]
pub fn unsupported(reason: impl Display) -> DecodeError {
    DecodeError::Unsupported(reason.to_string())
}

impl Default for Decoded {
    fn default() -> Self {
        Self::nothing()
    }
}

impl Decoded {
    /// Understood, and nothing to locate: login, heartbeat, command reply.
    pub const fn nothing() -> Self {
        Self {
            positions: Vec::new(),
            reply: None,
            state: None,
            warnings: Vec::new(),
        }
    }

    /// Sends these bytes back on the same connection; at most 4 KiB.
    pub fn with_reply(mut self, reply: impl Into<Vec<u8>>) -> Self {
        self.reply = Some(reply.into());
        self
    }

    /// The host hands these bytes to the next message of the same device; at most 4 KiB.
    pub fn with_state(mut self, state: impl Into<Vec<u8>>) -> Self {
        self.state = Some(state.into());
        self
    }

    /// Notes something worth counting that is no error. The contract allows 16; further ones are
    /// dropped here, so that a decoder need not count them.
    pub fn warn(&mut self, warning: impl Into<String>) {
        if self.warnings.len() < MOST_WARNINGS {
            self.warnings.push(warning.into());
        }
    }
}

impl From<Position> for Decoded {
    fn from(position: Position) -> Self {
        Self::from(vec![position])
    }
}

impl From<Vec<Position>> for Decoded {
    fn from(positions: Vec<Position>) -> Self {
        Self {
            positions,
            ..Self::nothing()
        }
    }
}
