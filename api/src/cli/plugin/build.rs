//! `fixstream plugin build`: from a decoder's crate to a bundle and a `.fsp` file.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use fixstream_core::decode::{MANIFEST_FILE, Manifest, VECTORS_FILE, pack};
use serde_json::Value;

use super::find::{Bench, find};
use super::pack::file_name;
use super::write_whole;
use crate::cli::Failure;
use crate::config::Config;

const TARGET: &str = "wasm32-unknown-unknown";
/// Finds or makes a compiler for the target, where the active one can not; prints the variables to set.
const TOOLCHAIN: &str = "wasm-toolchain";
/// That script, and what it sources from beside it.
const SCRIPTS: [(&str, &str); 2] = [
    (TOOLCHAIN, include_str!("../../../../deploy/wasm-toolchain")),
    ("unpack-debian", include_str!("../../../../deploy/unpack-debian")),
];

#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// Folder of the crate, with Cargo.toml and plugin.toml
    #[arg(default_value = ".")]
    folder: PathBuf,
}

pub(super) fn run(args: &BuildArgs, config: &Config) -> Result<(), Failure> {
    let folder = args
        .folder
        .canonicalize()
        .map_err(|error| format!("{}: {error}", args.folder.display()))?;
    let manifest_path = folder.join(MANIFEST_FILE);
    let text = std::fs::read_to_string(&manifest_path)
        .map_err(|error| format!("{}: {error}", manifest_path.display()))?;
    let manifest = Manifest::parse(&text, &manifest_path)?;
    if !folder.join("Cargo.toml").is_file() {
        return Err(format!(
            "{} has no Cargo.toml: build it with its own tools, then make the bundle with `fixstream plugin pack`",
            folder.display()
        )
        .into());
    }
    let module = compile(&folder)?;
    let core = std::fs::read(&module).map_err(|error| format!("{}: {error}", module.display()))?;
    let component = pack(&core).map_err(|error| format!("{}: {error}", module.display()))?;

    // target/wasm32-unknown-unknown/release/x.wasm
    let made = module
        .ancestors()
        .nth(3)
        .ok_or("cargo wrote the module to an unexpected place")?
        .join("fixstream");
    let bundle = made.join(&manifest.name);
    let vectors = folder.join("tests").join(VECTORS_FILE);
    std::fs::create_dir_all(&bundle).map_err(|error| format!("{}: {error}", bundle.display()))?;
    write_whole(&bundle.join(MANIFEST_FILE), text.as_bytes())?;
    write_whole(&bundle.join(&manifest.component), &component)?;
    if vectors.is_file() {
        let bytes = std::fs::read(&vectors).map_err(|error| format!("{}: {error}", vectors.display()))?;
        write_whole(&bundle.join(VECTORS_FILE), &bytes)?;
    }

    // manifest and component must say the same, and the component must start
    let found = find(&bundle.to_string_lossy(), config)?;
    Bench::start(config)?.trial(&found)?;
    let archive = made.join(file_name(&found.archive));
    write_whole(&archive, &found.archive.bytes()?)?;
    println!("{}", bundle.display());
    println!("{}", archive.display());
    Ok(())
}

/// The core module that cargo makes of the crate.
fn compile(folder: &Path) -> Result<PathBuf, Failure> {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(folder)
        // flags for the host's compiler are none for this one
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .envs(toolchain(folder)?)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = cargo
        .output()
        .map_err(|error| format!("cargo can not be started: {error}; install Rust (https://rustup.rs)"))?;
    if !output.status.success() {
        return Err("the crate does not compile (see above)".into());
    }
    let crate_manifest = folder.join("Cargo.toml");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| {
            message["reason"] == "compiler-artifact"
                && message["manifest_path"].as_str().map(Path::new) == Some(&crate_manifest)
        })
        .filter_map(|message| {
            let files = message["filenames"].as_array()?;
            files
                .iter()
                .filter_map(Value::as_str)
                .map(PathBuf::from)
                .find(|file| file.extension().is_some_and(|ending| ending == "wasm"))
        })
        .next_back()
        .ok_or_else(|| {
            "cargo made no .wasm file: the crate needs `crate-type = [\"cdylib\", \"rlib\"]`".into()
        })
}

/// The variables with which cargo can build for the target: none where the active compiler can.
fn toolchain(folder: &Path) -> Result<Vec<(&'static str, String)>, Failure> {
    const RUSTC: &str = "RUSTC";
    const LINKER: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER";
    if std::env::var_os(RUSTC).is_some() || has_target(folder) {
        return Ok(Vec::new());
    }
    let place = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let folder = place.path().join("deploy");
    std::fs::create_dir_all(&folder)?;
    for (name, text) in SCRIPTS {
        std::fs::write(folder.join(name), text)?;
    }
    let output = Command::new("bash")
        .args([
            "-c",
            "set -e; vars=$(bash \"$1\"); eval \"$vars\"; printf '%s\\n%s\\n' \"${RUSTC:-}\" \"${CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER:-}\"",
            "plugin-build",
        ])
        .arg(folder.join(TOOLCHAIN))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("bash can not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("there is no compiler for {TARGET} (see above)").into());
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok([RUSTC, LINKER]
        .into_iter()
        .zip(said.lines().map(str::to_owned))
        .filter(|(_, value)| !value.is_empty())
        .collect())
}

/// Whether the active compiler has the target's standard library.
fn has_target(folder: &Path) -> bool {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(folder)
        .stderr(Stdio::null())
        .output();
    let Ok(output) = output else { return false };
    let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    std::fs::read_dir(libraries).is_ok_and(|files| {
        files
            .flatten()
            .any(|file| file.file_name().as_encoded_bytes().starts_with(b"libstd-"))
    })
}
