//! The file that says who the journal is and what nobody needs any more.
//!
//! ```text
//! 0  magic u64 · 8  id u64 · 16  checkpoint u64 · 24  crc32c u32 over the 24 bytes before
//! ```
//! Lost or damaged, it costs a longer replay and nothing else: the identity stands in every block, and
//! the first segment is where the checkpoint can be at the earliest.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Disk, is_shortage};
use super::error::JournalError;

const MAGIC: &[u8; 8] = b"fxjchkp1";
const BYTES: usize = 28;

/// Identity and checkpoint of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub id: u64,
    pub offset: u64,
}

pub(super) fn file(dir: &Path) -> PathBuf {
    dir.join("checkpoint")
}

/// Name under which the next one is prepared; left-overs are removed at open.
pub(super) const PREPARED: &str = "checkpoint.tmp";

impl Checkpoint {
    fn encode(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[0..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&self.id.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.offset.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..24]);
        bytes[24..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (summed, crc) = bytes.split_at_checked(24)?;
        let (magic, numbers) = summed.split_first_chunk::<8>()?;
        let (id, offset) = numbers.split_first_chunk::<8>()?;
        let sound = magic == MAGIC && crc32c::crc32c(summed).to_le_bytes() == crc;
        sound.then_some(Self {
            id: u64::from_le_bytes(*id),
            offset: u64::from_le_bytes(offset.try_into().ok()?),
        })
    }

    /// Reads it; `None` where there is none or it is damaged.
    pub fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, JournalError> {
        let path = file(dir);
        let opened = match disk.open(&path, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(JournalError::io(&path))?,
        };
        let mut bytes = [0; BYTES];
        let read = opened.read_at(&mut bytes, 0).map_err(JournalError::io(&path))?;
        let checkpoint = bytes.get(..read).and_then(Self::decode);
        if checkpoint.is_none() {
            tracing::warn!(file = %path.display(), "checkpoint file is damaged: replaying from the first segment");
        }
        Ok(checkpoint)
    }

    /// Replaces it, durably: after a crash either the old or the new one stands there.
    pub fn write(self, disk: &dyn Disk, dir: &Path) -> Result<(), JournalError> {
        let path = file(dir);
        let prepared = dir.join(PREPARED);
        let replaced = disk.create(&prepared).and_then(|file| {
            file.write_at(&self.encode(), 0)?;
            file.sync_all()?;
            disk.rename(&prepared, &path)?;
            disk.sync_dir(dir)
        });
        match replaced {
            // On a full disk a new file can't be had, but only a checkpoint frees segments: overwrite the
            // old one in its place. A crash that tears it costs a longer replay.
            Err(error) if is_shortage(&error) => {
                let overwritten = disk.open(&path, true).and_then(|file| {
                    file.write_at(&self.encode(), 0)?;
                    file.sync_all()
                });
                overwritten.map_err(JournalError::io(&path))
            }
            replaced => replaced.map_err(JournalError::io(&prepared)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_checkpoint_is_not_believed() {
        let checkpoint = Checkpoint {
            id: 0x1234,
            offset: 99,
        };
        let mut bytes = checkpoint.encode();
        assert_eq!(Checkpoint::decode(&bytes), Some(checkpoint));
        assert_eq!(Checkpoint::decode(&bytes[..27]), None);
        for at in 0..bytes.len() {
            bytes[at] ^= 0x10;
            assert_eq!(Checkpoint::decode(&bytes), None);
            bytes[at] ^= 0x10;
        }
    }
}
