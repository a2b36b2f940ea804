//! Replays against the real engine: interrupted between journal and mark, larger than one request, unreplayable.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::Path;
use std::time::Duration;

use common::engine;
use fixstream_core::deadletter::{DeadLetterError, DeadLetters};
use fixstream_core::engine::Access;
use fixstream_core::history::{Chunk, History, HistoryOptions, LetterFilter};
use fixstream_core::ingest::Ingest;
use fixstream_core::journal::{Journal, JournalOptions};
use fixstream_core::model::{
    ClientId, DeadLetter, DeadReason, LinkId, Offset, Sender, Source, TimeMs, TrackerId, Uplink,
};

const RECEIVED: i64 = 1_750_000_000_123;

fn history(access: &Access, spool: &Path, journal: &Journal) -> History {
    let options = HistoryOptions {
        url: access.url.clone(),
        user: access.user.clone(),
        password: access.password.clone(),
        database: "fixstream".into(),
        spool: spool.to_path_buf(),
        batch_rows: 10_000,
        batch_age: Duration::from_millis(50),
        max_spool_bytes: 1 << 30,
        min_free_bytes: 0,
    };
    History::start(options, journal.id()).unwrap()
}

/// The message that stood in record `offset`.
fn uplink(client: u32, offset: u64) -> Uplink {
    Uplink {
        received: TimeMs(RECEIVED + offset as i64),
        sender: Sender {
            client: ClientId(client),
            link: Some(LinkId(4)),
            tracker: offset.is_multiple_of(2).then_some(TrackerId(9)),
        },
        source: Source::Mqtt {
            vendor: "teltonika".into(),
            topic: format!("{offset}/data"),
            device: Some(offset.to_string()),
            payload: vec![0, 255, offset as u8].into(),
        },
    }
}

fn letter(offset: u64, uplink: &Uplink) -> DeadLetter {
    DeadLetter {
        offset: Offset(offset),
        client: uplink.sender.client,
        received: uplink.received,
        vendor: "teltonika".into(),
        channel: uplink.channel().into(),
        device: Some(offset.to_string()),
        reason: DeadReason::UnknownTracker,
        detail: "no such tracker".into(),
        plugin: None,
        payload: uplink.payload_bytes(),
        envelope: uplink.envelope().unwrap(),
    }
}

/// Everything in the journal from `from` on.
fn journalled(journal: &Journal, from: Offset) -> Vec<Uplink> {
    let mut reader = journal.reader(from).unwrap();
    let mut records = Vec::new();
    while reader.read(1024, &mut records).unwrap() > 0 {}
    let read = |(_, record): &(Offset, bytes::Bytes)| Uplink::decode(record).unwrap();
    records.iter().map(read).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_the_same_uplink_and_survives_an_end_in_the_middle() {
    let scenario = fail::FailScenario::setup();
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&folder.path().join("engine")).await;
    let journal = Journal::open(JournalOptions {
        path: folder.path().join("journal"),
        segment_bytes: 4 << 20,
        max_bytes: 64 << 20,
        min_free_bytes: 0,
        sync: true,
    })
    .unwrap();
    let ingest = Ingest::new(journal.clone());
    let history = history(engine.access(), &folder.path().join("spool"), &journal);
    // what was received: 1,203 messages of ours, one of another client, one of ours that is kept without envelope
    let mut uplinks: Vec<Uplink> = (1..=1203).map(|offset| uplink(1, offset)).collect();
    uplinks.extend([uplink(2, 1204), uplink(1, 1205)]);
    let range = ingest.accept_all(&uplinks).await.unwrap();
    assert_eq!(range, Offset(1)..Offset(1206));
    let mut dead: Vec<DeadLetter> = uplinks
        .iter()
        .zip(1..)
        .map(|(uplink, offset)| letter(offset, uplink))
        .collect();
    dead.last_mut().unwrap().envelope.clear();
    // a message with two letters is one message
    let twice = DeadLetter {
        reason: DeadReason::PluginFailed,
        ..dead[0].clone()
    };
    dead.insert(0, twice);
    history
        .submit(Chunk {
            range,
            dead,
            ..Chunk::default()
        })
        .await
        .unwrap();
    history.wait_stored(Offset(1206)).await;

    let letters = DeadLetters::new(history.letters(), ingest);
    let ours = LetterFilter {
        client: ClientId(1),
        ..LetterFilter::default()
    };
    assert_eq!(letters.letters().count(&ours).await.unwrap(), 1205);

    // it ends after the journal and before the mark: nothing is lost, the next attempt does it again
    fail::cfg("deadletter_mark", "1*panic(on purpose)").unwrap();
    let one = LetterFilter {
        ids: vec![Offset(2)],
        ..ours.clone()
    };
    let ended = letters.replay(one.clone()).await;
    assert!(matches!(ended, Err(DeadLetterError::Failed(_))), "{ended:?}");
    let done = letters.replay(one.clone()).await.unwrap();
    assert_eq!((done.replayed, done.already, done.missing), (1, 0, 0));
    assert_eq!(journalled(&journal, Offset(1206)), [uplink(1, 2), uplink(1, 2)]);
    let done = letters.replay(one).await.unwrap();
    assert_eq!((done.replayed, done.already), (0, 1));

    // two at once: no letter is taken twice
    let some = LetterFilter {
        devices: vec!["1".into(), "3".into()],
        ..ours.clone()
    };
    let (left, right) = tokio::join!(letters.replay(some.clone()), letters.replay(some));
    assert_eq!(left.unwrap().replayed + right.unwrap().replayed, 2);

    // all the rest, a thousand at a time, in order; nothing of the other client, and what lacks its envelope stays
    let first = letters.replay(ours.clone()).await.unwrap();
    assert_eq!((first.replayed, first.unreplayable, first.more), (1000, 0, true));
    let next = LetterFilter {
        after: Some(first.after),
        before: Some(first.before),
        ..ours.clone()
    };
    let second = letters.replay(next).await.unwrap();
    assert_eq!(
        (second.replayed, second.unreplayable, second.more),
        (200, 1, false)
    );
    let expected: Vec<Uplink> = (4..=1203).map(|offset| uplink(1, offset)).collect();
    assert_eq!(journalled(&journal, Offset(1210)), expected);
    let left = letters.letters().list(&ours, 0, 10).await.unwrap();
    assert_eq!(
        left.iter()
            .map(|letter| (letter.offset, letter.replayable))
            .collect::<Vec<_>>(),
        [(Offset(1205), false)]
    );
    history.stop(Duration::from_secs(10)).await;
    engine.stop().await;
    scenario.teardown();
}
