//! Each plugin's time per message: as native code, and in the sandbox.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::Value;

use crate::Failure;

/// `fixstream-bench plugins`
#[derive(Debug, Args)]
pub struct Plugins {
    /// The program; built by deploy/setup
    #[arg(long, default_value = "target/debug/fixstream")]
    program: PathBuf,
    /// Plugin bundles; built by deploy/setup
    #[arg(long, default_value = "target/plugins")]
    bundles: PathBuf,
    /// The decoders' workspace, for their native code and their vectors
    #[arg(long, default_value = "plugins")]
    sources: PathBuf,
    /// CPU seconds for each figure
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

/// Builds the native decoders, measures both, prints a table.
pub fn run(args: &Plugins) -> Result<(), Failure> {
    let native = native(args)?;
    println!(
        "| plugin | native µs | sandbox, one by one µs | sandbox, batches µs | ratio one | ratio batch |"
    );
    println!("|---|---|---|---|---|---|");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&args.bundles)?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    for folder in folders {
        let Some(name) = folder.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let vectors = args.sources.join(name).join("tests/vectors.jsonl");
        if !vectors.is_file() {
            continue;
        }
        let mut command = Command::new(&args.program);
        command
            .args([
                "plugin",
                "bench",
                "--json",
                "--seconds",
                &args.seconds.to_string(),
            ])
            .arg("--vectors")
            .arg(&vectors)
            .arg(&folder);
        let sandbox = json(command)?;
        let figure = |key: &str| sandbox["plugins"][0][key].as_f64().unwrap_or_default();
        let (one, batch) = (figure("one_us"), figure("batch_us"));
        match native.get(name) {
            Some(native) => println!(
                "| {name} | {native:.2} | {one:.2} | {batch:.2} | {:.2} | {:.2} |",
                one / native,
                batch / native
            ),
            None => println!("| {name} | | {one:.2} | {batch:.2} | | |"),
        }
    }
    Ok(())
}

/// Native µs per message by plugin.
fn native(args: &Plugins) -> Result<BTreeMap<String, f64>, Failure> {
    let mut command = Command::new("cargo");
    command
        .args(["run", "--quiet", "--release", "-p", "fixstream-bench-native"])
        .current_dir(&args.sources);
    let answer = json(command)?;
    let all = answer["plugins"].as_array().cloned().unwrap_or_default();
    let figure = |one: &Value| Some((one["plugin"].as_str()?.to_owned(), one["native_us"].as_f64()?));
    Ok(all.iter().filter_map(figure).collect())
}

/// What a command prints.
fn json(mut command: Command) -> Result<Value, Failure> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
