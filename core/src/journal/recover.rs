//! Opening: what is there, is it whole, where does it end.

use std::path::Path;
use std::sync::Arc;

use super::block::{Kind, MAX_BLOCK};
use super::checkpoint::{self, Checkpoint};
use super::disk::{Disk, DiskFile};
use super::error::JournalError;
use super::scan::{Damage, Scanner, Step};
use super::segment::{Mark, Segment, file_name, is_sealed, list, push_spaced};
use super::writer::{Tip, create_file};

/// A journal as it was found, ready to go on.
pub(super) struct Recovered {
    pub checkpoint: Checkpoint,
    pub segments: Vec<Arc<Segment>>,
    pub tip: Tip,
    /// Bytes in segments.
    pub stored: u64,
}

/// Finds out the state of the journal in `dir`, or begins a new one.
pub(super) fn recover(
    disk: &dyn Disk,
    dir: &Path,
    segment_bytes: u64,
    mark_bytes: u64,
) -> Result<Recovered, JournalError> {
    // left behind by a crash in the middle of a checkpoint
    let prepared = dir.join(checkpoint::PREPARED);
    match disk.remove(&prepared) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(JournalError::io(&prepared)(error));
        }
        _ => {}
    }
    let known = Checkpoint::read(disk, dir)?;
    let mut firsts = list(disk, dir)?;
    let mut checkpoint = identify(disk, dir, known, &firsts)?;
    if let Some(known) = known {
        require_start(dir, known, &firsts)?;
    }
    forget_consumed(disk, dir, checkpoint.offset, &mut firsts);
    let Some((&last, complete)) = firsts.split_last() else {
        let file = create_file(disk, dir, checkpoint.offset, segment_bytes).map_err(JournalError::io(dir))?;
        let segment = Arc::new(Segment::new(dir, checkpoint.offset, 0, Some(Vec::new())));
        let segments = vec![Arc::clone(&segment)];
        let tip = Tip {
            segment,
            file,
            position: 0,
            sealed: false,
            next: checkpoint.offset,
        };
        return Ok(Recovered {
            checkpoint,
            segments,
            tip,
            stored: 0,
        });
    };
    let mut segments = Vec::with_capacity(firsts.len());
    let mut stored = 0;
    for (first, next) in complete.iter().zip(firsts.iter().skip(1)) {
        let written = require_complete(disk, dir, checkpoint.id, *first, *next)?;
        segments.push(Arc::new(Segment::new(dir, *first, written, None)));
        stored += written;
    }
    let tip = recover_last(disk, dir, checkpoint.id, last, segment_bytes, mark_bytes)?;
    if checkpoint.offset > tip.next {
        let what = format!(
            "it says that records below {} were consumed, but the last one is below {}: segments are missing",
            checkpoint.offset, tip.next
        );
        return Err(JournalError::corrupt(&checkpoint::file(dir), 16, what));
    }
    segments.push(Arc::clone(&tip.segment));
    stored += tip.position;
    checkpoint.offset = checkpoint.offset.max(firsts.first().copied().unwrap_or(1));
    Ok(Recovered {
        checkpoint,
        segments,
        tip,
        stored,
    })
}

/// Identity and checkpoint: as recorded, else from the segments, else new ones.
fn identify(
    disk: &dyn Disk,
    dir: &Path,
    known: Option<Checkpoint>,
    firsts: &[u64],
) -> Result<Checkpoint, JournalError> {
    if let Some(known) = known {
        return Ok(known);
    }
    let mut id = None;
    for first in firsts {
        let path = dir.join(file_name(*first));
        let file = disk.open(&path, false).map_err(JournalError::io(&path))?;
        let mut scanner = Scanner::new(&*file, None, *first).map_err(JournalError::io(&path))?;
        if let Step::Block { header, .. } = scanner.step().map_err(JournalError::io(&path))? {
            id = Some(header.id);
            break;
        }
    }
    let id = id.unwrap_or_else(|| rand::random::<u64>().max(1));
    let made = Checkpoint {
        id,
        offset: firsts.first().copied().unwrap_or(1),
    };
    made.write(disk, dir)?;
    Ok(made)
}

/// The first segment must hold, or come before, the first record that is still needed.
fn require_start(dir: &Path, known: Checkpoint, firsts: &[u64]) -> Result<(), JournalError> {
    let found = firsts.first().copied();
    if found.is_some_and(|first| first <= known.offset) || (found.is_none() && known.offset == 1) {
        return Ok(());
    }
    let begins = found.map_or_else(
        || "there is no segment".to_owned(),
        |first| format!("the first segment begins with {first}"),
    );
    let what = format!(
        "records from {} on are needed, but {begins}: segments are missing",
        known.offset
    );
    Err(JournalError::corrupt(&checkpoint::file(dir), 16, what))
}

/// Removes what a crash kept a checkpoint from removing.
fn forget_consumed(disk: &dyn Disk, dir: &Path, checkpoint: u64, firsts: &mut Vec<u64>) {
    let consumed = firsts
        .iter()
        .skip(1)
        .take_while(|next| **next <= checkpoint)
        .count();
    for first in firsts.drain(..consumed) {
        let path = dir.join(file_name(first));
        if let Err(error) = disk.remove(&path) {
            tracing::warn!(file = %path.display(), %error, "a consumed segment could not be removed");
        }
    }
}

