//! Plugins on this machine: versions on disk, checked before they are live, kept after they were replaced.
//!
//! **In:** bundle folders and `.fsp` files from whoever operates the hub. **Out:** what the decode host runs.
//! [`Store`] keeps versions on disk and says which is active; [`Installer`] lets nothing in that is not checked
//! (`signature`: whose it is; `check`: whether it does what its own vectors say); [`Plugins`] makes the running hub
//! follow the store. The command line and REST go through the same [`Installer`].
//!
//! Promises:
//! - what is refused changes nothing: the active version goes on;
//! - the active version changes in one rename, and the running hub follows at once;
//! - a version means one build: other bytes under the same number are refused, unless asked for;
//! - nothing is forgotten by itself: versions are kept until they are removed.

mod check;
mod error;
mod hub;
mod install;
mod signature;
mod store;

pub(crate) use check::{Checked, check, lines};
pub use error::InstallError;
pub use hub::Plugins;
pub use install::{Installed, Installer};
pub use signature::{Policy, generate, sign};
pub use store::{Entry, Store};
