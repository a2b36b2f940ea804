//! The decode host against real guests: the decoders of `plugins/` and one that misbehaves on demand.
//!
//! Needs the guests built by `deploy/build-plugins`; where they are is said by `FIXSTREAM_PLUGINS`, or
//! they are looked for under `target/plugins` of the workspace.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::{bundle, plugins};
use fixstream_core::decode::{
    Batch, BreakerOptions, BreakerState, Bundle, DecodeHost, DecodeOptions, DecodeTuning, FailureKind, Input,
    KeptVersion, Outcome, Transport, Trial,
};
use fixstream_core::model::TimeMs;
use tempfile::TempDir;

struct Setup {
    root: TempDir,
    host: DecodeHost,
}

impl Setup {
    fn new(workers: usize, breaker: BreakerOptions, names: &[&str]) -> Self {
        let tuning = DecodeTuning {
            breaker,
            ..DecodeTuning::default()
        };
        Self::with(workers, tuning, names)
    }

    fn with(workers: usize, tuning: DecodeTuning, names: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let options = DecodeOptions {
            workers,
            ..DecodeOptions::new(root.path().join("cache"))
        };
        let host = DecodeHost::start_with(options, tuning).unwrap();
        for name in names {
            host.load(&bundle(root.path(), name)).unwrap();
        }
        Self { root, host }
    }

    /// Loads a guest with the greatest CPU budget: on a busy machine page faults and large answers may use up the
    /// usual one, and then the budget ends before what a test is about.
    fn load_with_time(&self, name: &str) {
        let bundle = bundle(self.root.path(), name);
        let path = bundle.join("plugin.toml");
        let mut manifest: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        let limits = manifest["limits"].as_table_mut().unwrap();
        limits.insert("cpu_ms".into(), 100.into());
        std::fs::write(&path, manifest.to_string()).unwrap();
        self.host.load(&bundle).unwrap();
    }

    async fn hostile(&self, payload: &[u8]) -> Batch {
        self.host
            .decode("hostile", payload.iter().map(|&byte| input(vec![byte])).collect())
            .await
    }
}

fn input(payload: Vec<u8>) -> Input {
    Input {
        transport: Transport::Mqtt,
        channel: "owntracks/ana/phone".to_owned(),
        device: None,
        received: TimeMs(1_790_000_000_000),
        context: Vec::new(),
        state: Vec::new(),
        payload: payload.into(),
    }
}

/// An OwnTracks location; the number is in its latitude.
fn owntracks(number: usize) -> Input {
    let latitude = number as f64 / 1000.0;
    input(
        format!(
            r#"{{"_type":"location","lat":{latitude},"lon":-70.5,"tst":1780000000,"tid":"an","batt":80}}"#
        )
        .into_bytes(),
    )
}

fn kinds(batch: &Batch) -> Vec<Option<FailureKind>> {
    batch
        .outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Decoded(_) => None,
            Outcome::Failed(failure) => Some(failure.kind),
        })
        .collect()
}

fn all_decoded(batch: &Batch) -> bool {
    kinds(batch).iter().all(Option::is_none)
}

