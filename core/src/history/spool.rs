//! The folder of sealed batches.
//!
//! `<from>-<to>.batch`: one sealed batch, complete and synced under this name or not there at all.
//! `committed`: journal id and the offset up to which ClickHouse has everything. `committed.spare`: the file that
//! takes its place next; both are there from the start, so that on a full disk, where only a commit frees space, a
//! commit needs none. `reserve`: space for one batch, for the same reason. `lock`: one process at a time.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rustix::fs::{CWD, FlockOperation, RenameFlags};

use super::batch::Batch;
use super::error::HistoryError;
use super::reserve::{Reserve, is_low};
use crate::crash;
use crate::model::{Offset, TimeMs};

const COMMITTED: &str = "committed";
const SPARE: &str = "committed.spare";
/// Every state of `committed` is padded to this length, so that one overwrites another in place.
const COMMITTED_BYTES: usize = 96;

/// The open folder.
pub(super) struct Spool {
    folder: PathBuf,
    journal: String,
    reserve: Reserve,
    /// With less free space than this a batch takes the reserve.
    min_free: u64,
    _lock: File,
}

/// A batch in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub from: Offset,
    pub to: Offset,
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
    /// When it was written.
    pub written: TimeMs,
}

/// What was found on opening.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Batches in order, without holes.
    pub entries: Vec<Entry>,
    /// The end of the last batch that ClickHouse took.
    pub committed: Option<Offset>,
}

impl Found {
    /// The end of the last batch that was ever sealed.
    pub(super) fn end(&self) -> Option<Offset> {
        self.entries.last().map(|entry| entry.to).max(self.committed)
    }
}

impl Found {
    /// Everything below this is in ClickHouse.
    pub(super) fn stored(&self) -> Option<Offset> {
        self.entries.first().map(|entry| entry.from).or(self.committed)
    }
}

