//! Compiled components on disk. Loading one runs its bytes as machine code, so this folder is the only
//! place they are taken from, and only while nobody else can write to it.
//!
//! A file is `MAGIC`, the SHA-256 of the rest, the rest. A file that does not check out is as good as
//! none: the component is compiled again and the file replaced.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rustix::process::geteuid;
use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"fixcode1";
const EXTENSION: &str = "cwasm";
/// Compiled code of the largest components is about twice their size.
const MAX_FILE: u64 = 256 << 20;
/// Old entries beyond this number are removed.
const MAX_FILES: usize = 128;

static TEMPORARY: AtomicU64 = AtomicU64::new(0);

pub(super) struct Cache {
    /// `None`: the folder is not fit for it, everything is compiled each time.
    folder: Option<PathBuf>,
}

/// What compiled code depends on: the component and everything about the engine that matters.
pub(super) fn key(component: &[u8; 32], engine: &impl std::hash::Hash) -> String {
    let mut hasher = Sha256Hasher(Sha256::new_with_prefix(component));
    engine.hash(&mut hasher);
    hex::encode(hasher.0.finalize())
}

/// The engine offers its properties as a `Hash`; 64 bits of an unstable hasher would be too few.
struct Sha256Hasher(Sha256);

impl std::hash::Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0 // never asked: the digest is taken from the inside
    }
}

impl Cache {
    /// Uses the folder, making it (mode 0700) if need be.
    pub(super) fn open(folder: &Path) -> Self {
        match prepare(folder) {
            Ok(()) => Self {
                folder: Some(folder.to_owned()),
            },
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "compiled plugins can not be kept");
                Self { folder: None }
            }
        }
    }

    /// The compiled code that was put under this key, if it is there and whole.
    pub(super) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let path = self.path(key)?;
        match read(&path) {
            Ok(code) => Some(code),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled plugin is not usable, compiling again");
                None
            }
        }
    }

    /// Keeps compiled code. Not being able to is no error, only slow.
    pub(super) fn put(&self, key: &str, code: &[u8]) {
        let Some(path) = self.path(key) else { return };
        if let Err(error) = write(&path, code) {
            tracing::warn!(path = %path.display(), %error, "compiled plugin can not be kept");
        }
        if let Some(folder) = &self.folder {
            prune(folder);
        }
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(key).with_extension(EXTENSION))
    }
}

fn prepare(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let metadata = fs::symlink_metadata(folder)?;
    if !metadata.is_dir() || metadata.uid() != geteuid().as_raw() {
        return Err(io::Error::other("it is not a folder of this user"));
    }
    if metadata.mode() & 0o077 != 0 {
        // whatever others could put there before is not trusted
        if metadata.mode() & 0o022 != 0 {
            for entry in fs::read_dir(folder)?.flatten() {
                if entry
                    .path()
                    .extension()
                    .is_some_and(|extension| extension == EXTENSION)
                {
                    fs::remove_file(entry.path())?;
                }
            }
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.uid() != geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
        return Err(io::Error::other("others can write or read it"));
    }
    let mut bytes = Vec::with_capacity(metadata.len().min(MAX_FILE) as usize);
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    let head = MAGIC.len() + 32;
    let whole = match (
        bytes.get(..MAGIC.len()),
        bytes.get(MAGIC.len()..head),
        bytes.get(head..),
    ) {
        (Some(magic), Some(digest), Some(code)) => {
            magic == MAGIC && Sha256::digest(code).as_slice() == digest
        }
        _ => false,
    };
    if !whole {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is damaged"));
    }
    bytes.drain(..head);
    Ok(bytes)
}

/// Atomically: readers see the old file or the new one. Not synced, because a torn file is noticed.
fn write(path: &Path, code: &[u8]) -> io::Result<()> {
    let number = TEMPORARY.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let written = (|| {
        file.write_all(MAGIC)?;
        file.write_all(Sha256::digest(code).as_slice())?;
        file.write_all(code)?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Removes the oldest entries beyond [`MAX_FILES`], and what interrupted writes left.
fn prune(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut files: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(modified) = entry.metadata().and_then(|metadata| metadata.modified()) else {
            continue;
        };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(EXTENSION) => files.push((modified, path)),
            Some("tmp") if modified.elapsed().is_ok_and(|age| age.as_secs() > 3600) => {
                let _ = fs::remove_file(path);
            }
            _ => {}
        }
    }
    files.sort();
    let excess = files.len().saturating_sub(MAX_FILES);
    for (_, path) in files.into_iter().take(excess) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn code_comes_back_and_nobody_else_may_see_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        let cache = Cache::open(&folder);
        assert_eq!(cache.get("k"), None);
        cache.put("k", b"code");
        assert_eq!(cache.get("k").as_deref(), Some(&b"code"[..]));
        assert_eq!((mode(&folder), mode(&folder.join("k.cwasm"))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_or_foreign_file_is_as_good_as_none() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(root.path());
        cache.put("k", b"code");
        let path = root.path().join("k.cwasm");
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert_eq!(cache.get("k"), None, "byte {at}");
            fs::write(&path, &good[..at]).unwrap();
            assert_eq!(cache.get("k"), None, "cut at {at}");
        }
        fs::write(&path, &good).unwrap();
        assert!(cache.get("k").is_some());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(cache.get("k"), None);
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert_eq!(cache.get("k"), None);
    }

    #[test]
    fn what_others_could_have_written_is_thrown_away() {
        let root = tempfile::tempdir().unwrap();
        Cache::open(root.path()).put("k", b"code");
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let cache = Cache::open(root.path());
        assert_eq!(mode(root.path()), 0o700);
        assert_eq!(cache.get("k"), None);
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(root.path());
        for i in 0..MAX_FILES + 5 {
            cache.put(&format!("k{i}"), b"code");
        }
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), MAX_FILES);
    }

    #[test]
    fn keys_depend_on_component_and_engine() {
        let keys = [key(&[0; 32], &1u32), key(&[1; 32], &1u32), key(&[0; 32], &2u32)];
        assert_eq!(keys[0], key(&[0; 32], &1u32));
        assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[0].len() == 64);
    }
}
