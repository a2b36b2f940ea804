//! Goes through a segment block by block and tells sound blocks, damage and the clean end apart.

use std::io;

use super::block::{HEADER, Header, may_start_here};
use super::disk::DiskFile;

/// Bytes read at once.
const WINDOW: usize = 1 << 20;
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// What stands at the place where the scan is.
#[derive(Debug)]
pub(super) enum Step {
    /// A sound block.
    Block { header: Header, position: u64 },
    /// Bytes that are no sound block; the scan goes on at `resume`, where one was found behind them.
    Damage(Damage),
    /// Nothing but zeros, or the end of the file.
    End,
}

/// Bytes that are no sound block.
#[derive(Debug, Clone)]
pub(super) struct Damage {
    /// Where they start.
    pub position: u64,
    /// What is wrong.
    pub what: String,
    /// The next sound block, where there is one.
    pub resume: Option<(u64, Header)>,
}

/// A scan of one segment.
pub(super) struct Scanner<'a> {
    file: &'a dyn DiskFile,
    length: u64,
    id: Option<u64>,
    position: u64,
    next: u64,
    done: bool,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> Scanner<'a> {
    /// Starts at the beginning of `file`, whose first record must be `first`. Without `id` the identity of
    /// the first sound block is taken for the journal's.
    pub fn new(file: &'a dyn DiskFile, id: Option<u64>, first: u64) -> io::Result<Self> {
        let length = file.length()?;
        Ok(Self {
            file,
            length,
            id,
            position: 0,
            next: first,
            done: false,
            window: Vec::new(),
            window_at: 0,
        })
    }

    /// Byte behind the last sound block, or where a damage without end starts.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Offset behind the last record seen.
    pub fn next_offset(&self) -> u64 {
        self.next
    }

    /// Identity in the blocks, once one was seen.
    pub fn id(&self) -> Option<u64> {
        self.id
    }

    /// The next step; after [`Step::End`] always that again.
    pub fn step(&mut self) -> io::Result<Step> {
        if self.done || self.position >= self.length {
            return Ok(Step::End);
        }
        let position = self.position;
        let what = match self.examine(position)? {
            Ok(header) if header.base == self.next => {
                self.id = Some(header.id);
                self.position += header.bytes();
                self.next = header.end();
                return Ok(Step::Block { header, position });
            }
            Ok(header) => format!(
                "the block begins with offset {} where {} is expected",
                header.base, self.next
            ),
            Err(_) if self.rest_is_zero(position)? => {
                self.done = true;
                return Ok(Step::End);
            }
            Err(what) => what.to_owned(),
        };
        let resume = self.search(position)?;
        match &resume {
            Some((at, header)) => {
                self.position = *at;
                self.next = header.base;
            }
            None => self.done = true,
        }
        Ok(Step::Damage(Damage {
            position,
            what,
            resume,
        }))
    }

    /// The body of a block that [`Self::step`] has returned.
    pub fn body(&mut self, header: &Header, position: u64) -> io::Result<&[u8]> {
        let length = header.summed_bytes();
        let block = self.view(position, length)?;
        Ok(block.get(HEADER..length).unwrap_or_default())
    }

    fn examine(&mut self, position: u64) -> io::Result<Result<Header, &'static str>> {
        let header = match Header::parse(self.view(position, HEADER)?) {
            Ok(header) => header,
            Err(what) => return Ok(Err(what)),
        };
        if self.id.is_some_and(|id| id != header.id) {
            return Ok(Err("the block belongs to another journal"));
        }
        if position.saturating_add(header.bytes()) > self.length {
            return Ok(Err("the file ends inside a block"));
        }
        let summed = header.summed_bytes();
        let fits = match self
            .view(position, summed)?
            .get(..summed)
            .and_then(|block| block.split_at_checked(HEADER))
        {
            Some((head, body)) => header.fits(head, body),
            None => false,
        };
        Ok(if fits {
            Ok(header)
        } else {
            Err("the checksum of the block does not fit")
        })
    }

    /// The first sound block at or behind `from` that does not go back in offsets.
    fn search(&mut self, from: u64) -> io::Result<Option<(u64, Header)>> {
        let mut at = from;
        loop {
            let view = self.view(at, HEADER)?;
            if view.len() < HEADER {
                return Ok(None);
            }
            let starts = view.len() - HEADER + 1;
            let found = (0..starts).find(|&start| view.get(start..).is_some_and(may_start_here));
            let Some(start) = found else {
                at += starts as u64;
                continue;
            };
            at += start as u64;
            match self.examine(at)? {
                Ok(header) if header.base >= self.next => return Ok(Some((at, header))),
                _ => at += 1,
            }
        }
    }

    /// Whether nothing but zeros stands at and behind `from`.
    pub fn rest_is_zero(&mut self, from: u64) -> io::Result<bool> {
        let mut at = from;
        while at < self.length {
            let view = self.view(at, 1)?;
            if view.is_empty() {
                break;
            }
            let zero = view.chunks(ZEROS.len()).all(|chunk| ZEROS.starts_with(chunk));
            if !zero {
                return Ok(false);
            }
            at += view.len() as u64;
        }
        Ok(true)
    }

    /// What is at `position`: at least `needed` bytes unless the file ends before.
    fn view(&mut self, position: u64, needed: usize) -> io::Result<&[u8]> {
        let available = (self.length.saturating_sub(position)).min(needed as u64);
        let window_end = self.window_at + self.window.len() as u64;
        if position < self.window_at || position + available > window_end {
            let wanted = (self.length.saturating_sub(position)).min(needed.max(WINDOW) as u64) as usize;
            self.window.resize(wanted, 0);
            self.window_at = position;
            let read = self.file.read_at(&mut self.window, position)?;
            self.window.truncate(read);
        }
        Ok(self
            .window
            .get((position - self.window_at) as usize..)
            .unwrap_or_default())
    }
}
