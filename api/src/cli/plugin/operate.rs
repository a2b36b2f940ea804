//! `fixstream plugin list`, `install`, `rollback`, `remove`: beside a running hub, which follows at once.

use std::path::PathBuf;

use clap::Args;
use fixstream_core::decode::Archive;
use fixstream_core::registry::Registry;
use serde_json::json;

use crate::cli::Failure;
use crate::config::Config;
use crate::plugins::{Installed, Installer, Store};

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct InstallArgs {
    /// Bundle folder or .fsp file
    bundle: PathBuf,
    /// Replace another build that is kept under the same version
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    /// Name
    name: String,
    /// Version, instead of the one that was active before
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Name
    name: String,
    /// Only this version, which must not be the active one
    #[arg(long)]
    version: Option<String>,
}

pub(super) fn list(args: &ListArgs, config: &Config) -> Result<(), Failure> {
    let store = Store::open(config.plugin_folder())?;
    let policy = config.plugin_policy()?;
    let mut all = Vec::new();
    for entry in store.plugins() {
        for kept in &entry.versions {
            let active = kept.version == entry.active;
            let read = Archive::open(&kept.folder).map_err(|error| error.to_string());
            let known = read.and_then(|archive| {
                let signed = policy.admit(&archive).map_err(|error| error.to_string())?;
                Ok((
                    hex::encode(archive.bundle.sha256),
                    signed,
                    archive.bundle.manifest,
                ))
            });
            let mark = if active { "*" } else { " " };
            match known {
                Ok((sha256, signed, manifest)) => {
                    if !args.json {
                        println!(
                            "{} {mark} {} sha256 {} {} {}",
                            entry.name,
                            kept.version,
                            &sha256[..16],
                            signed.shown(),
                            manifest.description
                        );
                    }
                    all.push(json!({
                        "name": entry.name, "version": kept.version, "active": active, "sha256": sha256,
                        "signature": signed.shown(), "description": manifest.description,
                    }));
                }
                Err(error) => {
                    if !args.json {
                        println!("{} {mark} {} can not be used: {error}", entry.name, kept.version);
                    }
                    all.push(json!({
                        "name": entry.name, "version": kept.version, "active": active, "error": error,
                    }));
                }
            }
        }
    }
    if args.json {
        println!("{}", json!({ "plugins": all }));
    }
    Ok(())
}

pub(super) fn install(args: &InstallArgs, config: &Config) -> Result<(), Failure> {
    let installer = Installer::for_commands(config)?;
    let installed = installer.install(&Archive::open(&args.bundle)?, args.replace)?;
    say("installed", &installed, &installer);
    Ok(())
}

pub(super) fn rollback(args: &RollbackArgs, config: &Config) -> Result<(), Failure> {
    let installer = Installer::for_commands(config)?;
    let installed = installer.rollback(&args.name, args.to.as_deref())?;
    say("active again", &installed, &installer);
    Ok(())
}

fn say(what: &str, installed: &Installed, installer: &Installer) {
    println!(
        "{} {} {what} in {} (sha256 {}, {}, {} vectors passed)",
        installed.name,
        installed.version,
        installer.store().root().display(),
        installed.sha256.get(..16).unwrap_or_default(),
        installed.signed.shown(),
        installed.vectors
    );
}

pub(super) async fn remove(args: &RemoveArgs, config: &Config) -> Result<(), Failure> {
    let store = Store::open(config.plugin_folder())?;
    // who pins what is in the registry; without one nobody does
    let pins = if config.registry().is_file() {
        Registry::open(&config.registry()).await?.pins(&args.name)
    } else {
        fixstream_core::registry::Pins::default()
    };
    store.remove_unpinned(&pins, &args.name, args.version.as_deref())?;
    match &args.version {
        Some(version) => println!("{} {version} removed", args.name),
        None => println!("{} removed", args.name),
    }
    Ok(())
}
