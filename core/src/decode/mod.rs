//! Vendor decoders in a sandbox: raw bytes in, fixes out.
//!
//! **In:** plugin bundles (a folder with `plugin.toml` and a WASM component) and batches of one
//! vendor's [`Input`]s. **Out:** a [`Batch`] with exactly one [`Outcome`] per input, in order, and
//! the name and version of the plugin that decided it.
//!
//! Promises:
//! - A plugin sees bytes and context and nothing else: no clock, file, socket or random exists in it.
//! - Whatever a plugin does (loop, panic, recurse, allocate, lie about counts, return nonsense), the
//!   other messages of its batch are decoded, other vendors keep flowing, and the process goes on.
//! - What becomes of a message does not depend on its company: the messages of a batch that fails are
//!   tried one by one, each with at least the CPU budget that the batch had.
//! - A new version takes over between batches; nothing is lost or decoded by two versions.
//! - Only code that this program compiled itself, from bytes whose SHA-256 it knows, is ever run.
//!
//! - Versions that are kept beside the one in service decode for those who pin them, and for nobody else.
//!
//! The way through the files: [`DecodeHost`] (`host`) cuts inputs into jobs (`split`); `queue` hands
//! them to the threads of `worker` fairly; `instance` is a sandbox that runs one batch, on the code
//! that `plugin` loaded from a `bundle` through `engine` and `cache`, with records or, where the decoder can, with blocks
//! of bytes (`packed`); `convert` checks and translates what comes back; `breaker` decides whether a plugin may run at all. A plugin travels as one file (`archive`), is
//! tried before it is live (`trial`), and stays at hand after it was replaced (`pinned`).

mod archive;
mod breaker;
mod bundle;
mod cache;
mod convert;
mod engine;
mod host;
mod instance;
mod manifest;
mod message;
mod metrics;
mod pack;
mod packed;
mod pinned;
mod plugin;
mod queue;
mod split;
mod ticker;
mod topics;
mod trial;
mod wit;
mod worker;

use std::path::PathBuf;

pub use archive::{ARCHIVE_EXTENSION, Archive, MAX_ARCHIVE, SIGNATURE_FILE};
pub use breaker::{BreakerOptions, BreakerState};
pub use bundle::{Bundle, MANIFEST_FILE, SUMS_FILE, VECTORS_FILE};
pub use host::{DecodeHost, DecodeOptions, DecodeTuning};
pub use manifest::{API, DeviceFrom, Limits, Manifest};
pub use message::{Batch, Decoded, Failure, FailureKind, Input, Outcome, Transport};
pub use metrics::DecodeMetrics;
pub use pack::pack;
pub use pinned::KeptVersion;
pub use plugin::PluginInfo;
pub use trial::Trial;

/// Why a plugin, or the host of all plugins, was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// Manifest or component is wrong.
    #[error("plugin {path}: {what}", path = path.display())]
    Refused {
        /// Where.
        path: PathBuf,
        /// What, and what to do.
        what: String,
    },
    /// A core module can not become a component.
    #[error("this is no decoder module: {what}")]
    Pack {
        /// What, and what to do.
        what: String,
    },
    /// The decode host can not start.
    #[error("the decode host can not start: {what}")]
    Start {
        /// What, and what to do.
        what: String,
    },
}
