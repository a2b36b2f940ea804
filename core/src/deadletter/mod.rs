//! Dead letters on their way back: what could not be understood or assigned is journalled once more.
//!
//! **In:** a choice of letters, or a tracker that was registered. **Out:** journal records, the same uplinks as at
//! first: same sender, source and time of receipt. **Promises:** a letter is marked as replayed only when its
//! new record is on disk, so none is ever lost; an interruption in between replays it twice, and its
//! positions collapse by device, time and content. What fails again becomes a new letter with a new id.
//! One replay runs at a time, so that two requests never take the same letter.

mod hold;
mod replay;

pub use hold::release_held;
pub use replay::{DeadLetterError, DeadLetters, Replay};
