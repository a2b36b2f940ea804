//! What the journal promises, one statement at a time.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::inspect::{ProblemKind, dump, repair, stat, verify};
use super::options::Tuning;
use super::sim::{SimDisk, Space};
use super::{AppendError, Frames, Journal, JournalError, JournalOptions};
use crate::model::Offset;

fn options(path: &Path) -> JournalOptions {
    JournalOptions {
        path: path.to_owned(),
        segment_bytes: 4096,
        max_bytes: 1 << 20,
        min_free_bytes: 0,
        sync: true,
    }
}

fn simulated(disk: &SimDisk) -> Journal {
    let tuning = Tuning {
        retry: Duration::from_millis(1),
        ..Tuning::default()
    };
    Journal::open_on(Arc::new(disk.clone()), options(Path::new("/j")), tuning).unwrap()
}

fn frames(records: &[&[u8]]) -> Frames {
    let mut frames = Frames::default();
    for record in records {
        frames.push(record);
    }
    frames
}

/// Appends one record per block, so that damage to one has a known extent.
async fn append_each(journal: &Journal, count: usize, length: usize) {
    for _ in 0..count {
        let record = vec![journal.durable().0 as u8; length];
        let range = journal.append(&frames(&[&record]), None).unwrap();
        journal.wait_durable(range.end).await.unwrap();
    }
}

fn read_all(journal: &Journal) -> Vec<u64> {
    let mut reader = journal.reader(journal.first()).unwrap();
    let mut records = Vec::new();
    while reader.read(100, &mut records).unwrap() > 0 {}
    records.iter().map(|(offset, _)| offset.0).collect()
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = names
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn offsets_begin_with_one_and_are_dense_and_a_waiter_is_woken_after_the_sync() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(options(dir.path())).unwrap();
    let wake = Arc::new(Notify::new());
    let range = journal.append(&frames(&[b"a", b"b"]), Some(&wake)).unwrap();
    assert_eq!(range, Offset(1)..Offset(3));
    wake.notified().await;
    assert_eq!(journal.durable(), Offset(3));
    assert_eq!(journal.wait_beyond(Offset(2)).await.unwrap(), Offset(3));
    let empty = journal.append(&Frames::default(), Some(&wake)).unwrap();
    wake.notified().await;
    assert_eq!(empty, Offset(3)..Offset(3));
    let mut read = Vec::new();
    assert_eq!(journal.reader(Offset(2)).unwrap().read(10, &mut read).unwrap(), 1);
    assert_eq!((read[0].0, &read[0].1[..]), (Offset(2), &b"b"[..]));
}

#[tokio::test]
async fn a_reopened_journal_goes_on_where_it_ended_and_keeps_its_identity() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(options(dir.path())).unwrap();
    append_each(&journal, 20, 500).await;
    let id = journal.id().to_owned();
    assert!(
        Journal::open(options(dir.path())).is_err(),
        "one process at a time"
    );
    drop(journal);
    std::fs::write(dir.path().join("checkpoint"), b"torn").unwrap();
    let journal = Journal::open(options(dir.path())).unwrap();
    assert_eq!(
        (journal.id(), journal.durable(), journal.checkpointed()),
        (&*id, Offset(21), Offset(1))
    );
    append_each(&journal, 1, 10).await;
    assert_eq!(read_all(&journal), (1..=21).collect::<Vec<_>>());
    journal.close();
    assert!(matches!(
        journal.append(&frames(&[b"x"]), None),
        Err(AppendError::Stopped)
    ));
    assert!(matches!(
        journal.wait_durable(Offset(99)).await,
        Err(JournalError::Stopped)
    ));
    assert!(matches!(
        journal.checkpoint(Offset(5)),
        Err(JournalError::Stopped)
    ));
    let quick = stat(dir.path()).unwrap();
    assert_eq!(
        (quick.offsets(), quick.is_sound(), quick.id),
        (Offset(1)..Offset(22), true, Some(id))
    );
}

