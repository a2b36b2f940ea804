//! Looking into a journal from outside: what `fixstream journal stat|verify|dump|repair` do.
//!
//! All but [`repair`] only read, and may do so while the journal is in use; what is being written at that
//! moment may then show as a torn tail.

use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use super::block::{Header, Kind, PREFIX, record_length};
use super::checkpoint::{self, Checkpoint};
use super::disk::{Disk, RealDisk};
use super::error::JournalError;
use super::scan::{Scanner, Step};
use super::segment::{file_name, list};
use crate::model::Offset;

mod repair;

pub use repair::repair;

/// A journal as found on disk.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Identity, 16 hex digits; `None` where neither the checkpoint file nor a block tells it.
    pub id: Option<String>,
    /// Recorded checkpoint; `None` where the file is missing or damaged.
    pub checkpoint: Option<Offset>,
    /// Segments, ascending.
    pub segments: Vec<SegmentReport>,
    /// Everything that is not as it should be.
    pub problems: Vec<Problem>,
}

/// One segment as found on disk.
#[derive(Debug, Clone)]
pub struct SegmentReport {
    /// The file.
    pub file: PathBuf,
    /// Offset of the first record.
    pub first: Offset,
    /// Offset behind the last record.
    pub end: Offset,
    /// Sound blocks with records.
    pub blocks: u64,
    /// Records in them.
    pub records: u64,
    /// Records given up by an earlier repair.
    pub lost: u64,
    /// Bytes up to the end of the last sound block.
    pub bytes: u64,
    /// Whether the segment is complete.
    pub sealed: bool,
}

/// Something that is not as it should be.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// Byte in it.
    pub position: u64,
    /// What is wrong.
    pub what: String,
    /// What kind of thing.
    pub kind: ProblemKind,
    /// Records that can't be read.
    pub lost: Range<Offset>,
    /// Byte at which sound blocks go on in this file.
    pub resume: Option<u64>,
}

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// Bytes behind the last sound block: what a crash leaves, or damage to the last block. Opening cuts it.
    Tail,
    /// Damage with more behind it. Opening refuses.
    Damage,
    /// A whole segment, or the end of one, is missing. Opening refuses.
    Missing,
    /// A segment goes on behind the beginning of the next. Opening refuses; not repaired.
    Overlap,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// Offsets of the records on disk; empty where there is no segment.
    pub fn offsets(&self) -> Range<Offset> {
        match (self.segments.first(), self.segments.last()) {
            (Some(first), Some(last)) => first.first..last.end,
            _ => Offset(0)..Offset(0),
        }
    }
}

/// Reads everything and checks everything.
///
/// # Errors
/// [`JournalError::Io`] when a file can't be read. What is wrong with the content is in the report.
pub fn verify(path: &Path) -> Result<Report, JournalError> {
    walk(&RealDisk, path, 1, &mut |_, _| ControlFlow::Continue(()))
}

/// The same from names, sizes and the last segment only: quick. Counts of older segments are 0, their ends
/// are where the next begins, and their content is not checked.
///
/// # Errors
/// As [`verify`].
pub fn stat(path: &Path) -> Result<Report, JournalError> {
    walk(&RealDisk, path, u64::MAX, &mut |_, _| ControlFlow::Continue(()))
}

/// Hands records from `from` on to `visit` until it breaks, stepping over damage, which is in the report.
///
/// # Errors
/// As [`verify`].
pub fn dump(
    path: &Path,
    from: Offset,
    mut visit: impl FnMut(Offset, &[u8]) -> ControlFlow<()>,
) -> Result<Report, JournalError> {
    walk(&RealDisk, path, from.0, &mut |header, body| {
        let mut rest = body;
        for offset in header.base..header.end() {
            let Some(length) = record_length(rest) else { break };
            let Some((framed, later)) = rest.split_at_checked(PREFIX + length) else {
                break;
            };
            rest = later;
            if offset >= from.0 {
                visit(Offset(offset), framed.get(PREFIX..).unwrap_or_default())?;
            }
        }
        ControlFlow::Continue(())
    })
}

type Visit<'a> = dyn FnMut(&Header, &[u8]) -> ControlFlow<()> + 'a;