impl Spool {
    /// Opens or creates the folder; removes what an interrupted write left; checks every batch.
    pub(super) fn open(folder: &Path, journal: &str, min_free: u64) -> Result<(Self, Found), HistoryError> {
        let io = HistoryError::io;
        std::fs::create_dir_all(folder).map_err(io(folder))?;
        let lock_path = folder.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(io(&lock_path))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            rustix::io::Errno::WOULDBLOCK => {
                HistoryError::State(format!("{} is in use by another process", folder.display()))
            }
            other => io(&lock_path)(other.into()),
        })?;
        let spool = Self {
            folder: folder.to_path_buf(),
            journal: journal.to_owned(),
            reserve: Reserve::new(folder),
            min_free,
            _lock: lock,
        };
        let committed = spool.committed()?;
        spool.prepare_spare();
        let mut entries = Vec::new();
        for file in std::fs::read_dir(folder).map_err(io(folder))? {
            let path = file.map_err(io(folder))?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("tmp") => std::fs::remove_file(&path).map_err(io(&path))?,
                Some("batch") => {
                    let Some((from, to)) = boundaries(&path) else {
                        return Err(HistoryError::State(format!(
                            "{} is not named as a batch",
                            path.display()
                        )));
                    };
                    if committed.is_some_and(|committed| to <= committed) {
                        // ClickHouse has it; only its removal was interrupted.
                        spool.reserve.discard(&path).map_err(io(&path))?;
                    } else {
                        entries.push(spool.examine(from, to)?);
                    }
                }
                _ => {}
            }
        }
        entries.sort_by_key(|entry| entry.from);
        let starts = entries.iter().map(|entry| Some(entry.from));
        let ends = std::iter::once(committed).chain(entries.iter().map(|entry| Some(entry.to)));
        for (start, end) in starts.zip(ends) {
            if end.is_some() && start != end {
                return Err(HistoryError::State(format!(
                    "{}: a batch is missing between {} and {}",
                    folder.display(),
                    end.unwrap_or_default(),
                    start.unwrap_or_default()
                )));
            }
        }
        spool.reserve.prepare();
        Ok((spool, Found { entries, committed }))
    }

    /// Writes a batch, on a full disk into the reserve; when this returns it is on disk. Returns the file's size.
    pub(super) fn write(&self, batch: &Batch) -> Result<u64, HistoryError> {
        let path = self.path(batch.from, batch.to);
        let bytes = batch
            .encode(&self.journal)
            .map_err(|error| HistoryError::State(format!("{}: {error}", path.display())))?;
        crash::point("seal-before");
        let written = if is_low(&self.folder, bytes.len() as u64 + self.min_free) {
            Err(std::io::ErrorKind::StorageFull.into())
        } else {
            Self::replace(&path, &bytes)
        };
        if let Err(shortage) = written {
            self.reserve
                .take(&bytes, &path)
                .unwrap_or(Err(shortage))
                .map_err(HistoryError::io(&path))?;
        }
        self.sync_folder()?;
        crash::point("seal-after");
        std::fs::metadata(&path)
            .map(|found| found.len())
            .map_err(HistoryError::io(&path))
    }

    /// Reads a batch.
    pub(super) fn read(&self, from: Offset, to: Offset) -> Result<Batch, HistoryError> {
        let path = self.path(from, to);
        let bytes = std::fs::read(&path).map_err(HistoryError::io(&path))?;
        let batch = Batch::decode(&bytes, &self.journal)
            .map_err(|error| HistoryError::State(format!("{} is damaged: {error}", path.display())))?;
        if (batch.from, batch.to) != (from, to) {
            return Err(HistoryError::State(format!(
                "{} holds another range than it is named for",
                path.display()
            )));
        }
        Ok(batch)
    }

    /// Remembers that ClickHouse has everything below the end of this batch, then removes it.
    pub(super) fn commit(&self, from: Offset, to: Offset) -> Result<(), HistoryError> {
        crash::point("committed-before");
        self.record_committed(to)?;
        crash::point("committed-after");
        let path = self.path(from, to);
        match self.reserve.discard(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(HistoryError::io(&path)(error));
            }
            _ => {}
        }
        self.prepare_spare();
        self.reserve.prepare();
        Ok(())
    }

    /// Writes the spare in its place, then lets it and `committed` change names at once.
    fn record_committed(&self, to: Offset) -> Result<(), HistoryError> {
        let io = HistoryError::io;
        let (path, spare) = (self.folder.join(COMMITTED), self.folder.join(SPARE));
        let state = format!("1 {} {to}", self.journal);
        let state = format!("{state:<width$}\n", width = COMMITTED_BYTES - 1);
        overwrite(&spare, state.as_bytes()).map_err(io(&spare))?;
        let exchanged = rustix::fs::renameat_with(CWD, &spare, CWD, &path, RenameFlags::EXCHANGE);
        if exchanged.is_err() {
            // the first commit, or a file system that can't exchange: then the next one needs a new spare
            std::fs::rename(&spare, &path).map_err(io(&path))?;
        }
        self.sync_folder()
    }

    /// Makes the spare where there is none.
    fn prepare_spare(&self) {
        let spare = self.folder.join(SPARE);
        if !std::fs::metadata(&spare).is_ok_and(|found| found.len() >= COMMITTED_BYTES as u64)
            && let Err(error) = overwrite(&spare, &[b' '; COMMITTED_BYTES])
        {
            // the next commit makes it, or waits for space
            tracing::warn!(file = %spare.display(), %error, "no spare file for commits");
        }
    }

    fn committed(&self) -> Result<Option<Offset>, HistoryError> {
        let path = self.folder.join(COMMITTED);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(HistoryError::io(&path)(error)),
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        match fields.as_slice() {
            ["1", journal, offset] if *journal == self.journal => {
                if let Ok(offset) = offset.parse() {
                    return Ok(Some(Offset(offset)));
                }
            }
            ["1", journal, _] => {
                return Err(HistoryError::State(format!(
                    "{} belongs to journal {journal}, this is journal {}: journal and spool have to be kept, \
                     restored or removed together",
                    path.display(),
                    self.journal
                )));
            }
            _ => {}
        }
        Err(HistoryError::State(format!("{} is damaged", path.display())))
    }

    fn examine(&self, from: Offset, to: Offset) -> Result<Entry, HistoryError> {
        let rows = self.read(from, to)?.rows() as u64;
        let path = self.path(from, to);
        let metadata = std::fs::metadata(&path).map_err(HistoryError::io(&path))?;
        let age = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .unwrap_or_default();
        let written = TimeMs(i64::try_from(age.as_millis()).unwrap_or_default());
        Ok(Entry {
            from,
            to,
            rows,
            bytes: metadata.len(),
            written,
        })
    }

    fn path(&self, from: Offset, to: Offset) -> PathBuf {
        self.folder.join(format!("{:020}-{:020}.batch", from.0, to.0))
    }

    /// Under its name the file is complete, or as it was before; the folder is not synced.
    fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(".tmp");
        let unfinished = PathBuf::from(name);
        let written = File::create(&unfinished).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        if let Err(error) = written {
            // half a batch must not keep the space that others wait for
            let _ = std::fs::remove_file(&unfinished);
            return Err(error);
        }
        crash::point("spool-rename-before");
        std::fs::rename(&unfinished, path)
    }

    fn sync_folder(&self) -> Result<(), HistoryError> {
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(HistoryError::io(&self.folder))
    }
}