#[tokio::test]
async fn a_checkpoint_frees_whole_segments_and_appends_above_the_mark_wait_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(JournalOptions {
        max_bytes: 16 << 10,
        ..options(dir.path())
    })
    .unwrap();
    let record = [7; 1000];
    let refused = loop {
        match journal.append(&frames(&[&record]), None) {
            Ok(range) => journal.wait_durable(range.end).await.unwrap(),
            Err(refused) => break refused,
        }
    };
    assert!(
        matches!(refused, AppendError::Full { limit: 16384, .. }),
        "{refused}"
    );
    assert!(journal.refusing().unwrap().contains("full"));
    let end = journal.durable();
    let mut old = journal.reader(Offset(1)).unwrap();
    journal.checkpoint(end).unwrap();
    journal.checkpoint(Offset(2)).unwrap();
    assert_eq!(journal.checkpointed(), end);
    assert!(journal.refusing().is_none());
    assert!(journal.first() > Offset(1) && segments(dir.path()).len() == 1);
    assert!(matches!(
        old.read(1, &mut Vec::new()),
        Err(JournalError::Gone(Offset(1)))
    ));
    assert!(matches!(journal.reader(Offset(1)), Err(JournalError::Gone(_))));
    append_each(&journal, 3, 100).await;
    assert!(matches!(
        journal.append(&frames(&[&[0; 5000]]), None),
        Err(AppendError::TooLarge(5000))
    ));
    drop(journal);
    assert_eq!(Journal::open(options(dir.path())).unwrap().checkpointed(), end);
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing_refuses_and_goes_on_when_there_is_space() {
    let disk = SimDisk::default();
    let journal = simulated(&disk);
    append_each(&journal, 5, 500).await;
    disk.set_space(Space::Nothing);
    let range = journal.append(&frames(&[b"waits"]), None).unwrap();
    while journal.refusing().is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(matches!(
        journal.append(&frames(&[b"x"]), None),
        Err(AppendError::Full { .. })
    ));
    assert_eq!(journal.durable(), range.start);
    disk.set_space(Space::Plenty);
    journal.wait_durable(range.end).await.unwrap();
    append_each(&journal, 1, 5).await;
    assert_eq!(read_all(&journal), (1..=7).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_journal_leaves_others_the_space_they_need() {
    let disk = SimDisk::default();
    disk.set_free(1 << 20);
    let journal = Journal::open_on(
        Arc::new(disk.clone()),
        JournalOptions {
            min_free_bytes: 1 << 20,
            ..options(Path::new("/journal"))
        },
        Tuning::default(),
    )
    .unwrap();
    let record = [7; 1000];
    let waits = loop {
        let range = journal.append(&frames(&[&record]), None).unwrap();
        tokio::select! {
            done = journal.wait_durable(range.end) => done.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(300)) => break range,
        }
    };
    assert!(
        waits.start > Offset(2),
        "the segment that is there is used up first"
    );
    assert!(journal.refusing().unwrap().contains("left to others"));
    disk.set_free(1 << 30);
    journal.wait_durable(waits.end).await.unwrap();
}

#[tokio::test]
async fn a_checkpoint_is_recorded_and_frees_segments_on_a_full_disk() {
    let disk = SimDisk::default();
    let journal = simulated(&disk);
    append_each(&journal, 20, 1000).await;
    disk.set_space(Space::NothingNew);
    journal.checkpoint(Offset(18)).unwrap();
    assert!(journal.first() > Offset(10));
    drop(journal);
    disk.restart_machine(1);
    disk.set_space(Space::Plenty);
    assert_eq!(simulated(&disk).checkpointed(), Offset(18));
}

#[tokio::test]
async fn after_a_failed_sync_everything_is_refused_until_a_restart() {
    let disk = SimDisk::default();
    let journal = simulated(&disk);
    append_each(&journal, 2, 10).await;
    disk.fail_next_sync();
    let wake = Arc::new(Notify::new());
    let range = journal.append(&frames(&[b"lost"]), Some(&wake)).unwrap();
    wake.notified().await;
    assert!(matches!(
        journal.wait_durable(range.end).await,
        Err(JournalError::Write(_))
    ));
    assert_eq!(journal.durable(), Offset(3));
    assert!(matches!(
        journal.append(&frames(&[b"x"]), None),
        Err(AppendError::Stopped)
    ));
    assert!(journal.refusing().unwrap().contains("sync"));
    drop(journal);
    let journal = simulated(&disk);
    append_each(&journal, 1, 10).await;
    drop(journal);
    disk.restart_machine(3);
    assert_eq!(read_all(&simulated(&disk)), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_missing_or_foreign_segment_is_refused() {
    let disk = SimDisk::default();
    let journal = simulated(&disk);
    append_each(&journal, 30, 1000).await;
    drop(journal);
    let names: Vec<_> = disk
        .names()
        .into_iter()
        .filter(|path| path.extension().is_some())
        .collect();
    let open = |disk: &SimDisk| {
        Journal::open_on(
            Arc::new(disk.clone()),
            options(Path::new("/j")),
            Tuning::default(),
        )
        .err()
    };
    assert!(open(&disk).is_none());
    let foreign = SimDisk::default();
    drop(simulated(&foreign));
    let mut bytes = Vec::new();
    disk.tamper(&names[0], |content| bytes.clone_from(content));
    foreign.tamper(&Path::new("/j").join("00000000000000000001.log"), |content| {
        *content = bytes;
    });
    assert!(matches!(
        open(&foreign),
        Some(JournalError::Corrupt { position: 0, .. })
    ));
    disk.lose(&names[2]);
    match open(&disk) {
        Some(JournalError::Corrupt { file, .. }) => assert_eq!(file, names[1]),
        other => panic!("{other:?}"),
    }
    disk.lose(&names[0]);
    disk.lose(&names[1]);
    assert!(matches!(open(&disk), Some(JournalError::Corrupt { .. })));
}

#[tokio::test]
async fn any_flipped_byte_is_reported_with_its_block_and_the_others_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(options(dir.path())).unwrap();
    append_each(&journal, 8, 20).await;
    drop(journal);
    assert!(verify(dir.path()).unwrap().is_sound());
    let path = segments(dir.path())[0].clone();
    let sound = std::fs::read(&path).unwrap();
    let block = 32 + 4 + 20;
    for at in 0..sound.len() {
        let mut damaged = sound.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&path, &damaged).unwrap();
        let mut served = Vec::new();
        let report = dump(dir.path(), Offset(1), |offset, record| {
            assert_eq!(record, [offset.0 as u8; 20]);
            served.push(offset.0);
            ControlFlow::Continue(())
        });
        let problems = report.unwrap().problems;
        assert_eq!(problems.len(), 1, "byte {at}");
        assert_eq!(
            (&problems[0].file, problems[0].position),
            (&path, (at / block * block) as u64)
        );
        let lost = (at / block) as u64 + 1;
        assert_eq!(
            served,
            (1..=8).filter(|offset| *offset != lost).collect::<Vec<_>>()
        );
        if lost <= 8 {
            let refused = Journal::open(options(dir.path())).err();
            assert!(matches!(refused, Some(JournalError::Corrupt { .. })), "byte {at}");
        }
    }
}

#[tokio::test]
async fn a_repaired_journal_opens_steps_over_what_is_lost_and_never_reuses_its_offsets() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(options(dir.path())).unwrap();
    append_each(&journal, 30, 700).await;
    drop(journal);
    let paths = segments(dir.path());
    assert!(paths.len() > 4);
    let mut bytes = std::fs::read(&paths[0]).unwrap();
    bytes[800] ^= 1;
    let whole = bytes.len();
    std::fs::write(&paths[0], &bytes).unwrap();
    let mut bytes = std::fs::read(&paths[1]).unwrap();
    bytes.truncate(whole - 100);
    std::fs::write(&paths[1], &bytes).unwrap();
    std::fs::remove_file(&paths[3]).unwrap();
    assert!(Journal::open(options(dir.path())).is_err());
    let found = repair(dir.path()).unwrap().problems;
    let kinds: Vec<_> = found.iter().map(|problem| problem.kind).collect();
    assert_eq!(
        kinds,
        [ProblemKind::Damage, ProblemKind::Damage, ProblemKind::Missing]
    );
    let after = verify(dir.path()).unwrap();
    assert!(after.is_sound(), "{:?}", after.problems);
    let lost: Vec<u64> = found
        .iter()
        .flat_map(|problem| problem.lost.start.0..problem.lost.end.0)
        .collect();
    let journal = Journal::open(options(dir.path())).unwrap();
    append_each(&journal, 1, 10).await;
    let kept: Vec<u64> = (1..=31).filter(|offset| !lost.contains(offset)).collect();
    assert_eq!(read_all(&journal), kept);
    assert!(kept.len() < 31 && kept.len() > 15);
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_damage_before_the_end_is_served_around_by_a_running_reader() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(options(dir.path())).unwrap();
    append_each(&journal, 4, 50).await;
    // damaged under the running journal
    let path = segments(dir.path())[0].clone();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[86 + 40] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let mut read = Vec::new();
    let mut reader = journal.reader(Offset(1)).unwrap();
    assert_eq!(reader.read(9, &mut read).unwrap(), 1);
    match reader.read(9, &mut read) {
        Err(JournalError::Corrupt { file, position, .. }) => assert_eq!((file, position), (path.clone(), 86)),
        other => panic!("{other:?}"),
    }
    assert_eq!(journal.reader(Offset(3)).unwrap().read(9, &mut read).unwrap(), 2);
    bytes[86 + 40] ^= 1;
    // the fourth block as a crash would leave it: its second half was never written
    bytes[3 * 86 + 40..].fill(0);
    drop(journal);
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(verify(dir.path()).unwrap().problems[0].kind, ProblemKind::Tail);
    let journal = Journal::open(options(dir.path())).unwrap();
    assert_eq!(journal.durable(), Offset(4));
    append_each(&journal, 2, 50).await;
    assert_eq!(read_all(&journal), [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_reader_that_follows_many_writers_gets_every_record_once_across_segments() {
    const WRITERS: u64 = 8;
    const EACH: u64 = 200;
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(JournalOptions {
        max_bytes: 16 << 20,
        ..options(dir.path())
    })
    .unwrap();
    for writer in 0..WRITERS {
        let journal = journal.clone();
        tokio::spawn(async move {
            let wake = Arc::new(Notify::new());
            for at in 0..EACH {
                let record = [writer.to_le_bytes(), at.to_le_bytes()].concat();
                let range = journal
                    .append(&frames(&[&record, &[0; 90]]), Some(&wake))
                    .unwrap();
                while journal.durable() < range.end {
                    wake.notified().await;
                }
            }
        });
    }
    let mut reader = journal.reader(Offset(1)).unwrap();
    let mut read = Vec::new();
    while (read.len() as u64) < WRITERS * EACH * 2 {
        journal.wait_beyond(reader.position()).await.unwrap();
        reader.read(7, &mut read).unwrap();
    }
    assert!(
        read.iter()
            .zip(1..)
            .all(|((offset, _), expected)| offset.0 == expected)
    );
    let mut next = [0; WRITERS as usize];
    for (_, record) in read.iter().filter(|(_, record)| record.len() == 16) {
        let writer = usize::from(record[0]);
        assert_eq!(
            record[8..],
            u64::to_le_bytes(next[writer]),
            "the order of one writer holds"
        );
        next[writer] += 1;
    }
    assert_eq!(next, [EACH; WRITERS as usize]);
    assert!(segments(dir.path()).len() > 10);
    // reading from anywhere finds the same records
    for from in (1..=WRITERS * EACH * 2).step_by(97) {
        let mut again = Vec::new();
        journal.reader(Offset(from)).unwrap().read(1, &mut again).unwrap();
        assert_eq!(again[0], read[from as usize - 1]);
    }
}
