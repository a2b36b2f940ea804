//! `fixstream plugin`: what vendors and operators do with decoders. A vendor's way is `new`, `build`, `test`, `bench`,
//! `sign`; an operator's is `install`, `list`, `rollback`, `remove`.

mod bench;
mod build;
mod decode;
mod docs;
mod find;
mod fuzz;
mod keys;
mod new;
mod operate;
mod pack;
mod test;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Common, Failure};

/// `fixstream plugin …`
#[derive(Debug, Args)]
pub struct PluginArgs {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the crate of a new decoder, ready to build
    New(new::NewArgs),
    /// Compile a decoder's crate and make its bundle and its .fsp file
    Build(build::BuildArgs),
    /// Run plugins over vectors, edited and random messages in the sandbox, and say what is wrong
    Test(test::TestArgs),
    /// Measure how long plugins take for the messages of their vectors
    Bench(bench::BenchArgs),
    /// Decode messages and print one JSON line for each
    Decode(decode::DecodeArgs),
    /// Make a .fsp file of a bundle folder, or a component of a core WASM module
    Pack(pack::PackArgs),
    /// Make a pair of keys to sign plugins with
    Keygen(keys::KeygenArgs),
    /// Sign a .fsp file
    Sign(keys::SignArgs),
    /// Installed plugins with their versions; * is the active one
    List(operate::ListArgs),
    /// Check a bundle folder or .fsp file and put it into service; a running hub takes it up at once
    Install(operate::InstallArgs),
    /// Go back to the version that was active before, or to any version that is kept
    Rollback(operate::RollbackArgs),
    /// Take a plugin out of service, or remove a version that is kept
    Remove(operate::RemoveArgs),
    /// Print a page about a plugin from its manifest and vectors, in Markdown, or an index of plugins; --write writes all
    Docs(docs::DocsArgs),
}

/// Runs it.
pub(super) async fn plugin(args: PluginArgs) -> Result<(), Failure> {
    let config = args.common.load()?;
    match args.command {
        Command::New(args) => new::run(&args),
        Command::Build(args) => build::run(&args, &config),
        Command::Test(args) => test::run(&args, &config),
        Command::Bench(args) => bench::run(&args, &config),
        Command::Decode(args) => decode::run(&args, &config),
        Command::Pack(args) => pack::run(&args),
        Command::Keygen(args) => keys::keygen(&args),
        Command::Sign(args) => keys::sign(&args),
        Command::List(args) => operate::list(&args, &config),
        Command::Install(args) => operate::install(&args, &config),
        Command::Rollback(args) => operate::rollback(&args, &config),
        Command::Remove(args) => operate::remove(&args, &config).await,
        Command::Docs(args) => docs::run(&args),
    }
}

/// Writes a file by renaming it into its place, so that nobody sees half of it.
fn write_whole(path: &std::path::Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh: PathBuf = path.with_file_name(name);
    std::fs::write(&fresh, bytes).map_err(|error| format!("{}: {error}", fresh.display()))?;
    std::fs::rename(&fresh, path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(())
}
