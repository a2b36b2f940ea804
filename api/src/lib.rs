//! The REST surfaces and the `fixstream` program around `fixstream-core`.

pub mod cli;
pub mod config;
mod demo;
mod door;
mod plugins;
pub mod rest;
mod server;
mod tls;
mod vectors;

pub use server::{Server, StartError};
pub use tls::{TlsError, TlsFiles};
