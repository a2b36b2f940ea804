//! Replays against the real engine: interrupted between journal and mark, larger than one request, unreplayable, and
//! what is held until its identifier leads to a device.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::engine;
use fixstream_core::deadletter::{DeadLetterError, DeadLetters, release_held};
use fixstream_core::engine::Access;
use fixstream_core::history::{Chunk, History, HistoryOptions, LetterFilter};
use fixstream_core::ingest::Ingest;
use fixstream_core::journal::{Journal, JournalOptions};
use fixstream_core::model::{
    ClientId, DeadLetter, DeadReason, DeviceId, LinkId, Offset, Sender, Source, TimeMs, TrackerId, Uplink,
};
use fixstream_core::registry::{
    DeviceChange, NewDevice, NewTracker, Registry, TrackerChange, UnknownTracker,
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

fn journal(folder: &Path) -> Journal {
    Journal::open(JournalOptions {
        path: folder.join("journal"),
        segment_bytes: 4 << 20,
        max_bytes: 64 << 20,
        min_free_bytes: 0,
        sync: true,
    })
    .unwrap()
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
    let journal = journal(folder.path());
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

/// A client with trackers, and what it sent under identifiers that led to no device.
struct Fleet {
    registry: Registry,
    client: ClientId,
    link: LinkId,
}

impl Fleet {
    /// The client's link has the vendor `vendor`, which nobody had before.
    async fn new(registry: &Registry, vendor: &str, unknown: UnknownTracker) -> Self {
        registry.create_vendor(vendor).await.unwrap();
        let client = registry.create_client(vendor).await.unwrap().id;
        let link = registry.create_link(client, vendor, unknown).await.unwrap().id;
        Self {
            registry: registry.clone(),
            client,
            link,
        }
    }

    async fn tracker(&self, imei: Option<&str>) -> TrackerId {
        let new = NewTracker {
            name: "t".into(),
            description: None,
            imei: imei.map(str::to_owned),
            status: "active".into(),
            context: vec![],
        };
        self.registry.create_tracker(self.client, new).await.unwrap().id
    }

    async fn device(&self, tracker: TrackerId) -> DeviceId {
        let new = NewDevice {
            tracker,
            worksite: 1,
            team: 1,
            name: "d".into(),
            device_type: 1,
            code: None,
            uuid: None,
            status: "active".into(),
        };
        let device = self.registry.create_device(self.client, self.link, new);
        device.await.unwrap().id
    }

    async fn with_imei(&self, tracker: TrackerId, imei: Option<&str>) {
        let change = TrackerChange {
            imei: Some(imei.map(str::to_owned)),
            ..TrackerChange::default()
        };
        let changed = self.registry.update_tracker(self.client, tracker, None, change);
        changed.await.unwrap();
    }

    fn uplink(&self, ident: &str) -> Uplink {
        let uplink = uplink(self.client.0, 0);
        let sender = Sender {
            client: self.client,
            link: Some(self.link),
            tracker: None,
        };
        let source = Source::Mqtt {
            vendor: "teltonika".into(),
            topic: format!("{ident}/data"),
            device: Some(ident.into()),
            payload: ident.to_owned().into(),
        };
        Uplink {
            sender,
            source,
            ..uplink
        }
    }

    /// Of a tracker without an identifier, which only its credential tells.
    fn unnamed(&self, tracker: TrackerId) -> Uplink {
        let mut uplink = self.uplink("none");
        uplink.sender.tracker = Some(tracker);
        if let Source::Mqtt { device, topic, .. } = &mut uplink.source {
            *device = None;
            *topic = format!("of {tracker}");
        }
        uplink
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_goes_back_once_when_its_identifier_leads_to_a_device_however_that_came() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&folder.path().join("engine")).await;
    let journal = journal(folder.path());
    let ingest = Ingest::new(journal.clone());
    let history = history(engine.access(), &folder.path().join("spool"), &journal);
    let path = folder.path().join("registry.db");
    let registry = Registry::open(&path).await.unwrap();
    let ours = Fleet::new(&registry, "patient", UnknownTracker::Hold).await;
    let theirs = Fleet::new(&registry, "strict", UnknownTracker::Reject).await;
    let idents = [
        "before",
        "device",
        "patched",
        "switched",
        "moved",
        "elsewhere",
        "down",
        "last",
        "never",
    ];
    let mut uplinks: Vec<Uplink> = idents.iter().map(|ident| ours.uplink(ident)).collect();
    uplinks.extend(["patched", "device"].map(|ident| theirs.uplink(ident)));
    let nameless = [
        ours.tracker(None).await,
        ours.tracker(None).await,
        theirs.tracker(None).await,
    ];
    let [early, late, strange] = nameless;
    uplinks.extend([ours.unnamed(early), ours.unnamed(late), theirs.unnamed(strange)]);
    let range = ingest.accept_all(&uplinks).await.unwrap();
    let dead = uplinks.iter().zip(range.start.0..).map(|(uplink, offset)| {
        let ident = match &uplink.source {
            Source::Mqtt { device, .. } => device.clone(),
            _ => None,
        };
        DeadLetter {
            reason: match ident {
                Some(_) => DeadReason::UnknownTracker,
                None => DeadReason::NoDevice,
            },
            device: ident,
            ..letter(offset, uplink)
        }
    });
    let dead: Vec<DeadLetter> = dead.collect();
    let mut next = range.end;
    let chunk = Chunk {
        range,
        dead,
        ..Chunk::default()
    };
    history.submit(chunk).await.unwrap();
    let letters = DeadLetters::new(history.letters(), ingest);
    let release = || tokio::spawn(release_held(registry.clone(), history.clone(), letters.clone()));

    // the next record is this message again, and nothing else; the pipeline, that is not here, passes it on
    let mut took = Vec::new();
    let mut released = async |uplink: Uplink| {
        let ident = uplink.channel();
        let began = Instant::now();
        while journalled(&journal, next).is_empty() {
            assert!(began.elapsed() < Duration::from_secs(20), "{ident} is still held");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        took.push((ident.to_owned(), began.elapsed()));
        assert_eq!(
            journalled(&journal, next),
            std::slice::from_ref(&uplink),
            "{ident}"
        );
        let range = next..Offset(next.0 + 1);
        next = range.end;
        let chunk = Chunk {
            range,
            ..Chunk::default()
        };
        history.submit(chunk).await.unwrap();
    };

    let before = ours.tracker(Some("before")).await;
    ours.device(before).await;
    let running = release();
    released(ours.uplink("before")).await;

    let tracker = ours.tracker(Some("device")).await;
    let device = ours.device(tracker).await;
    released(ours.uplink("device")).await;

    ours.with_imei(tracker, Some("patched")).await;
    released(ours.uplink("patched")).await;

    let spare = ours.tracker(Some("switched")).await;
    let switched = DeviceChange {
        tracker: Some(spare),
        ..DeviceChange::default()
    };
    registry
        .update_device(ours.client, device, None, switched)
        .await
        .unwrap();
    released(ours.uplink("switched")).await;

    // first the identifier of a tracker without a device, then of one that has one
    ours.with_imei(tracker, Some("moved")).await;
    ours.with_imei(tracker, None).await;
    ours.with_imei(spare, Some("moved")).await;
    released(ours.uplink("moved")).await;

    // another process registers, and this one sees it
    let other = Fleet {
        registry: Registry::open(&path).await.unwrap(),
        ..ours
    };
    let tracker = other.tracker(Some("elsewhere")).await;
    other.device(tracker).await;
    registry.refresh().await.unwrap();
    released(ours.uplink("elsewhere")).await;

    // trackers without an identifier, each by a device of its own
    other.device(early).await;
    registry.refresh().await.unwrap();
    released(ours.unnamed(early)).await;
    theirs.device(strange).await;
    ours.device(late).await;
    released(ours.unnamed(late)).await;

    // while nobody listens; and what was released before is not released again
    running.abort();
    ours.with_imei(spare, Some("down")).await;
    let running = release();
    released(ours.uplink("down")).await;

    // away and back: there is nothing left. And another client's letters under the same identifiers are its own
    for ident in ["patched", "device", "moved"] {
        ours.with_imei(spare, Some(ident)).await;
    }
    let tracker = theirs.tracker(Some("patched")).await;
    theirs.device(tracker).await;
    ours.with_imei(spare, Some("last")).await;
    released(ours.uplink("last")).await;
    println!("{took:?}");
    // about a second, from the change to the journal; the first waited for the history to be ready
    let slow: Vec<_> = took[1..]
        .iter()
        .filter(|(_, took)| *took > Duration::from_secs(3))
        .collect();
    assert!(slow.is_empty(), "{slow:?}");

    for (fleet, kept) in [
        (&ours, vec!["never"]),
        (&theirs, vec!["none", "device", "patched"]),
    ] {
        let open = LetterFilter {
            client: fleet.client,
            ..LetterFilter::default()
        };
        // the mark of the last one may still be on its way
        let began = Instant::now();
        loop {
            let listed = letters.letters().list(&open, 0, 20).await.unwrap();
            let listed: Vec<_> = listed
                .into_iter()
                .map(|letter| letter.device.unwrap_or("none".into()))
                .collect();
            if listed == kept {
                break;
            }
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "{listed:?}, not {kept:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    running.abort();
    history.stop(Duration::from_secs(10)).await;
    engine.stop().await;
}
