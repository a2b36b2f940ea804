//! `fixstream plugin keygen` and `sign`: keys and signatures in minisign's formats.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use fixstream_core::decode::Archive;

use super::write_whole;
use crate::cli::Failure;
use crate::plugins;

#[derive(Debug, Args)]
pub(super) struct KeygenArgs {
    /// Files to write: NAME.key (secret, only for you) and NAME.pub
    name: PathBuf,
    /// Encrypts the secret key
    #[arg(long, env = "FIXSTREAM_KEY_PASSWORD", hide_env_values = true)]
    password: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct SignArgs {
    /// The .fsp file; the signature is put into it
    plugin: PathBuf,
    /// Secret key, of `plugin keygen` or of minisign
    #[arg(long)]
    key: PathBuf,
    /// Its password, where it is encrypted
    #[arg(long, env = "FIXSTREAM_KEY_PASSWORD", hide_env_values = true)]
    password: Option<String>,
}

pub(super) fn keygen(args: &KeygenArgs) -> Result<(), Failure> {
    let (public, secret) = plugins::generate(args.password.as_deref())?;
    let with = |ending: &str| {
        let mut name = args.name.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        args.name.with_file_name(name)
    };
    let (public_file, secret_file) = (with(".pub"), with(".key"));
    // never over a key that is there: what it signed would be lost
    write_new(&secret_file, secret.as_bytes(), 0o600)?;
    write_new(&public_file, public.as_bytes(), 0o644)?;
    println!("secret key  {}", secret_file.display());
    println!("public key  {}", public_file.display());
    println!(
        "trust it with  plugins.trusted_keys = [\"{}\"]",
        public.lines().last().unwrap_or_default()
    );
    Ok(())
}

pub(super) fn sign(args: &SignArgs) -> Result<(), Failure> {
    if args.plugin.is_dir() {
        return Err("only .fsp files are signed; make one with `fixstream plugin pack FOLDER`".into());
    }
    let archive = Archive::open(&args.plugin)?;
    let secret =
        std::fs::read_to_string(&args.key).map_err(|error| format!("{}: {error}", args.key.display()))?;
    let signed = plugins::sign(&archive, &secret, args.password.as_deref())?;
    write_whole(&args.plugin, &signed.bytes()?)?;
    println!("{} is signed", args.plugin.display());
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let opened = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path);
    opened
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| format!("{}: {error}", path.display()).into())
}
