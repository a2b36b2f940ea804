//! A plugin on disk: a folder with `plugin.toml`, the component that it names, and vectors where it has some.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::PluginError;
use super::manifest::Manifest;
use super::pack::{Layer, layer};

/// Name of the manifest in a bundle.
pub const MANIFEST_FILE: &str = "plugin.toml";

/// Name of a bundle's own vectors: messages with what the decoder must make of them.
pub const VECTORS_FILE: &str = "vectors.jsonl";
/// Name of the list of digests, in the form of `sha256sum`.
pub const SUMS_FILE: &str = "SHA256SUMS";

pub(super) const MAX_MANIFEST: u64 = 64 << 10;
/// Components in Python carry an interpreter of 18 MB.
pub(super) const MAX_COMPONENT: u64 = 32 << 20;
pub(super) const MAX_VECTORS: u64 = 8 << 20;

/// A bundle that was read: from here on its files are not looked at again, so the bytes that were
/// hashed are the bytes that run.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Its manifest.
    pub manifest: Manifest,
    /// The manifest's text.
    pub text: String,
    /// The component's bytes.
    pub component: Vec<u8>,
    /// Its own vectors, where it has some.
    pub vectors: Option<Vec<u8>>,
    /// SHA-256 of the component.
    pub sha256: [u8; 32],
    /// Where it was read from, for messages.
    pub path: PathBuf,
}

impl Bundle {
    /// Reads the manifest, the component that it names and the vectors, all bounded; nothing is compiled.
    pub fn read(folder: &Path) -> Result<Self, PluginError> {
        let refuse = |path: &Path, what: String| PluginError::Refused {
            path: path.to_owned(),
            what,
        };
        let manifest_path = folder.join(MANIFEST_FILE);
        let text = read_bounded(&manifest_path, MAX_MANIFEST).map_err(|what| refuse(&manifest_path, what))?;
        let component = |name: &str| {
            let path = folder.join(name);
            read_bounded(&path, MAX_COMPONENT).map_err(|what| refuse(&path, what))
        };
        let vectors_path = folder.join(VECTORS_FILE);
        let vectors = if vectors_path.exists() {
            Some(read_bounded(&vectors_path, MAX_VECTORS).map_err(|what| refuse(&vectors_path, what))?)
        } else {
            None
        };
        Self::of(text, component, vectors, folder)
    }

    /// Puts a bundle together; `component` is asked for the file that the manifest names.
    pub(super) fn of(
        text: Vec<u8>,
        component: impl FnOnce(&str) -> Result<Vec<u8>, PluginError>,
        vectors: Option<Vec<u8>>,
        path: &Path,
    ) -> Result<Self, PluginError> {
        let manifest_path = path.join(MANIFEST_FILE);
        let refuse = |path: &Path, what: String| PluginError::Refused {
            path: path.to_owned(),
            what,
        };
        let text = String::from_utf8(text)
            .map_err(|error| refuse(&manifest_path, format!("the manifest is not UTF-8: {error}")))?;
        let manifest = Manifest::parse(&text, &manifest_path)?;
        let component = component(&manifest.component)?;
        let component_path = path.join(&manifest.component);
        match layer(&component) {
            Layer::Component => {}
            Layer::Core => {
                let what = "this is a core module, not a component; make one with `fixstream plugin pack`";
                return Err(refuse(&component_path, what.to_owned()));
            }
            Layer::Neither => {
                return Err(refuse(&component_path, "this is no WASM component".to_owned()));
            }
        }
        let sha256 = Sha256::digest(&component).into();
        Ok(Self {
            manifest,
            text,
            component,
            vectors,
            sha256,
            path: path.to_owned(),
        })
    }

    /// Its files by name, in the order in which they are listed and packed.
    pub fn files(&self) -> Vec<(&str, &[u8])> {
        let mut files = vec![
            (MANIFEST_FILE, self.text.as_bytes()),
            (self.manifest.component.as_str(), self.component.as_slice()),
        ];
        files.extend(self.vectors.as_deref().map(|vectors| (VECTORS_FILE, vectors)));
        files
    }

    /// The digests of its files, as `sha256sum` writes them. Two bundles with the same sums are the same; a
    /// signature is made over these bytes.
    pub fn sums(&self) -> String {
        let mut sums = String::new();
        for (name, bytes) in self.files() {
            sums += &hex::encode(Sha256::digest(bytes));
            sums += "  ";
            sums += name;
            sums.push('\n');
        }
        sums
    }
}

/// The whole file, if it is a regular one and not larger than `most` bytes.
pub(super) fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let open = || -> std::io::Result<(File, std::fs::Metadata)> {
        // looked at before it is opened: opening a FIFO would wait for a writer
        if !std::fs::metadata(path)?.is_file() {
            return Err(std::io::Error::other("not a regular file"));
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        Ok((file, metadata))
    };
    let (file, metadata) = open().map_err(|error| format!("can not be read: {error}"))?;
    let mut bytes = Vec::with_capacity(metadata.len().min(most) as usize);
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("can not be read: {error}"))?;
    if bytes.len() as u64 > most {
        return Err(format!("is larger than {most} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const MANIFEST: &str = r#"schema = 1
[plugin]
name = "x"
version = "1.0.0"
api = "fixstream:decoder@1.0.0"
license = "MIT"
description = "x"
[component]
file = "decoder.wasm"
"#;

    fn error(folder: &Path) -> String {
        Bundle::read(folder).expect_err("must be refused").to_string()
    }

    #[test]
    fn each_missing_or_wrong_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(error(folder.path()).contains("plugin.toml: can not be read"));
        std::fs::write(folder.path().join(MANIFEST_FILE), MANIFEST).unwrap();
        assert!(error(folder.path()).contains("decoder.wasm: can not be read"));
        std::fs::write(folder.path().join("decoder.wasm"), b"\0asm\x01\0\0\0").unwrap();
        assert!(error(folder.path()).contains("plugin pack"));
        std::fs::write(folder.path().join("decoder.wasm"), b"text").unwrap();
        assert!(error(folder.path()).contains("no WASM component"));
        std::fs::write(folder.path().join("decoder.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
        let bundle = Bundle::read(folder.path()).unwrap();
        assert_eq!(
            bundle.sha256,
            <[u8; 32]>::from(Sha256::digest(b"\0asm\x0d\0\x01\0"))
        );
    }

    #[test]
    fn files_that_are_too_large_or_no_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(MANIFEST_FILE), vec![b'#'; 70_000]).unwrap();
        assert!(error(folder.path()).contains("larger than 65536 bytes"));
        std::fs::remove_file(folder.path().join(MANIFEST_FILE)).unwrap();
        std::fs::create_dir(folder.path().join(MANIFEST_FILE)).unwrap();
        assert!(error(folder.path()).contains("not a regular file"));
    }
}
