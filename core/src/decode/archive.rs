//! A plugin as one file, `.fsp`: a plain tar archive of a bundle, with its digests and, where it is signed, the
//! signature over them.
//!
//! ```text
//! plugin.toml  decoder.wasm  [vectors.jsonl]  SHA256SUMS  [SHA256SUMS.minisig]
//! ```
//!
//! Nothing is unpacked: regular files with exactly these names are read into memory, each once and each bounded.
//! The same bundle and signature always give the same bytes.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

use super::PluginError;
use super::bundle::{
    Bundle, MANIFEST_FILE, MAX_COMPONENT, MAX_MANIFEST, MAX_VECTORS, SUMS_FILE, VECTORS_FILE, read_bounded,
};

/// How the file's name ends, without the dot.
pub const ARCHIVE_EXTENSION: &str = "fsp";
/// Name of the signature over [`SUMS_FILE`], in minisign's format.
pub const SIGNATURE_FILE: &str = "SHA256SUMS.minisig";
/// Bytes of an archive, at most: everything at its largest, and the archive's own blocks.
pub const MAX_ARCHIVE: u64 = MAX_MANIFEST + MAX_COMPONENT + MAX_VECTORS + (64 << 10);

const MAX_SUMS: u64 = 4 << 10;
const MAX_SIGNATURE: u64 = 4 << 10;
/// Files in an archive.
const MAX_ENTRIES: usize = 5;

/// A bundle with its signature, as it travels.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The bundle.
    pub bundle: Bundle,
    /// The signature over the bundle's sums, in minisign's format; nothing has verified it yet.
    pub signature: Option<String>,
}

impl Archive {
    /// Reads a bundle folder or an archive file, whichever `path` is.
    pub fn open(path: &Path) -> Result<Self, PluginError> {
        if !path.is_dir() {
            let bytes = read_bounded(path, MAX_ARCHIVE).map_err(|what| refused(path, what))?;
            return Self::parse(&bytes, path);
        }
        let bundle = Bundle::read(path)?;
        let sums_path = path.join(SUMS_FILE);
        if sums_path.exists() {
            let sums = read_bounded(&sums_path, MAX_SUMS).map_err(|what| refused(&sums_path, what))?;
            check_sums(&bundle, &sums, &sums_path)?;
        }
        let signature_path = path.join(SIGNATURE_FILE);
        let signature = if signature_path.exists() {
            let bytes = read_bounded(&signature_path, MAX_SIGNATURE)
                .map_err(|what| refused(&signature_path, what))?;
            Some(text(bytes, &signature_path)?)
        } else {
            None
        };
        Ok(Self { bundle, signature })
    }

    /// Reads an archive; `path` is for the messages.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, PluginError> {
        let refuse = |what: String| refused(path, what);
        if bytes.len() as u64 > MAX_ARCHIVE {
            return Err(refuse(format!("is larger than {MAX_ARCHIVE} bytes")));
        }
        let mut files = files(bytes).map_err(refuse)?;
        let mut take = |name: &str, most: u64| match files.remove(name) {
            Some(bytes) if bytes.len() as u64 > most => {
                Err(refused(path, format!("{name} is larger than {most} bytes")))
            }
            found => Ok(found),
        };
        let missing = |name: &str| refused(path, format!("has no {name}"));
        let manifest = take(MANIFEST_FILE, MAX_MANIFEST)?.ok_or_else(|| missing(MANIFEST_FILE))?;
        let sums = take(SUMS_FILE, MAX_SUMS)?.ok_or_else(|| missing(SUMS_FILE))?;
        let vectors = take(VECTORS_FILE, MAX_VECTORS)?;
        let signature = take(SIGNATURE_FILE, MAX_SIGNATURE)?
            .map(|bytes| text(bytes, path))
            .transpose()?;
        let component = |name: &str| take(name, MAX_COMPONENT)?.ok_or_else(|| missing(name));
        let bundle = Bundle::of(manifest, component, vectors, path)?;
        if let Some(name) = files.keys().next() {
            return Err(refused(path, format!("{name:?} does not belong into a plugin")));
        }
        check_sums(&bundle, &sums, path)?;
        Ok(Self { bundle, signature })
    }

    /// The archive's bytes.
    pub fn bytes(&self) -> Result<Vec<u8>, PluginError> {
        let sums = self.bundle.sums();
        let mut files = self.bundle.files();
        files.push((SUMS_FILE, sums.as_bytes()));
        files.extend(
            self.signature
                .as_deref()
                .map(|signature| (SIGNATURE_FILE, signature.as_bytes())),
        );
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            header.set_entry_type(tar::EntryType::Regular);
            builder
                .append_data(&mut header, name, bytes)
                .map_err(|error| refused(&self.bundle.path, format!("{name} can not be packed: {error}")))?;
        }
        builder
            .into_inner()
            .map_err(|error| refused(&self.bundle.path, format!("can not be packed: {error}")))
    }
}

/// The regular files of an archive by name. Names are one level without tricks, sizes are bounded by the bytes
/// that are there, so that a header can not make us allocate.
fn files(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let broken = |error: std::io::Error| format!("is no plugin file (a tar archive): {error}");
    let mut found = BTreeMap::new();
    let mut archive = tar::Archive::new(Cursor::new(bytes));
    // raw: no extensions for long names and sparse files, which no plugin needs
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let entry = entry.map_err(broken)?;
        if found.len() >= MAX_ENTRIES {
            return Err(format!("has more than {MAX_ENTRIES} files"));
        }
        let name = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| "has a file whose name is not UTF-8".to_owned())?;
        let plain = (1..=128).contains(&name.len())
            && !name.starts_with('.')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
        if !plain || entry.header().entry_type() != tar::EntryType::Regular {
            return Err(format!("{name:?} does not belong into a plugin"));
        }
        let size = entry.size();
        let mut content = Vec::with_capacity(size.min(bytes.len() as u64) as usize);
        entry.take(size).read_to_end(&mut content).map_err(broken)?;
        if content.len() as u64 != size {
            return Err(format!("ends within {name}"));
        }
        if found.insert(name.clone(), content).is_some() {
            return Err(format!("has {name} twice"));
        }
    }
    Ok(found)
}

/// Compares the list of digests with the files.
fn check_sums(bundle: &Bundle, sums: &[u8], path: &Path) -> Result<(), PluginError> {
    if sums == bundle.sums().as_bytes() {
        return Ok(());
    }
    Err(refused(
        path,
        format!("{SUMS_FILE} does not belong to the files beside it: the plugin is damaged or was changed"),
    ))
}

fn text(bytes: Vec<u8>, path: &Path) -> Result<String, PluginError> {
    String::from_utf8(bytes).map_err(|_| refused(path, format!("{SIGNATURE_FILE} is not UTF-8")))
}

fn refused(path: &Path, what: String) -> PluginError {
    PluginError::Refused {
        path: path.to_owned(),
        what,
    }
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
