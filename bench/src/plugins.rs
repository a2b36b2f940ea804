//! Each plugin's time per message: as native code, and in the sandbox.
//!
//! Natively the decoder alone is measured too, and the whole way from the raw message to the checked fixes with the decoder
//! linked in; the sandbox goes the same whole way. Native code is built twice: as the hub is, which is what a decoder in it
//! would cost, and as fast as it gets (one unit with all that it calls, as guests are).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
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

/// The profile of the decoders' workspace that is the hub's, and the fast one.
const PROFILES: [&str; 2] = ["hub", "release"];

/// µs per message of a decoder that is native code.
#[derive(Debug, Clone, Copy)]
struct Native {
    decode: f64,
    whole: f64,
}

/// Builds the native decoders, measures all, prints a table.
pub fn run(args: &Plugins) -> Result<(), Failure> {
    let [as_hub, fastest] = [native(args, PROFILES[0])?, native(args, PROFILES[1])?];
    println!(
        "| plugin | decoder alone, fastest µs | whole way as the hub µs | whole way, fastest µs | one by one µs | in batches µs | to the hub's | to the fastest | difference to it µs |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
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
        let (true, Some(as_hub), Some(fastest)) = (vectors.is_file(), as_hub.get(name), fastest.get(name))
        else {
            continue;
        };
        let figures = bench(args, &vectors, &folder)?;
        let figure = |key: &str| figures[key].as_f64().unwrap_or_default();
        let (one, batch) = (figure("one_us"), figure("batch_us"));
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} | {one:.2} | {batch:.2} | {:.2} | {:.2} | {:.2} |",
            fastest.decode,
            as_hub.whole,
            fastest.whole,
            batch / as_hub.whole,
            batch / fastest.whole,
            batch - fastest.whole,
        );
    }
    Ok(())
}

/// What `fixstream plugin bench` says about a bundle.
fn bench(args: &Plugins, vectors: &Path, bundle: &Path) -> Result<Value, Failure> {
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
        .arg(vectors)
        .arg(bundle);
    Ok(json_of(command)?["plugins"][0].take())
}

/// Native µs per message by plugin, built with a profile.
fn native(args: &Plugins, profile: &str) -> Result<BTreeMap<String, Native>, Failure> {
    let mut command = Command::new("cargo");
    command
        .args([
            "run",
            "--quiet",
            "--profile",
            profile,
            "-p",
            "fixstream-bench-native",
        ])
        .current_dir(&args.sources);
    let answer = json_of(command)?;
    let all = answer["plugins"].as_array().cloned().unwrap_or_default();
    let figures = |one: &Value| {
        let figures = Native {
            decode: one["decode_us"].as_f64()?,
            whole: one["whole_us"].as_f64()?,
        };
        Some((one["plugin"].as_str()?.to_owned(), figures))
    };
    Ok(all.iter().filter_map(figures).collect())
}

/// What a command prints.
fn json_of(mut command: Command) -> Result<Value, Failure> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