/// Goes through all segments, those that end below `from` by name only.
fn walk(disk: &dyn Disk, dir: &Path, from: u64, visit: &mut Visit<'_>) -> Result<Report, JournalError> {
    let known = Checkpoint::read(disk, dir)?;
    let firsts = list(disk, dir)?;
    let mut report = Report {
        checkpoint: known.map(|known| Offset(known.offset)),
        ..Report::default()
    };
    let mut id = known.map(|known| known.id);
    let checkpoint_file = checkpoint::file(dir);
    if let (Some(known), Some(first)) = (known, firsts.first())
        && known.offset < *first
    {
        let what = format!(
            "records from {} on are needed, but the first segment begins with {first}",
            known.offset
        );
        let lost = Offset(known.offset)..Offset(*first);
        report
            .problems
            .push(problem(&checkpoint_file, 16, what, ProblemKind::Missing, lost));
    }
    for (at, &first) in firsts.iter().enumerate() {
        let next = firsts.get(at + 1).copied();
        if let Some(next) = next.filter(|next| *next <= from) {
            report.segments.push(by_name(disk, dir, first, next)?);
            continue;
        }
        if walk_segment(disk, dir, first, next, &mut id, &mut report, visit)?.is_break() {
            break;
        }
    }
    let end = report.offsets().end;
    let whole = report.segments.len() == firsts.len();
    if let Some(known) = known.filter(|known| whole && known.offset > end.0.max(1)) {
        let what = format!(
            "records below {} were consumed, but the last one is below {end}",
            known.offset
        );
        let lost = end..Offset(known.offset);
        report
            .problems
            .push(problem(&checkpoint_file, 16, what, ProblemKind::Missing, lost));
    }
    report.id = id.map(|id| format!("{id:016x}"));
    Ok(report)
}

fn by_name(disk: &dyn Disk, dir: &Path, first: u64, next: u64) -> Result<SegmentReport, JournalError> {
    let file = dir.join(file_name(first));
    let bytes = disk
        .open(&file, false)
        .and_then(|file| file.length())
        .map_err(JournalError::io(&file))?;
    let (first, end) = (Offset(first), Offset(next));
    Ok(SegmentReport {
        file,
        first,
        end,
        blocks: 0,
        records: 0,
        lost: 0,
        bytes,
        sealed: true,
    })
}

fn walk_segment(
    disk: &dyn Disk,
    dir: &Path,
    first: u64,
    next: Option<u64>,
    id: &mut Option<u64>,
    report: &mut Report,
    visit: &mut Visit<'_>,
) -> Result<ControlFlow<()>, JournalError> {
    let path = dir.join(file_name(first));
    let file = disk.open(&path, false).map_err(JournalError::io(&path))?;
    let mut scanner = Scanner::new(&*file, *id, first).map_err(JournalError::io(&path))?;
    let (mut blocks, mut records, mut lost, mut sealed, mut damaged_end) = (0, 0, 0, false, false);
    let mut flow = ControlFlow::Continue(());
    while flow.is_continue() {
        let expected = scanner.next_offset();
        match scanner.step().map_err(JournalError::io(&path))? {
            Step::Block { header, position } => {
                sealed = header.kind == Kind::Seal;
                match header.kind {
                    Kind::Records => {
                        blocks += 1;
                        records += u64::from(header.count);
                        flow = visit(
                            &header,
                            scanner.body(&header, position).map_err(JournalError::io(&path))?,
                        );
                    }
                    Kind::Lost => lost += u64::from(header.count),
                    Kind::Seal => {}
                }
            }
            Step::Damage(damage) => {
                let end = damage.resume.map(|(_, header)| header.base).or(next);
                let kind = if end.is_none() {
                    ProblemKind::Tail
                } else {
                    ProblemKind::Damage
                };
                let missing = Offset(expected)..Offset(end.unwrap_or(expected).max(expected));
                let mut found = problem(&path, damage.position, damage.what, kind, missing);
                found.resume = damage.resume.map(|(position, _)| position);
                damaged_end = found.resume.is_none();
                report.problems.push(found);
            }
            Step::End => break,
        }
    }
    *id = id.or(scanner.id());
    let (end, bytes) = (scanner.next_offset(), scanner.position());
    if let Some(next) = next.filter(|next| flow.is_continue() && *next != end) {
        if next < end {
            let what = format!("it goes on to offset {end}, but the next segment begins with {next}");
            let none = Offset(end)..Offset(end);
            report
                .problems
                .push(problem(&path, bytes, what, ProblemKind::Overlap, none));
        } else if !damaged_end {
            let what = format!("it ends with offset {end}, but the next segment begins with {next}");
            report.problems.push(problem(
                &path,
                bytes,
                what,
                ProblemKind::Missing,
                Offset(end)..Offset(next),
            ));
        }
    }
    let (first, end) = (Offset(first), Offset(end));
    report.segments.push(SegmentReport {
        file: path,
        first,
        end,
        blocks,
        records,
        lost,
        bytes,
        sealed,
    });
    Ok(flow)
}

fn problem(file: &Path, position: u64, what: String, kind: ProblemKind, lost: Range<Offset>) -> Problem {
    Problem {
        file: file.to_owned(),
        position,
        what,
        kind,
        lost,
        resume: None,
    }
}
