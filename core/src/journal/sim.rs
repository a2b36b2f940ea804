//! A disk for tests: it forgets what was not synced, tears writes, fills up and fails.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::disk::{Disk, DiskFile};

const SECTOR: usize = 512;

/// What space is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Space {
    #[default]
    Plenty,
    /// Files can be overwritten but neither made nor extended.
    NothingNew,
    /// Every write stops half-way.
    Nothing,
}

#[derive(Debug, Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

#[derive(Debug, Default)]
struct Inode {
    /// What programs see.
    seen: Vec<u8>,
    /// What is on the platters.
    kept: Vec<u8>,
    /// What separates the two, in order.
    changes: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Naming {
    Bind(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

#[derive(Default)]
struct State {
    inodes: Vec<Inode>,
    seen: BTreeMap<PathBuf, usize>,
    kept: BTreeMap<PathBuf, usize>,
    namings: Vec<Naming>,
    space: Space,
    free: Option<u64>,
    fail_sync: bool,
    /// Operations until the power goes.
    fuse: Option<u64>,
}

/// The disk; clones are the same one.
#[derive(Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    locked: Arc<AtomicBool>,
}

fn rename(names: &mut BTreeMap<PathBuf, usize>, naming: &Naming) {
    match naming {
        Naming::Bind(path, inode) => {
            names.insert(path.clone(), *inode);
        }
        Naming::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        Naming::Remove(path) => {
            names.remove(path);
        }
    }
}

fn overwrite(content: &mut Vec<u8>, position: u64, bytes: &[u8]) {
    let end = position as usize + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[position as usize..end].copy_from_slice(bytes);
}

impl State {
    fn operate(&mut self) -> io::Result<()> {
        match &mut self.fuse {
            Some(0) => Err(io::Error::other("power is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn name(&mut self, naming: Naming) {
        rename(&mut self.seen, &naming);
        self.namings.push(naming);
    }
}

fn full() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOSPC)
}

impl SimDisk {
    pub fn set_space(&self, space: Space) {
        self.state.lock().space = space;
    }

    /// What the file system says is free; everything, until told.
    pub fn set_free(&self, bytes: u64) {
        self.state.lock().free = Some(bytes);
    }

    /// The next sync of a file fails, and what it should have written is forgotten while it still looks written.
    pub fn fail_next_sync(&self) {
        self.state.lock().fail_sync = true;
    }

    /// No sync fails any more.
    pub fn clear_faults(&self) {
        self.state.lock().fail_sync = false;
    }

    /// After so many more operations every one fails.
    pub fn cut_power_after(&self, operations: u64) {
        self.state.lock().fuse = Some(operations);
    }

    /// The process was killed: all that was written is still seen.
    pub fn restart_process(&self) {
        self.state.lock().fuse = None;
    }

    /// The machine lost power: of what was not synced an arbitrary part is there.
    pub fn restart_machine(&self, seed: u64) {
        let mut random = StdRng::seed_from_u64(seed);
        let mut state = self.state.lock();
        let state = &mut *state;
        state.fuse = None;
        state.fail_sync = false;
        let named = random.random_range(0..=state.namings.len());
        for naming in state.namings.drain(..).take(named) {
            rename(&mut state.kept, &naming);
        }
        state.seen = state.kept.clone();
        for inode in &mut state.inodes {
            let mood = random.random_range(0..3);
            for change in std::mem::take(&mut inode.changes) {
                match change {
                    Change::Length(length) if mood > 0 => inode.kept.resize(length as usize, 0),
                    Change::Length(_) => {}
                    Change::Write(position, bytes) => {
                        for (at, sector) in bytes.chunks(SECTOR).enumerate() {
                            let survives = mood == 2 || (mood == 1 && random.random_bool(0.5));
                            if survives {
                                overwrite(&mut inode.kept, position + (at * SECTOR) as u64, sector);
                            }
                        }
                    }
                }
            }
            inode.seen = inode.kept.clone();
        }
    }

    pub fn names(&self) -> Vec<PathBuf> {
        self.state.lock().seen.keys().cloned().collect()
    }

    /// Changes a file behind everybody's back.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state.lock();
        let inode = state.seen[path];
        let inode = &mut state.inodes[inode];
        change(&mut inode.seen);
        inode.kept = inode.seen.clone();
        inode.changes.clear();
    }

    /// Removes a file behind everybody's back.
    pub fn lose(&self, path: &Path) {
        let mut state = self.state.lock();
        state.seen.remove(path);
        state.kept.remove(path);
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        self.state.lock().operate()
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        let names = state.seen.keys().filter_map(|path| path.file_name());
        Ok(names.map(|name| name.to_string_lossy().into_owned()).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state.lock();
        state.operate()?;
        if state.space != Space::Plenty {
            return Err(full());
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.name(Naming::Bind(path.to_owned(), inode));
        Ok(Box::new(SimFile {
            disk: self.clone(),
            inode,
        }))
    }

    fn open(&self, path: &Path, _: bool) -> io::Result<Box<dyn DiskFile>> {
        match self.state.lock().seen.get(path) {
            Some(inode) => Ok(Box::new(SimFile {
                disk: self.clone(),
                inode: *inode,
            })),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operate()?;
        state.name(Naming::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operate()?;
        if !state.seen.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.name(Naming::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operate()?;
        let state = &mut *state;
        for naming in state.namings.drain(..) {
            rename(&mut state.kept, &naming);
        }
        Ok(())
    }

    fn free(&self, _dir: &Path) -> io::Result<u64> {
        Ok(self.state.lock().free.unwrap_or(u64::MAX))
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn Send + Sync>> {
        struct Unlock(Arc<AtomicBool>);
        impl Drop for Unlock {
            fn drop(&mut self) {
                self.0.store(false, Ordering::SeqCst);
            }
        }
        if self.locked.swap(true, Ordering::SeqCst) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Unlock(Arc::clone(&self.locked))))
    }
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl SimFile {
    fn change<T>(&self, change: impl FnOnce(&mut Inode, Space) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.state.lock();
        state.operate()?;
        let space = state.space;
        change(&mut state.inodes[self.inode], space)
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let state = self.disk.state.lock();
        let rest = state.inodes[self.inode]
            .seen
            .get(position as usize..)
            .unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.change(|inode, space| {
            let extends = position as usize + bytes.len() > inode.seen.len();
            let fails = space == Space::Nothing || (space == Space::NothingNew && extends);
            let done = if fails { &bytes[..bytes.len() / 2] } else { bytes };
            overwrite(&mut inode.seen, position, done);
            inode.changes.push(Change::Write(position, done.to_vec()));
            if fails { Err(full()) } else { Ok(()) }
        })
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.change(|inode, space| {
            if inode.seen.len() as u64 >= length {
                return Ok(());
            }
            if space != Space::Plenty {
                return Err(full());
            }
            inode.seen.resize(length as usize, 0);
            inode.changes.push(Change::Length(length));
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(|inode, _| {
            inode.seen.resize(length as usize, 0);
            inode.changes.push(Change::Length(length));
            Ok(())
        })
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.state.lock().inodes[self.inode].seen.len() as u64)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        state.operate()?;
        let fails = std::mem::take(&mut state.fail_sync);
        let inode = &mut state.inodes[self.inode];
        let changes = std::mem::take(&mut inode.changes);
        if fails {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        for change in changes {
            match change {
                Change::Write(position, bytes) => overwrite(&mut inode.kept, position, &bytes),
                Change::Length(length) => inode.kept.resize(length as usize, 0),
            }
        }
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }
}
