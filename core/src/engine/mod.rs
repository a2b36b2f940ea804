//! The ClickHouse that runs beside us when no other one is configured.
//!
//! **In:** a data folder and the library `libchdb.so` (`deploy/libchdb` fetches it). **Out:** [`Access`],
//! the address and the credentials of a real ClickHouse server on 127.0.0.1. **Promises:** the server is
//! a process of its own, so that its crash is not ours; it is restarted on the same port when it dies;
//! it ends when we end, even by `kill -9`; it sees no file but its own store; a garbled request does
//! not end it; nobody comes in without a password from the data folder.
//!
//! `libchdb` carries ClickHouse's own HTTP and native servers. The hidden subcommand
//! `fixstream clickhouse` ([`launcher`]) opens them; [`Engine`] supervises that process.

mod config;
mod credentials;
mod error;
mod ffi;
mod hold;
pub mod launcher;
mod library;
mod options;
mod probe;
mod process;
mod sandbox;
mod supervisor;

pub use error::EngineError;
pub use library::find as find_library;
pub use options::{Access, EngineOptions, Launch, Sandbox};
pub use supervisor::Engine;
