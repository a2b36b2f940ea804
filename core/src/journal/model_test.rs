//! The journal against a trivial twin: random appends, checkpoints, failures, crashes and reopenings.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::options::Tuning;
use super::sim::{SimDisk, Space};
use super::{AppendError, Frames, Journal, JournalError, JournalOptions};
use crate::model::Offset;

#[derive(Debug, Clone)]
enum Action {
    Append { records: usize, length: usize },
    Sync,
    Checkpoint(f64),
    Read(f64),
    Close,
    Kill,
    PowerCut { after: u64, seed: u64 },
    SyncFails { kill: bool, seed: u64 },
    NoSpace { total: bool },
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (1..8usize, 0..900usize).prop_map(|(records, length)| Action::Append { records, length }),
        3 => Just(Action::Sync),
        2 => (0.0..1.0f64).prop_map(Action::Checkpoint),
        2 => (0.0..1.0f64).prop_map(Action::Read),
        1 => Just(Action::Close),
        1 => Just(Action::Kill),
        2 => (0..12u64, any::<u64>()).prop_map(|(after, seed)| Action::PowerCut { after, seed }),
        1 => (any::<bool>(), any::<u64>()).prop_map(|(kill, seed)| Action::SyncFails { kill, seed }),
        1 => any::<bool>().prop_map(|total| Action::NoSpace { total }),
    ]
}

struct Twin {
    disk: SimDisk,
    journal: Option<Journal>,
    /// Every record by offset, from 1.
    records: Vec<Vec<u8>>,
    /// Reported as durable, or as checkpointed.
    durable: u64,
    checkpoint: u64,
    attempted: u64,
    made: u32,
    runtime: tokio::runtime::Runtime,
}

fn open(disk: &SimDisk) -> Result<Journal, JournalError> {
    let options = JournalOptions {
        path: "/j".into(),
        segment_bytes: 4096,
        max_bytes: 64 << 10,
        min_free_bytes: 0,
        sync: true,
    };
    let tuning = Tuning {
        group_bytes: 2000,
        pending_bytes: 64 << 10,
        mark_bytes: 1000,
        retry: Duration::from_micros(200),
    };
    Journal::open_on(Arc::new(disk.clone()), options, tuning)
}

