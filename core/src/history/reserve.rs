//! Space for one batch, set aside for a disk that is full.
//!
//! There only a stored batch frees space, and a batch has to be on disk before it may be sent. Without space of
//! its own the batch would wait for ever: what others free, the journal takes first.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, StatVfs};

/// Size of the reserve, bytes; no batch may be larger (the batcher seals well below).
pub(super) const RESERVE_BYTES: u64 = 24 << 20;

const NAME: &str = "reserve";

/// The preallocated file. It takes a batch in, with its own length, and is the reserve again once that is stored.
pub(super) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            path: folder.join(NAME),
        }
    }

    /// Sets the space aside, where it is not and there is some.
    pub(super) fn prepare(&self) {
        if self.is_there() {
            return;
        }
        let made = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.path)
            .and_then(|file| {
                rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES)?;
                file.sync_all()
            });
        if let Err(error) = made {
            // tried again after the next batch; until then a full disk waits for somebody to make space
            let _ = std::fs::remove_file(&self.path);
            tracing::warn!(file = %self.path.display(), %error, "no space can be set aside for a full disk");
        }
    }

    /// Writes a file into the reserve and gives it its name; the folder is not synced.
    /// `None` when the reserve is in use or too small.
    pub(super) fn take(&self, bytes: &[u8], path: &Path) -> Option<io::Result<()>> {
        if bytes.len() as u64 > RESERVE_BYTES || !self.is_there() {
            return None;
        }
        let written = OpenOptions::new().write(true).open(&self.path).and_then(|file| {
            file.write_all_at(bytes, 0)?;
            file.sync_all()
        });
        Some(written.and_then(|()| std::fs::rename(&self.path, path)))
    }

    /// Removes a file that is no longer needed, or makes it the reserve again.
    pub(super) fn discard(&self, path: &Path) -> io::Result<()> {
        if length(path) == Some(RESERVE_BYTES) && !self.is_there() {
            std::fs::rename(path, &self.path)
        } else {
            std::fs::remove_file(path)
        }
    }

    fn is_there(&self) -> bool {
        length(&self.path) == Some(RESERVE_BYTES)
    }
}

/// Whether less than `bytes` are free on the file system of `folder`. Where nobody knows, a write will tell.
pub(super) fn is_low(folder: &Path, bytes: u64) -> bool {
    let free = |found: StatVfs| found.f_bavail.saturating_mul(found.f_frsize);
    rustix::fs::statvfs(folder).is_ok_and(|found| free(found) < bytes)
}

fn length(path: &Path) -> Option<u64> {
    File::open(path)
        .and_then(|file| file.metadata())
        .ok()
        .map(|found| found.len())
}