/// Never opens, so that the plugin stays as bad as it can be.
fn patient() -> BreakerOptions {
    BreakerOptions {
        failures: u32::MAX,
        ..BreakerOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_poison_message_costs_only_itself() {
    let expected = [
        (b'l', FailureKind::Deadline),
        (b'p', FailureKind::Trapped),
        (b'm', FailureKind::Trapped),
        (b's', FailureKind::Trapped),
        (b'a', FailureKind::Contract),
        (b'n', FailureKind::Contract),
        (b'c', FailureKind::Contract),
        (b'x', FailureKind::Contract),
        (b'z', FailureKind::Contract),
        (b'k', FailureKind::Contract),
        (b'd', FailureKind::Contract),
        (b'u', FailureKind::Contract),
        (b'b', FailureKind::Contract),
    ];
    for ((poison, kind), records_only) in expected.iter().flat_map(|one| [(*one, false), (*one, true)]) {
        let tuning = DecodeTuning {
            records_only,
            ..DecodeTuning::default()
        };
        // a block of that size does not fit beside its records into the guest's own memory
        let kind = match poison {
            b'a' if !records_only => FailureKind::Trapped,
            _ => kind,
        };
        let setup = Setup::with(1, tuning, &[]);
        setup.load_with_time("hostile");
        let mut payload = [b'.'; 64];
        payload[41] = poison;
        let batch = setup.hostile(&payload).await;
        assert_eq!(&*batch.plugin, "hostile@1.0.0");
        let mut wanted = vec![None; 64];
        wanted[41] = Some(kind);
        assert_eq!(
            kinds(&batch),
            wanted,
            "{}: {:?}",
            poison as char,
            batch.outcomes[41]
        );
        assert!(
            all_decoded(&setup.hostile(&[b'.'; 64]).await),
            "after {}",
            poison as char
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_in_the_order_of_the_questions() {
    let setup = Setup::new(3, BreakerOptions::default(), &["owntracks"]);
    let batch = setup
        .host
        .decode("owntracks", (0..500).map(owntracks).collect())
        .await;
    assert_eq!(batch.outcomes.len(), 500);
    for (number, outcome) in batch.outcomes.iter().enumerate() {
        let Outcome::Decoded(decoded) = outcome else {
            panic!("{number}: {outcome:?}")
        };
        let (_, fix) = &decoded.fixes[0];
        assert!(
            (fix.latitude - number as f64 / 1000.0).abs() < 1e-9,
            "{number}: {fix:?}"
        );
    }
    let nothing = setup.host.decode("owntracks", Vec::new()).await;
    assert_eq!((&*nothing.plugin, nothing.outcomes.len()), ("owntracks@1.0.0", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_payloads_are_the_senders_fault() {
    let setup = Setup::new(1, BreakerOptions::default(), &["owntracks"]);
    let payloads = (0..100).map(|i| input(vec![b'{'; i])).collect();
    let batch = setup.host.decode("owntracks", payloads).await;
    assert!(
        kinds(&batch)
            .iter()
            .all(|kind| matches!(kind, Some(FailureKind::Malformed | FailureKind::NotMine))),
        "{:?}",
        kinds(&batch)
    );
    assert_eq!(
        setup.host.plugin("owntracks").unwrap().breaker,
        BreakerState::Closed
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn neighbours_keep_flowing_while_a_plugin_loops() {
    let setup = Setup::new(2, patient(), &["hostile", "owntracks"]);
    let done = Arc::new(AtomicBool::new(false));
    let looping: Vec<_> = (0..3)
        .map(|_| {
            let (host, done) = (setup.host.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    let batch = host
                        .decode("hostile", (0..32).map(|_| input(vec![b'l'])).collect())
                        .await;
                    assert!(
                        kinds(&batch)
                            .iter()
                            .all(|kind| *kind == Some(FailureKind::Deadline))
                    );
                }
            })
        })
        .collect();
    for _ in 0..40 {
        let batch = setup
            .host
            .decode("owntracks", (0..64).map(owntracks).collect())
            .await;
        assert!(all_decoded(&batch));
    }
    done.store(true, Ordering::Relaxed);
    for task in looping {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_keeps_failing_is_taken_out_of_service() {
    let breaker = BreakerOptions {
        failures: 5,
        window: Duration::from_secs(3600),
        pause: Duration::from_secs(3600),
        suspect: 3,
    };
    let setup = Setup::new(1, breaker, &["hostile", "owntracks"]);
    let batch = setup.hostile(b"pppppppp").await;
    let mut wanted = vec![Some(FailureKind::Trapped); 5];
    wanted.extend([Some(FailureKind::OutOfService); 3]);
    assert_eq!(kinds(&batch), wanted);
    assert_eq!(setup.host.plugin("hostile").unwrap().breaker, BreakerState::Open);
    // also for messages that would be fine
    assert_eq!(
        kinds(&setup.hostile(b"...").await),
        [Some(FailureKind::OutOfService); 3]
    );
    assert!(all_decoded(
        &setup.host.decode("owntracks", vec![owntracks(1)]).await
    ));
    // a new version has done nothing wrong yet
    setup.host.load(&setup.root.path().join("hostile")).unwrap();
    assert!(all_decoded(&setup.hostile(b"...").await));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_pause_it_may_try_again() {
    let breaker = BreakerOptions {
        failures: 2,
        window: Duration::from_secs(3600),
        pause: Duration::ZERO,
        suspect: 3,
    };
    let setup = Setup::new(1, breaker, &["hostile"]);
    let state = || setup.host.plugin("hostile").unwrap().breaker;
    setup.hostile(b"pp").await;
    assert_eq!(state(), BreakerState::Open);
    assert_eq!(
        kinds(&setup.hostile(b".p.").await),
        [None, Some(FailureKind::Trapped), Some(FailureKind::OutOfService)]
    );
    assert_eq!(state(), BreakerState::Open);
    assert!(all_decoded(&setup.hostile(b"..").await));
    assert_eq!(state(), BreakerState::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_swapped_under_load_without_losing_anything() {
    let setup = Setup::new(2, BreakerOptions::default(), &["owntracks"]);
    let done = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..2)
        .map(|_| {
            let (host, done, count) = (setup.host.clone(), Arc::clone(&done), Arc::clone(&count));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    let batch = host.decode("owntracks", (0..64).map(owntracks).collect()).await;
                    assert_eq!(&*batch.plugin, "owntracks@1.0.0");
                    assert!(
                        batch.outcomes.len() == 64 && all_decoded(&batch),
                        "{:?}",
                        kinds(&batch)
                    );
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let host = setup.host.clone();
    let folder = setup.root.path().join("owntracks");
    let loads = tokio::task::spawn_blocking(move || {
        for _ in 0..20 {
            let before = count.load(Ordering::Relaxed);
            host.load(&folder).unwrap();
            // each version gets to decode something
            while count.load(Ordering::Relaxed) < before + 2 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    loads.await.unwrap();
    done.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
    assert_eq!(setup.host.plugin("owntracks").unwrap().generation, 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_version_decodes_for_those_who_pin_it_and_for_nobody_else() {
    let setup = Setup::new(1, BreakerOptions::default(), &[]);
    let folder = bundle(setup.root.path(), "owntracks");
    let kept = |sums: String| KeptVersion {
        name: "owntracks".into(),
        version: "1.0.0".into(),
        sums,
        folder: folder.clone(),
    };
    let good = Bundle::read(&folder).unwrap().sums();
    let pinned = async |version: &str| {
        let inputs = vec![owntracks(1), owntracks(2)];
        setup.host.decode_pinned("owntracks", Some(version), inputs).await
    };
    let missing = [Some(FailureKind::NoPlugin); 2];
    setup.host.keep(vec![kept(good.clone())]);
    let batch = pinned("1.0.0").await;
    assert!(
        all_decoded(&batch) && &*batch.plugin == "owntracks@1.0.0",
        "{batch:?}"
    );
    assert_eq!(
        setup.host.manifest_of("owntracks@1.0.0").unwrap().name,
        "owntracks"
    );
    assert_eq!(kinds(&pinned("1.0.1").await), missing);
    let unpinned = setup
        .host
        .decode_pinned("owntracks", None, vec![owntracks(1)])
        .await;
    assert_eq!(kinds(&unpinned), [Some(FailureKind::NoPlugin)]);
    // other bytes than those that were checked
    setup.host.keep(vec![kept(good.replacen('0', "1", 1))]);
    assert_eq!(kinds(&pinned("1.0.0").await), missing);
    setup.host.keep(Vec::new());
    assert_eq!(kinds(&pinned("1.0.0").await), missing);
    // the active version needs no keeping
    setup.host.load(&folder).unwrap();
    assert!(all_decoded(&pinned("1.0.0").await));
}

#[test]
fn a_trial_decodes_like_the_host_and_serves_nobody() {
    let setup = Setup::new(1, BreakerOptions::default(), &[]);
    let bundle = Bundle::read(&bundle(setup.root.path(), "hostile")).unwrap();
    let mut trial = setup.host.trial(&bundle).unwrap();
    // its breaker never opens
    for _ in 0..3 {
        let inputs: Vec<Input> = b"..p.......pppppppppppppp"
            .iter()
            .map(|&byte| input(vec![byte]))
            .collect();
        let outcomes = trial.decode(inputs, usize::MAX);
        let failed = outcomes
            .iter()
            .filter(
                |outcome| matches!(outcome, Outcome::Failed(failure) if failure.kind == FailureKind::Trapped),
            )
            .count();
        assert_eq!((outcomes.len(), failed), (24, 15));
    }
    let tally = |trial: &mut Trial| trial.decode(vec![input(b"t".to_vec()); 5], 1);
    let first = tally(&mut trial);
    trial.renew();
    assert_eq!(first, tally(&mut trial));
    assert!(setup.host.plugins().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_code_is_kept_and_damage_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    let folder = bundle(root.path(), "owntracks");
    let cache = root.path().join("cache");
    let start = || async {
        let host = DecodeHost::start(DecodeOptions {
            workers: 1,
            ..DecodeOptions::new(cache.clone())
        })
        .unwrap();
        host.load(&folder).unwrap();
        assert!(all_decoded(&host.decode("owntracks", vec![owntracks(1)]).await));
        (host.metrics().cache_hits(), host.metrics().cache_misses())
    };
    assert_eq!(start().await, (0, 1));
    assert_eq!(start().await, (1, 0));
    let file = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let mut code = std::fs::read(&file).unwrap();
    let middle = code.len() / 2;
    code[middle] ^= 0xff;
    std::fs::write(&file, &code).unwrap();
    assert_eq!(start().await, (0, 1));
    assert_eq!(start().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_plugin_and_after_the_stop_messages_are_answered_all_the_same() {
    let setup = Setup::new(1, BreakerOptions::default(), &["owntracks"]);
    let unknown = setup
        .host
        .decode("nobody", vec![owntracks(1), owntracks(2)])
        .await;
    assert_eq!(
        (&*unknown.plugin, kinds(&unknown)),
        ("", vec![Some(FailureKind::NoPlugin); 2])
    );
    assert!(setup.host.unload("owntracks") && !setup.host.unload("owntracks"));
    assert_eq!(
        kinds(&setup.host.decode("owntracks", vec![owntracks(1)]).await),
        [Some(FailureKind::NoPlugin)]
    );
    setup.host.load(&setup.root.path().join("owntracks")).unwrap();
    assert_eq!(setup.host.plugin("owntracks").unwrap().generation, 2);
    setup.host.stop();
    assert_eq!(
        kinds(&setup.host.decode("owntracks", vec![owntracks(1)]).await),
        [Some(FailureKind::OutOfService)]
    );
}

#[test]
fn what_is_not_a_decoder_is_refused_with_the_reason() {
    let setup = Setup::new(1, BreakerOptions::default(), &[]);
    let folder = bundle(setup.root.path(), "hostile");
    let component = folder.join("decoder.wasm");
    let manifest = folder.join("plugin.toml");
    let good = std::fs::read(&component).unwrap();
    let refusal = || setup.host.load(&folder).expect_err("must be refused").to_string();

    // a component that imports a function `now`: type section with `func()`, import section
    let mut importing = b"\0asm\x0d\0\x01\0".to_vec();
    importing.extend(b"\x07\x05\x01\x40\x00\x01\x00");
    importing.extend(b"\x0a\x08\x01\x00\x03now\x01\x00");
    std::fs::write(&component, importing).unwrap();
    let message = refusal();
    assert!(
        message.contains("imports now") && message.contains("may import nothing"),
        "{message}"
    );

    std::fs::write(&component, b"\0asm\x0d\0\x01\0").unwrap();
    assert!(refusal().contains("does not export fixstream:decoder/plugin"));

    std::fs::write(&component, &good[..good.len() / 2]).unwrap();
    assert!(refusal().contains("can not be compiled"));

    std::fs::write(&component, &good).unwrap();
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(
        &manifest,
        text.replacen("name = \"hostile\"", "name = \"friendly\"", 1),
    )
    .unwrap();
    assert!(refusal().contains("says that it is \"hostile\""), "{}", refusal());

    assert!(setup.host.plugins().is_empty());
    std::fs::write(&manifest, text).unwrap();
    assert_eq!(setup.host.check(&folder).unwrap().sha256.len(), 64);
    assert!(setup.host.plugins().is_empty());
    setup.host.load(&folder).unwrap();
}

#[test]
fn every_plugin_of_the_repository_can_be_loaded() {
    let setup = Setup::new(1, BreakerOptions::default(), &[]);
    for entry in std::fs::read_dir(plugins()).unwrap() {
        let entry = entry.unwrap();
        if entry.path().join("decoder.core.wasm").is_file() {
            let name = entry.file_name().into_string().unwrap();
            let manifest = setup.host.load(&bundle(setup.root.path(), &name)).unwrap();
            assert_eq!(manifest.name, name);
        }
    }
}
