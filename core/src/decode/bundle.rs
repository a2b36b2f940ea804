//! A plugin on disk: a folder with `plugin.toml` and the component that it names.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::PluginError;
use super::manifest::Manifest;
use super::pack::{Layer, layer};

/// Name of the manifest in a bundle.
pub const MANIFEST_FILE: &str = "plugin.toml";

const MAX_MANIFEST: u64 = 64 << 10;
/// Components in Python carry an interpreter of 18 MB.
const MAX_COMPONENT: u64 = 32 << 20;

/// A bundle that was read: from here on its files are not looked at again, so the bytes that were
/// hashed are the bytes that run.
pub struct Bundle {
    /// Its manifest.
    pub manifest: Manifest,
    /// The component's bytes.
    pub component: Vec<u8>,
    /// SHA-256 of the component.
    pub sha256: [u8; 32],
}

impl Bundle {
    /// Reads the manifest and the component that it names, both bounded; nothing is compiled.
    pub fn read(folder: &Path) -> Result<Self, PluginError> {
        let refuse = |path: &Path, what: String| PluginError::Refused {
            path: path.to_owned(),
            what,
        };
        let manifest_path = folder.join(MANIFEST_FILE);
        let text = read_bounded(&manifest_path, MAX_MANIFEST).map_err(|what| refuse(&manifest_path, what))?;
        let text = String::from_utf8(text)
            .map_err(|error| refuse(&manifest_path, format!("the manifest is not UTF-8: {error}")))?;
        let manifest = Manifest::parse(&text, &manifest_path)?;

        let path = folder.join(&manifest.component);
        let component = read_bounded(&path, MAX_COMPONENT).map_err(|what| refuse(&path, what))?;
        match layer(&component) {
            Layer::Component => {}
            Layer::Core => {
                let what = "this is a core module, not a component; make one with `fixstream plugin pack`";
                return Err(refuse(&path, what.to_owned()));
            }
            Layer::Neither => return Err(refuse(&path, "this is no WASM component".to_owned())),
        }
        let sha256 = Sha256::digest(&component).into();
        Ok(Self {
            manifest,
            component,
            sha256,
        })
    }
}

/// The whole file, if it is a regular one and not larger than `most` bytes.
fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, String> {
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
        Bundle::read(folder).err().expect("must be refused").to_string()
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
