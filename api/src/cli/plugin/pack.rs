//! `fixstream plugin pack`: the last step of a build.

use std::path::PathBuf;

use clap::Args;
use fixstream_core::decode::{ARCHIVE_EXTENSION, Archive, pack};

use super::write_whole;
use crate::cli::Failure;

#[derive(Debug, Args)]
pub(super) struct PackArgs {
    /// Bundle folder (gives a .fsp file), or a core module as compilers leave it (gives a component)
    source: PathBuf,
    /// File to write; for a bundle NAME-VERSION.fsp if not given
    #[arg(long, short)]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &PackArgs) -> Result<(), Failure> {
    let source = &args.source;
    if source.is_dir() {
        let archive = Archive::open(source)?;
        let output = args.output.clone().unwrap_or_else(|| file_name(&archive).into());
        write_whole(&output, &archive.bytes()?)?;
        println!("{}", output.display());
        return Ok(());
    }
    let output = args
        .output
        .as_ref()
        .ok_or("say with --output where the component goes")?;
    let core = std::fs::read(source).map_err(|error| format!("{}: {error}", source.display()))?;
    let component = pack(&core).map_err(|error| format!("{}: {error}", source.display()))?;
    write_whole(output, &component)
}

/// What an archive is called where nobody says.
pub(super) fn file_name(archive: &Archive) -> String {
    let manifest = &archive.bundle.manifest;
    format!("{}-{}.{ARCHIVE_EXTENSION}", manifest.name, manifest.version)
}