impl Twin {
    fn new() -> Self {
        let disk = SimDisk::default();
        let journal = Some(open(&disk).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self {
            disk,
            journal,
            records: Vec::new(),
            durable: 1,
            checkpoint: 1,
            attempted: 1,
            made: 0,
            runtime,
        }
    }

    fn journal(&self) -> &Journal {
        self.journal.as_ref().unwrap()
    }

    fn next(&self) -> u64 {
        self.records.len() as u64 + 1
    }

    fn append(&mut self, count: usize, length: usize) {
        let mut frames = Frames::default();
        let mut made = Vec::new();
        for _ in 0..count {
            self.made += 1;
            let mut record = self.made.to_le_bytes().to_vec();
            record.resize(4 + length, self.made as u8);
            frames.push(&record);
            made.push(record);
        }
        match self.journal().append(&frames, None) {
            Ok(range) => {
                assert_eq!(range, Offset(self.next())..Offset(self.next() + count as u64));
                self.records.append(&mut made);
            }
            Err(AppendError::Full { .. } | AppendError::Stopped) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn sync(&mut self) {
        let synced = self
            .runtime
            .block_on(self.journal().wait_durable(Offset(self.next())));
        if synced.is_ok() {
            assert!(self.journal().durable().0 >= self.next());
        }
        self.durable = self.durable.max(self.journal().durable().0);
    }

    fn checkpoint(&mut self, part: f64) {
        let at = 1 + ((self.journal().durable().0 - 1) as f64 * part) as u64;
        self.attempted = self.attempted.max(at);
        if self.journal().checkpoint(Offset(at)).is_ok() {
            self.checkpoint = self.checkpoint.max(at);
            assert_eq!(self.journal().checkpointed().0, self.checkpoint);
            assert!(self.journal().first().0 <= self.checkpoint);
        }
    }

    /// Reads from somewhere to the end and compares.
    fn read(&mut self, part: f64) {
        let first = self.journal().first().0;
        let end = self.journal().durable().0;
        let from = first + ((end - first) as f64 * part) as u64;
        if first > 1 {
            assert!(matches!(
                self.journal().reader(Offset(first - 1)),
                Err(JournalError::Gone(_))
            ));
        }
        let mut reader = self.journal().reader(Offset(from)).unwrap();
        let mut read = Vec::new();
        while reader.position().0 < end {
            assert!(reader.read(3, &mut read).unwrap() > 0);
        }
        for ((offset, record), expected) in read.iter().zip(from..) {
            assert_eq!(offset.0, expected);
            assert_eq!(&record[..], &self.records[expected as usize - 1][..]);
        }
        assert!(read.len() as u64 >= end - from);
    }

    /// After a restart: nothing that was reported is missing, nothing is there that was not appended.
    fn reopen(&mut self) {
        let journal = open(&self.disk).unwrap();
        let end = journal.durable().0;
        assert!(
            end >= self.durable,
            "durable {} but only {end} after the restart",
            self.durable
        );
        assert!(
            end <= self.next(),
            "{end} invented, appended below {}",
            self.next()
        );
        let checkpoint = journal.checkpointed().0;
        assert!((self.checkpoint..=self.attempted.max(self.checkpoint)).contains(&checkpoint));
        assert!(journal.first().0 <= checkpoint);
        self.records.truncate(end as usize - 1);
        self.durable = end;
        self.checkpoint = checkpoint;
        self.attempted = checkpoint;
        self.journal = Some(journal);
        self.read(0.0);
    }

    /// Lets go of the journal in the middle of its work.
    fn crash(&mut self, operations: u64) {
        self.disk.cut_power_after(operations);
        if operations > 6 {
            self.append(3, 300);
        }
        let journal = self.journal.take().unwrap();
        journal.close();
        // what was reported until the last moment counts
        self.durable = self.durable.max(journal.durable().0);
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Append { records, length } => self.append(records, length),
            Action::Sync => self.sync(),
            Action::Checkpoint(part) => self.checkpoint(part),
            Action::Read(part) => self.read(part),
            Action::Close => {
                let journal = self.journal.take().unwrap();
                journal.close();
                if journal.durable().0 < self.next() {
                    // only a failed journal leaves something behind
                    assert!(journal.refusing().is_some());
                }
                self.durable = self.durable.max(journal.durable().0);
                drop(journal);
                self.reopen();
            }
            Action::Kill => {
                self.crash(2);
                self.disk.restart_process();
                self.reopen();
            }
            Action::PowerCut { after, seed } => {
                self.crash(after);
                self.disk.restart_machine(seed);
                self.reopen();
            }
            Action::SyncFails { kill, seed } => {
                self.disk.fail_next_sync();
                self.append(2, 200);
                self.sync();
                // at least one sync is certain to happen in closing, where none was needed before
                self.journal.as_ref().unwrap().close();
                self.durable = self.durable.max(self.journal().durable().0);
                self.journal = None;
                if kill {
                    self.disk.restart_process();
                } else {
                    self.disk.restart_machine(seed);
                }
                self.disk.clear_faults();
                self.reopen();
                if kill {
                    // what the first process saw in memory only must be on the disk by now
                    self.crash(0);
                    self.disk.restart_machine(seed);
                    self.reopen();
                }
            }
            Action::NoSpace { total } => {
                self.sync();
                self.disk
                    .set_space(if total { Space::Nothing } else { Space::NothingNew });
                let before = self.records.len();
                for _ in 0..6 {
                    self.append(2, 700);
                }
                std::thread::sleep(Duration::from_micros(300));
                if total && self.records.len() > before {
                    assert!(
                        self.journal().durable().0 <= self.durable,
                        "nothing can have become durable"
                    );
                }
                self.disk.set_space(Space::Plenty);
                self.sync();
                assert_eq!(
                    self.journal().durable().0,
                    self.next(),
                    "all was written once there was space"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_reported_durable_is_read_back_once_in_order_and_nothing_else(
        actions in proptest::collection::vec(action(), 1..30)
    ) {
        let mut twin = Twin::new();
        for action in &actions {
            twin.act(action);
        }
        twin.act(&Action::Close);
        prop_assert!(twin.disk.names().iter().all(|path| path.starts_with(Path::new("/j"))));
    }
}
