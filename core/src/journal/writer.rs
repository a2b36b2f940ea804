//! The one thread that writes: takes what waits, writes it as one block, syncs, tells.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::block::{HEADER, Header, Kind};
use super::disk::{Disk, DiskFile, is_shortage};
use super::queue::{Door, Group};
use super::segment::{Mark, Segment, file_name};
use super::shared::{End, Shared};
use crate::crash;

/// Where the writer is in the last segment.
pub(super) struct Tip {
    pub segment: Arc<Segment>,
    pub file: Box<dyn DiskFile>,
    /// Byte behind the last synced block.
    pub position: u64,
    /// Whether that block is the seal: the next group needs a new segment.
    pub sealed: bool,
    /// Offset behind the last synced record.
    pub next: u64,
}

/// Why a block could not be stored.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nothing of it is on disk; worth another try later.
    Shortage(String),
    /// What is on disk is not known; only a restart, which reads it, can go on.
    Fatal(String),
}

impl Fault {
    fn new(what: &str, error: &io::Error) -> Self {
        let why = format!("{what}: {error}");
        if is_shortage(error) {
            Self::Shortage(why)
        } else {
            Self::Fatal(why)
        }
    }

    fn fatal(what: &str, error: &io::Error) -> Self {
        Self::Fatal(format!("{what}: {error}"))
    }
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    tip: Tip,
}

impl Writer {
    pub fn new(shared: Arc<Shared>, tip: Tip) -> Self {
        Self { shared, tip }
    }

    /// Writes until the journal is closed or fails.
    pub fn run(mut self) {
        while let Some(mut group) = self.next_group() {
            let header = Header::new(
                Kind::Records,
                self.shared.id,
                group.base,
                group.count,
                (group.block.len() - HEADER) as u32,
            );
            if let Some((head, body)) = group.block.split_first_chunk_mut::<HEADER>() {
                *head = header.encode(body);
            }
            match self.store_patiently(&group) {
                Ok(()) => self.shared.publish(group),
                Err(end) => return self.shared.stop(end, Some(group)),
            }
        }
        // A seal makes the end of a journal that was closed in order certain: damage to its last block is
        // then told from a torn tail.
        if self.tip.position > 0
            && !self.tip.sealed
            && let Err(Fault::Shortage(why) | Fault::Fatal(why)) = self.seal()
        {
            tracing::warn!(why, "the last segment could not be sealed");
        }
        self.shared.stop(End::Closed, None);
    }

    fn next_group(&self) -> Option<Group> {
        let mut queue = self.shared.queue.lock();
        loop {
            if let Some(group) = queue.take() {
                return Some(group);
            }
            if queue.door == Door::Closing {
                return None;
            }
            self.shared.work.wait(&mut queue);
        }
    }

    /// Stores `group`, again and again while there is no space.
    fn store_patiently(&mut self, group: &Group) -> Result<(), End> {
        loop {
            let started = Instant::now();
            match self.store(group) {
                Ok(()) => {
                    let metrics = &self.shared.metrics;
                    metrics.sync_seconds.observe(started.elapsed().as_secs_f64());
                    metrics.syncs.inc();
                    metrics.records.inc_by(u64::from(group.count));
                    metrics.bytes.inc_by(group.block.len() as u64);
                    if self.shared.shortage.lock().take().is_some() {
                        tracing::info!("the journal has space again");
                        metrics.no_space.set(0);
                        self.reopen_door();
                    }
                    return Ok(());
                }
                Err(Fault::Fatal(why)) => return Err(End::Failed(why.into())),
                Err(Fault::Shortage(why)) => {
                    self.shared.metrics.no_space.set(1);
                    if self.shared.shortage.lock().replace(why.clone()).is_none() {
                        tracing::warn!(
                            why,
                            "the journal has no space: nothing is acknowledged until it has"
                        );
                    }
                    if !self.wait_for_space() {
                        return Err(End::Closed);
                    }
                }
            }
        }
    }

    fn reopen_door(&self) {
        let mut queue = self.shared.queue.lock();
        if queue.door == Door::NoSpace {
            queue.door = Door::Open;
        }
    }

    /// False when the journal is being closed.
    fn wait_for_space(&self) -> bool {
        let mut queue = self.shared.queue.lock();
        if queue.door == Door::Open {
            queue.door = Door::NoSpace;
        }
        if queue.door == Door::NoSpace {
            self.shared.work.wait_for(&mut queue, self.shared.tuning.retry);
        }
        queue.door == Door::NoSpace
    }