/// Bytes of a segment that must lead from `first` to `next` without damage. Usually its seal says so.
fn require_complete(
    disk: &dyn Disk,
    dir: &Path,
    id: u64,
    first: u64,
    next: u64,
) -> Result<u64, JournalError> {
    let path = dir.join(file_name(first));
    let file = disk.open(&path, false).map_err(JournalError::io(&path))?;
    if is_sealed(&*file, Some(id), next).map_err(JournalError::io(&path))? {
        return file.length().map_err(JournalError::io(&path));
    }
    let mut scanner = Scanner::new(&*file, Some(id), first).map_err(JournalError::io(&path))?;
    loop {
        match scanner.step().map_err(JournalError::io(&path))? {
            Step::Block { .. } => {}
            Step::Damage(damage) => return Err(JournalError::corrupt(&path, damage.position, damage.what)),
            Step::End if scanner.next_offset() == next => return Ok(scanner.position()),
            Step::End => {
                let what = format!(
                    "it ends with offset {}, but the next segment begins with {next}",
                    scanner.next_offset()
                );
                return Err(JournalError::corrupt(&path, scanner.position(), what));
            }
        }
    }
}

/// The end of the last segment; a torn tail is cut.
fn recover_last(
    disk: &dyn Disk,
    dir: &Path,
    id: u64,
    first: u64,
    segment_bytes: u64,
    mark_bytes: u64,
) -> Result<Tip, JournalError> {
    let path = dir.join(file_name(first));
    let file = disk.open(&path, true).map_err(JournalError::io(&path))?;
    let end = find_end(&*file, &path, id, first, mark_bytes)?;
    if end.torn {
        let bytes = file
            .length()
            .map_err(JournalError::io(&path))?
            .saturating_sub(end.position);
        tracing::warn!(file = %path.display(), position = end.position, bytes, next = end.next, "cut a torn tail");
        file.set_len(end.position).map_err(JournalError::io(&path))?;
    }
    if let Some(last) = &end.last {
        // It may have been read from memory only: written but not synced before a kill, or marked clean by
        // a failed sync. Written once more and synced it is on disk, before anyone is told that it is.
        let (position, bytes) = last;
        file.write_at(bytes, *position).map_err(JournalError::io(&path))?;
    }
    if !end.sealed {
        // without space for it, the first group waits for space
        let _ = file.allocate(segment_bytes);
    }
    file.sync_all().map_err(JournalError::io(&path))?;
    disk.sync_dir(dir).map_err(JournalError::io(dir))?;
    let segment = Arc::new(Segment::new(dir, first, end.position, Some(end.marks)));
    Ok(Tip {
        segment,
        file,
        position: end.position,
        sealed: end.sealed,
        next: end.next,
    })
}

/// Damage without a sound block behind it is a torn write only when it is not larger than one write, and
/// when it is not simply somebody else's segment.
fn require_torn(
    scanner: &mut Scanner<'_>,
    file: &dyn DiskFile,
    path: &Path,
    damage: &Damage,
    first: u64,
) -> Result<(), JournalError> {
    if damage.position == 0 {
        let mut anyone = Scanner::new(file, None, first).map_err(JournalError::io(path))?;
        if let Step::Block { .. } = anyone.step().map_err(JournalError::io(path))? {
            return Err(JournalError::corrupt(
                path,
                0,
                "the segment belongs to another journal",
            ));
        }
    }
    let behind = damage.position + MAX_BLOCK as u64;
    if scanner.rest_is_zero(behind).map_err(JournalError::io(path))? {
        return Ok(());
    }
    let what = format!("{}, and more follows than one torn write", damage.what);
    Err(JournalError::corrupt(path, damage.position, what))
}

/// Where a segment ends.
struct SegmentEnd {
    position: u64,
    next: u64,
    sealed: bool,
    torn: bool,
    /// Position and bytes of the last block.
    last: Option<(u64, Vec<u8>)>,
    marks: Vec<Mark>,
}

fn find_end(
    file: &dyn DiskFile,
    path: &Path,
    id: u64,
    first: u64,
    mark_bytes: u64,
) -> Result<SegmentEnd, JournalError> {
    let mut scanner = Scanner::new(file, Some(id), first).map_err(JournalError::io(path))?;
    let mut marks = Vec::new();
    let mut last = None;
    let torn = loop {
        match scanner.step().map_err(JournalError::io(path))? {
            Step::Block { header, position } => {
                push_spaced(
                    &mut marks,
                    Mark {
                        base: header.base,
                        position,
                    },
                    mark_bytes,
                );
                last = Some((header, position));
            }
            Step::Damage(damage) if damage.resume.is_some() => {
                return Err(JournalError::corrupt(path, damage.position, damage.what));
            }
            Step::Damage(damage) => {
                require_torn(&mut scanner, file, path, &damage, first)?;
                break true;
            }
            Step::End => break false,
        }
    };
    let (position, next) = (scanner.position(), scanner.next_offset());
    let sealed = last.is_some_and(|(header, _)| header.kind == Kind::Seal);
    let last = match last {
        Some((header, at)) => {
            let body = scanner.body(&header, at).map_err(JournalError::io(path))?;
            let mut bytes = header.encode(body).to_vec();
            if header.kind != Kind::Lost {
                bytes.extend_from_slice(body);
            }
            Some((at, bytes))
        }
        None => None,
    };
    Ok(SegmentEnd {
        position,
        next,
        sealed,
        torn,
        last,
        marks,
    })
}
