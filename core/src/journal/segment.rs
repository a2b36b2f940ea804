//! One file of the journal and the sparse index over it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::block::{HEADER, Header, Kind};
use super::disk::{Disk, DiskFile};
use super::error::JournalError;
use super::scan::{Scanner, Step};

/// Where a block starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub base: u64,
    pub position: u64,
}

/// One segment. The writer appends to the last one; all others are complete.
#[derive(Debug)]
pub(super) struct Segment {
    /// Offset of its first record; also its name.
    pub first: u64,
    pub path: PathBuf,
    written: AtomicU64,
    /// `None` until somebody reads a segment that an earlier run wrote.
    marks: Mutex<Option<Vec<Mark>>>,
}

/// The file name of the segment that begins with `first`.
pub(super) fn file_name(first: u64) -> String {
    format!("{first:020}.log")
}

/// The first offset of a segment, from its file name; `None` for other files.
pub(super) fn first_offset(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    let first = digits.parse().ok()?;
    (first >= 1 && file_name(first) == name).then_some(first)
}

/// First offsets of the segments in `dir`, ascending.
pub(super) fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<u64>, JournalError> {
    let names = disk.list(dir).map_err(JournalError::io(dir))?;
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| first_offset(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

impl Segment {
    /// A segment of which `written` bytes hold sound blocks.
    pub fn new(dir: &Path, first: u64, written: u64, marks: Option<Vec<Mark>>) -> Self {
        let path = dir.join(file_name(first));
        Self {
            first,
            path,
            written: AtomicU64::new(written),
            marks: Mutex::new(marks),
        }
    }

    /// Bytes that are on disk and may be read.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// A block was synced: it ends at `end`.
    pub fn publish(&self, mark: Mark, end: u64, spacing: u64) {
        if let Some(marks) = self.marks.lock().as_mut() {
            push_spaced(marks, mark, spacing);
        }
        self.written.store(end, Ordering::Release);
    }

    /// The last marked block that begins at or below `offset`.
    pub fn mark_below(
        &self,
        file: &dyn DiskFile,
        offset: u64,
        id: u64,
        spacing: u64,
    ) -> std::io::Result<Mark> {
        let mut marks = self.marks.lock();
        if marks.is_none() {
            *marks = Some(index(file, self.first, id, spacing)?);
        }
        let marks = marks.as_deref().unwrap_or_default();
        let above = marks.partition_point(|mark| mark.base <= offset);
        let below = above.checked_sub(1).and_then(|below| marks.get(below)).copied();
        Ok(below.unwrap_or(Mark {
            base: self.first,
            position: 0,
        }))
    }
}

/// Adds a mark when the last one is `spacing` bytes behind.
pub(super) fn push_spaced(marks: &mut Vec<Mark>, mark: Mark, spacing: u64) {
    if marks
        .last()
        .is_none_or(|last| mark.position >= last.position + spacing)
    {
        marks.push(mark);
    }
}

/// Marks of a segment; what stands behind damage is marked at once, so that it can be reached.
fn index(file: &dyn DiskFile, first: u64, id: u64, spacing: u64) -> std::io::Result<Vec<Mark>> {
    let mut scanner = Scanner::new(file, Some(id), first)?;
    let mut marks = Vec::new();
    loop {
        match scanner.step()? {
            Step::Block { header, position } => {
                push_spaced(
                    &mut marks,
                    Mark {
                        base: header.base,
                        position,
                    },
                    spacing,
                );
            }
            Step::Damage(damage) => {
                marks.extend(damage.resume.map(|(position, header)| Mark {
                    base: header.base,
                    position,
                }));
            }
            Step::End => return Ok(marks),
        }
    }
}

/// Whether the file ends with the seal that leads on to `next`: true says that the segment is complete
/// without reading it, false says nothing.
pub(super) fn is_sealed(file: &dyn DiskFile, id: Option<u64>, next: u64) -> std::io::Result<bool> {
    let Some(position) = file.length()?.checked_sub(HEADER as u64) else {
        return Ok(false);
    };
    let mut bytes = [0; HEADER];
    file.read_at(&mut bytes, position)?;
    let header = Header::parse(&bytes);
    Ok(header.is_ok_and(|header| {
        header.kind == Kind::Seal
            && header.base == next
            && id.is_none_or(|id| id == header.id)
            && header.fits(&bytes, &[])
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_names_are_segments() {
        assert_eq!(first_offset(&file_name(1)), Some(1));
        assert_eq!(first_offset(&file_name(u64::MAX)), Some(u64::MAX));
        for other in [
            "1.log",
            "checkpoint",
            "lock",
            "00000000000000000000.log",
            "00000000000000000001.log.damaged",
        ] {
            assert_eq!(first_offset(other), None, "{other}");
        }
    }
}
