//! A process that appends is killed again and again: what it said was durable is there.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use fixstream_core::journal::{Frames, Journal, JournalOptions, inspect};
use fixstream_core::model::Offset;

const TEST: &str = "acknowledged_records_survive_kill_9";
const FOLDER: &str = "FIXSTREAM_TEST_JOURNAL_KILL";

fn open(dir: &Path) -> Journal {
    Journal::open(JournalOptions {
        path: dir.to_owned(),
        segment_bytes: 64 << 10,
        max_bytes: 64 << 20,
        min_free_bytes: 0,
        sync: true,
    })
    .unwrap()
}

/// What the record at `offset` holds.
fn record(offset: u64) -> Vec<u8> {
    offset.to_le_bytes().repeat(1 + (offset % 40) as usize)
}

/// The process that is killed: appends for ever, tells what is durable.
fn append_for_ever(dir: &Path) {
    let journal = open(dir);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut next = journal.durable().0;
    loop {
        let mut frames = Frames::default();
        for offset in next..next + 1 + next % 7 {
            frames.push(&record(offset));
        }
        let range = journal.append(&frames, None).unwrap();
        assert_eq!(range.start.0, next);
        next = range.end.0;
        if next.is_multiple_of(3) {
            runtime.block_on(journal.wait_durable(range.end)).unwrap();
            println!("durable {next}");
        }
    }
}

#[test]
fn acknowledged_records_survive_kill_9() {
    if let Some(dir) = std::env::var_os(FOLDER) {
        return append_for_ever(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    for round in 1..=6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([TEST, "--exact", "--nocapture"])
            .env(FOLDER, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let mut said = told
            .by_ref()
            .filter_map(|line| line.strip_prefix("durable ")?.parse::<u64>().ok());
        let mut durable = said.by_ref().nth(round * 37).expect("the child appends");
        child.kill().unwrap();
        child.wait().unwrap();
        // what it had said before it died counts; a line that was cut only states less
        durable = said.fold(durable, u64::max);
        let journal = open(dir.path());
        assert!(journal.durable() >= Offset(durable), "{durable} was acknowledged");
        let mut reader = journal.reader(journal.first()).unwrap();
        let mut records = Vec::new();
        while reader.read(1000, &mut records).unwrap() > 0 {}
        assert_eq!(Offset(records.len() as u64 + 1), journal.durable());
        assert!(
            records
                .iter()
                .all(|(offset, bytes)| bytes[..] == record(offset.0))
        );
        drop(journal);
        assert!(inspect::verify(dir.path()).unwrap().is_sound());
    }
}
