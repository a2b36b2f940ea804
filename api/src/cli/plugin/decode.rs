//! `fixstream plugin decode`: what a plugin makes of messages.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::find::{Bench, find};
use crate::cli::Failure;
use crate::config::Config;
use crate::vectors::{self, Line};

/// Lines decoded together.
const BATCH: usize = 256;

#[derive(Debug, Args)]
pub(super) struct DecodeArgs {
    /// Name of an installed plugin, a bundle folder, a .fsp file, or the folder of a crate that was built
    plugin: String,
    /// Lines in the vectors' format; - for standard input
    #[arg(long)]
    input: PathBuf,
}

pub(super) fn run(args: &DecodeArgs, config: &Config) -> Result<(), Failure> {
    let bench = Bench::start(config)?;
    let mut trial = bench.trial(&find(&args.plugin, config)?)?;
    let mut out = std::io::stdout().lock();
    for lines in batches(&args.input)? {
        let lines = lines?;
        let inputs = lines.iter().map(Line::input).collect::<Result<Vec<_>, _>>()?;
        for (line, outcome) in lines.iter().zip(trial.decode(inputs, usize::MAX)) {
            let result = vectors::result(&outcome);
            match writeln!(out, "{}", serde_json::json!({ "id": line.id, "result": result })) {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                done => done?,
            }
        }
    }
    Ok(())
}

/// The lines of a file in groups; an error names the line.
fn batches(path: &Path) -> Result<impl Iterator<Item = Result<Vec<Line>, Failure>>, Failure> {
    let reader: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let file = std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Box::new(std::io::BufReader::new(file))
    };
    let shown = path.display().to_string();
    let mut lines = reader.lines().enumerate();
    Ok(std::iter::from_fn(move || {
        let mut group = Vec::new();
        while group.len() < BATCH {
            let Some((number, line)) = lines.next() else { break };
            let parsed = line.map_err(Failure::from).and_then(|line| match line.trim() {
                "" => Ok(None),
                text => serde_json::from_str(text).map(Some).map_err(Failure::from),
            });
            match parsed {
                Ok(line) => group.extend(line),
                Err(error) => return Some(Err(format!("{shown} line {}: {error}", number + 1).into())),
            }
        }
        (!group.is_empty()).then_some(Ok(group))
    }))
}