    /// One try: after `Ok` the block is on disk, after a shortage nothing of it is.
    fn store(&mut self, group: &Group) -> Result<(), Fault> {
        let length = group.block.len() as u64;
        if self.tip.sealed || self.tip.position + length + HEADER as u64 > self.shared.segment_bytes {
            self.rotate()?;
        }
        let position = self.tip.position;
        crash::point("journal-write-before");
        if let Err(error) = self.tip.file.write_at(&group.block, position) {
            self.cut()?;
            return Err(Fault::new("write", &error));
        }
        crash::point("journal-write-after");
        // After a failed sync the kernel may believe that the pages are clean: a second one would say yes
        // to data that never reached the disk.
        crash::point("journal-sync-before");
        if self.shared.sync {
            self.tip
                .file
                .sync_data()
                .map_err(|error| Fault::fatal("sync", &error))?;
        }
        crash::point("journal-sync-after");
        self.tip.position += length;
        self.tip.next = group.base + u64::from(group.count);
        let mark = Mark {
            base: group.base,
            position,
        };
        self.tip
            .segment
            .publish(mark, self.tip.position, self.shared.tuning.mark_bytes);
        Ok(())
    }

    /// Ends the segment and begins the next one; can be repeated after a shortage.
    pub fn rotate(&mut self) -> Result<(), Fault> {
        if self.tip.position == 0 && !self.tip.sealed {
            return Ok(());
        }
        if !self.tip.sealed {
            self.seal()?;
        }
        crash::point("journal-rotate-before");
        let (segment, file) = create_segment(&self.shared, self.tip.next)?;
        crash::point("journal-rotate-after");
        self.shared.segments.write().push(Arc::clone(&segment));
        self.tip = Tip {
            segment,
            file,
            position: 0,
            sealed: false,
            next: self.tip.next,
        };
        Ok(())
    }

    fn seal(&mut self) -> Result<(), Fault> {
        let tip = &self.tip;
        let seal = Header::new(Kind::Seal, self.shared.id, tip.next, 0, 0).encode(&[]);
        let end = tip.position + HEADER as u64;
        if let Err(error) = tip.file.write_at(&seal, tip.position) {
            self.cut()?;
            return Err(Fault::new("write", &error));
        }
        tip.file
            .set_len(end)
            .map_err(|error| Fault::fatal("truncate", &error))?;
        tip.file
            .sync_all()
            .map_err(|error| Fault::fatal("sync", &error))?;
        let mark = Mark {
            base: tip.next,
            position: tip.position,
        };
        tip.segment.publish(mark, end, self.shared.tuning.mark_bytes);
        self.tip.position = end;
        self.tip.sealed = true;
        self.shared.queue.lock().restock(HEADER as u64, 0);
        Ok(())
    }

    /// Takes back what a failed write may have left behind the last good block.
    fn cut(&self) -> Result<(), Fault> {
        self.tip
            .file
            .set_len(self.tip.position)
            .map_err(|error| Fault::fatal("truncate", &error))?;
        // where there is no space for it now, later writes extend the file
        let _ = self.tip.file.allocate(self.shared.segment_bytes);
        Ok(())
    }
}

/// A new, preallocated segment that survives a crash.
fn create_segment(shared: &Shared, first: u64) -> Result<(Arc<Segment>, Box<dyn DiskFile>), Fault> {
    let path = shared.dir.join(file_name(first));
    leave_others_space(shared)?;
    let created = create_file(&*shared.disk, &shared.dir, first, shared.segment_bytes);
    let file = created.map_err(|error| {
        let _ = shared.disk.remove(&path);
        Fault::new("new segment", &error)
    })?;
    Ok((
        Arc::new(Segment::new(&shared.dir, first, 0, Some(Vec::new()))),
        file,
    ))
}

/// A journal that takes the last of the disk takes it from those who would empty it: the spool and the engine.
fn leave_others_space(shared: &Shared) -> Result<(), Fault> {
    let least = shared.min_free_bytes;
    // where nobody knows what is free, the allocation tells
    let free = shared.disk.free(&shared.dir).unwrap_or(u64::MAX);
    if least > 0 && free < least.saturating_add(shared.segment_bytes) {
        return Err(Fault::Shortage(format!(
            "new segment: {} MiB of disk space are free and {} MiB of them are left to others",
            free >> 20,
            least >> 20
        )));
    }
    Ok(())
}

/// The file of a new segment.
pub(super) fn create_file(
    disk: &dyn Disk,
    dir: &std::path::Path,
    first: u64,
    bytes: u64,
) -> io::Result<Box<dyn DiskFile>> {
    let file = disk.create(&dir.join(file_name(first)))?;
    file.allocate(bytes)?;
    file.sync_all()?;
    disk.sync_dir(dir)?;
    Ok(file)
}
