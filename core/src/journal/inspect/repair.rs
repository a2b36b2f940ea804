//! Makes a damaged journal one that opens: damage is covered by a mark "so many records are lost here".

use std::path::{Path, PathBuf};

use super::{Problem, ProblemKind, Report, verify};
use crate::journal::block::{HEADER, Header, Kind};
use crate::journal::checkpoint::{self, Checkpoint};
use crate::journal::disk::{Disk, DiskFile, RealDisk};
use crate::journal::error::JournalError;
use crate::journal::segment::file_name;
use crate::model::Offset;

/// Gives up what can't be read, so that the rest can be. The journal must not be open. Each segment that is
/// changed is copied to `<name>.damaged` first; offsets of the other records don't change, and those of lost
/// ones are not given out again. Returns what was found before.
///
/// # Errors
/// [`JournalError::Io`] when the journal is in use or a file can't be changed; [`JournalError::Corrupt`] for
/// what can't be repaired (segments that overlap, no identity).
pub fn repair(path: &Path) -> Result<Report, JournalError> {
    let disk = RealDisk;
    let lock_file = path.join("lock");
    let _lock = disk.lock(&lock_file).map_err(JournalError::io(&lock_file))?;
    let report = verify(path)?;
    let id = report
        .id
        .as_deref()
        .and_then(|id| u64::from_str_radix(id, 16).ok());
    for problem in &report.problems {
        let refuse = |what: &str| JournalError::corrupt(&problem.file, problem.position, what);
        let id = id.ok_or_else(|| refuse("nothing tells the identity of the journal"))?;
        let lost = u32::try_from(problem.lost.end.0.saturating_sub(problem.lost.start.0))
            .map_err(|_| refuse("too many records are missing to be marked as lost"))?;
        let hole = |bytes: u32| Header::new(Kind::Lost, id, problem.lost.start.0, lost, bytes).encode(&[]);
        match problem.kind {
            ProblemKind::Overlap => {
                return Err(refuse(
                    "segments overlap: remove the one that does not belong here",
                ));
            }
            ProblemKind::Tail => cut(&disk, problem)?,
            ProblemKind::Damage => {
                let file = open(&disk, &problem.file)?;
                let length = file.length().map_err(JournalError::io(&problem.file))?;
                let end = problem
                    .resume
                    .unwrap_or(length.max(problem.position + HEADER as u64));
                let covered = end.checked_sub(problem.position + HEADER as u64);
                let covered = covered.and_then(|bytes| u32::try_from(bytes).ok());
                let covered = covered.ok_or_else(|| refuse("there is no room to mark the damage"))?;
                back_up(&problem.file)?;
                put(&*file, &problem.file, &hole(covered), problem.position)?;
            }
            ProblemKind::Missing if problem.file == checkpoint::file(path) => {
                repair_ends(&disk, path, &report, problem, id, &hole(0))?;
            }
            ProblemKind::Missing => {
                let seal = Header::new(Kind::Seal, id, problem.lost.end.0, 0, 0).encode(&[]);
                create(&disk, path, problem.lost.start, &[hole(0), seal].concat())?;
            }
        }
        tracing::warn!(
            file = %problem.file.display(),
            position = problem.position,
            what = problem.what,
            lost,
            "journal repaired"
        );
    }
    Ok(report)
}

/// Records are missing before the first or behind the last segment.
fn repair_ends(
    disk: &dyn Disk,
    dir: &Path,
    report: &Report,
    problem: &Problem,
    id: u64,
    hole: &[u8],
) -> Result<(), JournalError> {
    let offsets = report.offsets();
    if problem.lost.start < offsets.start {
        return Checkpoint {
            id,
            offset: offsets.start.0,
        }
        .write(disk, dir);
    }
    // The offsets behind the last segment may have been given out: not again.
    match report.segments.last() {
        Some(last) if !last.sealed => {
            let file = open(disk, &last.file)?;
            back_up(&last.file)?;
            put(&*file, &last.file, hole, last.bytes)
        }
        _ => create(disk, dir, problem.lost.start, hole),
    }
}

fn cut(disk: &dyn Disk, problem: &Problem) -> Result<(), JournalError> {
    let file = open(disk, &problem.file)?;
    back_up(&problem.file)?;
    file.set_len(problem.position)
        .and_then(|()| file.sync_all())
        .map_err(JournalError::io(&problem.file))
}

fn create(disk: &dyn Disk, dir: &Path, first: Offset, blocks: &[u8]) -> Result<(), JournalError> {
    let path = dir.join(file_name(first.0));
    let file = disk.create(&path).map_err(JournalError::io(&path))?;
    put(&*file, &path, blocks, 0)?;
    disk.sync_dir(dir).map_err(JournalError::io(dir))
}

fn put(file: &dyn DiskFile, path: &Path, bytes: &[u8], position: u64) -> Result<(), JournalError> {
    file.write_at(bytes, position)
        .and_then(|()| file.sync_all())
        .map_err(JournalError::io(path))
}

fn open(disk: &dyn Disk, path: &Path) -> Result<Box<dyn DiskFile>, JournalError> {
    disk.open(path, true).map_err(JournalError::io(path))
}

/// Keeps the segment as it was found; the first copy is kept where there are more.
fn back_up(path: &Path) -> Result<(), JournalError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".damaged");
    let copy = PathBuf::from(name);
    if copy.exists() {
        return Ok(());
    }
    std::fs::copy(path, &copy).map_err(JournalError::io(&copy))?;
    Ok(())
}