/// Writes over what is in a file, from its beginning; makes it where it is missing.
fn overwrite(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn boundaries(path: &Path) -> Option<(Offset, Offset)> {
    let (from, to) = path.file_stem()?.to_str()?.split_once('-')?;
    Some((Offset(from.parse().ok()?), Offset(to.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::history::reserve::RESERVE_BYTES;

    fn batch(from: u64, to: u64) -> Batch {
        Batch {
            from: Offset(from),
            to: Offset(to),
            ..Batch::default()
        }
    }

    #[test]
    fn what_was_written_is_found_in_order_and_leftovers_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, found) = Spool::open(folder.path(), "j", 0).unwrap();
        assert_eq!(found.end(), None);
        spool.write(&batch(1, 5)).unwrap();
        spool.write(&batch(5, 9)).unwrap();
        drop(spool);
        let leftover = folder
            .path()
            .join("00000000000000000009-00000000000000000012.batch.tmp");
        std::fs::write(&leftover, b"half").unwrap();
        let (spool, found) = Spool::open(folder.path(), "j", 0).unwrap();
        assert!(!leftover.exists());
        assert_eq!(
            found.entries.iter().map(|entry| entry.from.0).collect::<Vec<_>>(),
            [1, 5]
        );
        assert_eq!(found.end(), Some(Offset(9)));
        spool.commit(Offset(1), Offset(5)).unwrap();
        spool.commit(Offset(5), Offset(9)).unwrap();
        drop(spool);
        let (_spool, found) = Spool::open(folder.path(), "j", 0).unwrap();
        assert!(found.entries.is_empty());
        assert_eq!(
            found.end(),
            Some(Offset(9)),
            "the end is remembered when the batches are gone"
        );
    }

    #[test]
    fn a_batch_that_is_committed_but_not_removed_is_not_sent_again() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(folder.path(), "j", 0).unwrap();
        spool.write(&batch(0, 5)).unwrap();
        spool.commit(Offset(0), Offset(5)).unwrap();
        spool.write(&batch(0, 5)).unwrap();
        drop(spool);
        let (_spool, found) = Spool::open(folder.path(), "j", 0).unwrap();
        assert!(found.entries.is_empty());
    }

    #[test]
    fn damage_holes_and_foreign_journals_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(folder.path(), "j", 0).unwrap();
        spool.write(&batch(0, 5)).unwrap();
        spool.write(&batch(6, 9)).unwrap();
        let hole = spool.path(Offset(6), Offset(9));
        drop(spool);
        let refused = |journal: &str| Spool::open(folder.path(), journal, 0).err().unwrap().to_string();
        assert!(refused("j").contains("missing between 5 and 6"));
        std::fs::remove_file(hole).unwrap();
        assert!(refused("other").contains("journal"));
        let first = folder.path().join(format!("{:020}-{:020}.batch", 0, 5));
        let mut bytes = std::fs::read(&first).unwrap();
        bytes[12] ^= 1;
        std::fs::write(&first, &bytes).unwrap();
        assert!(refused("j").contains("damaged"));
    }

    #[test]
    fn one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Spool::open(folder.path(), "j", 0).unwrap();
        assert!(
            Spool::open(folder.path(), "j", 0)
                .err()
                .unwrap()
                .to_string()
                .contains("in use")
        );
    }

    #[test]
    fn on_a_full_disk_one_batch_at_a_time_takes_the_reserve() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(folder.path(), "j", u64::MAX >> 1).unwrap();
        for from in [1, 5, 9] {
            let bytes = spool.write(&batch(from, from + 4)).unwrap();
            assert_eq!(bytes, RESERVE_BYTES);
            let refused = spool.write(&batch(from + 4, from + 8)).unwrap_err().to_string();
            assert!(refused.contains("no storage space"), "{refused}");
            assert_eq!(
                spool.read(Offset(from), Offset(from + 4)).unwrap(),
                batch(from, from + 4)
            );
            spool.commit(Offset(from), Offset(from + 4)).unwrap();
        }
        // a batch in the reserve is found again, and its space after an interrupted removal
        spool.write(&batch(13, 17)).unwrap();
        drop(spool);
        let (spool, found) = Spool::open(folder.path(), "j", u64::MAX >> 1).unwrap();
        assert_eq!(found.entries.len(), 1);
        spool.record_committed(Offset(17)).unwrap();
        drop(spool);
        let (spool, found) = Spool::open(folder.path(), "j", u64::MAX >> 1).unwrap();
        assert!(found.entries.is_empty());
        spool.write(&batch(17, 18)).unwrap();
    }
}
