//! Each plugin's time per message: as native code, and in the sandbox.
//!
//! The decoder alone is measured on both sides, natively and by a guest that decodes each message many times and drops
//! the answers; and the whole way from the raw message to the checked fixes, with the decoder linked in and in the
//! sandbox. What the sandbox's whole way costs beyond its decoder is the crossing.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::{Value, json};

use crate::Failure;

/// How many times the guest decodes a message; the crossing's part of that is one in so many.
const TIMES: usize = 64;

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

/// µs per message of a decoder that is native code.
#[derive(Debug, Clone, Copy)]
struct Native {
    decode: f64,
    whole: f64,
}

/// Builds the native decoders and the guest, measures all, prints a table.
pub fn run(args: &Plugins) -> Result<(), Failure> {
    let native = native(args)?;
    let guest = guest(args)?;
    println!(
        "| plugin | decoder native µs | in the sandbox µs | ratio | whole way native µs | one by one µs | in batches µs | ratio | crossing µs |"
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
        let (true, Some(native)) = (vectors.is_file(), native.get(name)) else {
            continue;
        };
        let figures = bench(args, &vectors, &folder)?;
        let figure = |key: &str| figures[key].as_f64().unwrap_or_default();
        let (one, batch) = (figure("one_us"), figure("batch_us"));
        let decode = decoder_alone(args, name, &vectors, &guest)?;
        println!(
            "| {name} | {:.2} | {decode:.2} | {:.2} | {:.2} | {one:.2} | {batch:.2} | {:.2} | {:.2} |",
            native.decode,
            decode / native.decode,
            native.whole,
            batch / native.whole,
            batch - decode,
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

/// µs per message that a decoder takes in the sandbox, without the crossing.
fn decoder_alone(args: &Plugins, name: &str, vectors: &Path, guest: &Path) -> Result<f64, Failure> {
    let mut asked = tempfile::NamedTempFile::new()?;
    for line in std::fs::read_to_string(vectors)?
        .lines()
        .filter(|line| !line.trim().is_empty())
    {
        let mut line: Value = serde_json::from_str(line)?;
        if !line["context"].is_object() {
            line["context"] = json!({});
        }
        line["context"]["bench_decoder"] = name.into();
        line["context"]["bench_times"] = TIMES.into();
        writeln!(asked, "{line}")?;
    }
    let figures = bench(args, asked.path(), guest)?;
    Ok(figures["batch_us"].as_f64().unwrap_or_default() / TIMES as f64)
}

/// The bundle of the guest that decodes many times.
fn guest(args: &Plugins) -> Result<PathBuf, Failure> {
    let mut command = Command::new(&args.program);
    command
        .args(["plugin", "build"])
        .arg(args.sources.join("bench-native/guest"));
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed").into());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(said.lines().next().unwrap_or_default().into())
}

/// Native µs per message by plugin.
fn native(args: &Plugins) -> Result<BTreeMap<String, Native>, Failure> {
    let mut command = Command::new("cargo");
    command
        .args(["run", "--quiet", "--release", "-p", "fixstream-bench-native"])
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
