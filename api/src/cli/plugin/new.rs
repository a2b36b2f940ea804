//! `fixstream plugin new`: the crate of a decoder that compiles, passes its tests and is ready to be changed.

use std::path::{Path, PathBuf};

use clap::Args;
use include_dir::{Dir, include_dir};

use crate::cli::Failure;

/// The SDK goes along, so that nothing but this program and Rust is needed.
static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../plugins/sdk");
/// Dependencies, lints and profile that the repository's own decoders are built with.
const WORKSPACE: &str = include_str!("../../../../plugins/Cargo.toml");
const LOCK: &str = include_str!("../../../../plugins/Cargo.lock");
const CARGO_CONFIG: &str = include_str!("../../../../plugins/.cargo/config.toml");

/// File and content; `NAME` and `CRATE` are filled in.
const FILES: [(&str, &str); 6] = [
    ("plugin.toml", include_str!("template/plugin.toml")),
    ("src/lib.rs", include_str!("template/lib.rs.txt")),
    ("tests/vectors.rs", include_str!("template/vectors.rs.txt")),
    ("tests/vectors.jsonl", include_str!("template/vectors.jsonl")),
    ("README.md", include_str!("template/README.md")),
    (".gitignore", "target/\n"),
];

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// Name of the plugin and of the vendor: 1 to 32 of a-z, 0-9, '_' and '-'
    name: String,
    /// Folder to make, instead of one with the plugin's name
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Use the SDK in this folder instead of a copy of it
    #[arg(long)]
    sdk: Option<PathBuf>,
}

pub(super) fn run(args: &NewArgs) -> Result<(), Failure> {
    let name = args.name.as_str();
    let fine = (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
        && name.starts_with(|first: char| first.is_ascii_lowercase());
    if !fine {
        return Err(
            "a name has 1 to 32 characters of a-z, 0-9, '_' and '-', and begins with a letter".into(),
        );
    }
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from(name));
    if std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("{} is not empty", folder.display()).into());
    }
    let sdk = match &args.sdk {
        Some(sdk) => sdk
            .canonicalize()
            .map_err(|error| format!("{}: {error}", sdk.display()))?
            .to_str()
            .ok_or("the SDK's path is not UTF-8")?
            .to_owned(),
        None => "sdk".to_owned(),
    };
    write(
        &folder.join("Cargo.toml"),
        &cargo_toml(name, &sdk, args.sdk.is_none())?,
    )?;
    write(&folder.join("Cargo.lock"), LOCK)?;
    write(&folder.join(".cargo/config.toml"), CARGO_CONFIG)?;
    let crate_name = format!("fixstream_decoder_{}", name.replace('-', "_"));
    for (file, content) in FILES {
        let content = content.replace("CRATE", &crate_name).replace("NAME", name);
        write(&folder.join(file), &content)?;
    }
    if args.sdk.is_none() {
        let place = folder.join("sdk");
        std::fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
        SDK.extract(&place)
            .map_err(|error| format!("{}: {error}", place.display()))?;
    }
    let shown = folder.display();
    println!("{shown} is a decoder of a small example format. Next:");
    println!("  (cd {shown} && cargo test)            # natively");
    println!("  fixstream plugin build {shown}        # to WASM; makes a bundle and a .fsp file");
    println!("  fixstream plugin test {shown}         # in the sandbox");
    println!("  fixstream plugin docs {shown} --write # FORMAT.md, a page for people");
    println!("  fixstream plugin install {shown}/target/fixstream/{name}-0.1.0.fsp # into service");
    Ok(())
}

/// A workspace of its own around the crate, with what the repository's decoders are built with.
fn cargo_toml(name: &str, sdk: &str, sdk_is_member: bool) -> Result<String, Failure> {
    let mut table: toml::Table = WORKSPACE.parse()?;
    let workspace = table
        .get_mut("workspace")
        .and_then(toml::Value::as_table_mut)
        .ok_or("the SDK's workspace is not what this program expects")?;
    let members: Vec<toml::Value> = sdk_is_member.then(|| "sdk".into()).into_iter().collect();
    workspace.insert("members".into(), members.into());
    if let Some(dependencies) = workspace
        .get_mut("dependencies")
        .and_then(toml::Value::as_table_mut)
    {
        let sdk = toml::Table::from_iter([("path".to_owned(), sdk.into())]);
        dependencies.insert("fixstream-decoder".into(), sdk.into());
    }
    let package = format!(
        r#"[package]
name = "fixstream-decoder-{name}"
description = "fixstream decoder: {name}"
# the same as in plugin.toml
version = "0.1.0"
edition.workspace = true
rust-version.workspace = true
publish = false

[lib]
crate-type = ["cdylib", "rlib"]

[dependencies]
fixstream-decoder.workspace = true

[dev-dependencies]
fixstream-decoder = {{ workspace = true, features = ["testing"] }}

[lints]
workspace = true

# What follows comes from the SDK: a workspace of its own, because decoders are built by another compiler.
"#
    );
    Ok(package + &toml::to_string(&table)?)
}

fn write(path: &Path, content: &str) -> Result<(), Failure> {
    let make = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, content)
    };
    make().map_err(|error| format!("{}: {error}", path.display()).into())
}

#[cfg(test)]
pub(in crate::cli::plugin) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A new crate in the folder `crate` of a temporary one.
    pub(in crate::cli::plugin) fn made(name: &str) -> Result<tempfile::TempDir, Failure> {
        let folder = tempfile::tempdir()?;
        let args = NewArgs {
            name: name.into(),
            folder: Some(folder.path().join("crate")),
            sdk: None,
        };
        run(&args)?;
        Ok(folder)
    }

    #[test]
    fn the_manifest_is_valid_and_says_what_the_crate_says() {
        let folder = made("acme-2").unwrap();
        let path = folder.path().join("crate/plugin.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let manifest = fixstream_core::decode::Manifest::parse(&text, &path).unwrap();
        let cargo: toml::Table = std::fs::read_to_string(folder.path().join("crate/Cargo.toml"))
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(manifest.name, "acme-2");
        assert_eq!(
            cargo["package"]["version"].as_str().unwrap(),
            manifest.version.to_string()
        );
        assert!(folder.path().join("crate/sdk/src/lib.rs").is_file());
        let source = std::fs::read_to_string(folder.path().join("crate/src/lib.rs")).unwrap();
        assert!(source.contains("name: \"acme-2\"") && !source.contains("NAME"));
        let vectors = std::fs::read(folder.path().join("crate/tests/vectors.jsonl")).unwrap();
        assert!(crate::plugins::lines(&vectors).unwrap().len() > 2);
    }

    #[test]
    fn nothing_is_written_over_and_names_are_checked() {
        let folder = made("acme").unwrap();
        let again = NewArgs {
            name: "acme".into(),
            folder: Some(folder.path().join("crate")),
            sdk: None,
        };
        assert!(run(&again).unwrap_err().to_string().contains("not empty"));
        for name in ["", "Acme", "../acme", "9acme", "a b"] {
            assert!(made(name).is_err(), "{name:?}");
        }
    }
}
