//! The `fixstream` binary: reads the command line and wires the command to its module.

use std::process::ExitCode;

use clap::Parser;
use fixstream_api::cli::{Cli, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run(Cli::parse())
}
