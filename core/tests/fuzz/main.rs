//! Every decoder in the sandbox, over edited vectors and random bytes, with right checksums and wrong ones: no trap, no
//! time-out, no broken contract.
//!
//! A few thousand inputs for each, `FIXSTREAM_FUZZ_INPUTS` says how many; with `FIXSTREAM_LONG=1` a million, with a seed
//! that is printed. `FIXSTREAM_FUZZ_SEED` repeats a run.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../plugins/frames.rs"]
mod frames;

use std::path::{Path, PathBuf};
use std::time::Instant;

use fixstream_core::decode::{DecodeHost, DecodeOptions, DecodeTuning, Input, Outcome, Transport};
use fixstream_core::model::TimeMs;
use frames::Seal;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const INPUTS: usize = 3_000;
const LONG_INPUTS: usize = 1_000_000;
/// Inputs handed to the host at once.
const CHUNK: usize = 2_048;

/// A test for each decoder: they run beside each other, each has its own time, and a failure is about one of them.
macro_rules! decoders {
    ($($name:ident)+) => {
        const DECODERS: &[&str] = &[$(stringify!($name)),+];
        mod no_input_makes_it_trap_overrun_or_break_the_contract {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::survives(stringify!($name)).await;
                }
            )+
        }
        mod records_and_blocks_say_the_same {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::says_the_same(stringify!($name)).await;
                }
            )+
        }
    };
}

decoders! {
    cayenne_lpp chirpstack flespi gps103 gpschile gt06 h02 iotm meitrack meshtastic nmea osmand owntracks pui queclink
    ruptela suntech teltonika tk103 traccar trackerhub ttn xexun
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins")
}

fn vectors(name: &str) -> PathBuf {
    sources().join(name).join("tests/vectors.jsonl")
}

#[test]
fn no_decoder_is_left_out() {
    let mut found: Vec<String> = std::fs::read_dir(sources())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        // all but the test guests, which have no vectors
        .filter(|name| sources().join(name).join("plugin.toml").is_file() && vectors(name).is_file())
        .collect();
    found.sort();
    assert_eq!(found, DECODERS);
}

#[test]
fn what_is_whole_stays_as_it_is() {
    for name in DECODERS {
        let Some(seal) = frames::seal_of(name) else {
            continue;
        };
        let messages = messages(&vectors(name));
        let is_kept = |message: &&Input| seal(&message.payload) == message.payload;
        let kept = messages.iter().filter(is_kept).count();
        // the others are several frames in one message, or broken on purpose
        assert!(kept * 2 > messages.len(), "{name}: {kept} of {}", messages.len());
    }
}

/// The messages of a vectors file.
fn messages(vectors: &Path) -> Vec<Input> {
    let text = std::fs::read_to_string(vectors).unwrap();
    let input = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let context = line["context"].as_object();
        Input {
            transport: Transport::Mqtt,
            channel: text("topic"),
            device: line["device_hint"].as_str().map(str::to_owned),
            received: TimeMs(1_767_225_600_000),
            context: context.map_or_else(Vec::new, |entries| {
                let plain = |value: &serde_json::Value| {
                    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
                };
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), plain(value)))
                    .collect()
            }),
            state: Vec::new(),
            payload: match line["encoding"].as_str() {
                Some("hex") => hex::decode(text("payload")).unwrap().into(),
                _ => text("payload").into(),
            },
        }
    };
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(input)
        .collect()
}

/// Cut, edited, joined with another or made up, and mostly with a checksum that is right again; sometimes with a state
/// that no decoder left.
fn broken(samples: &[Input], seal: Option<Seal>, random: &mut StdRng) -> Input {
    let mut input = samples[random.random_range(0..samples.len())].clone();
    let mut payload = input.payload.to_vec();
    match random.random_range(0..10) {
        0 => payload.truncate(random.random_range(0..=payload.len())),
        1 => {
            let other = &samples[random.random_range(0..samples.len())].payload;
            payload.truncate(random.random_range(0..=payload.len()));
            payload.extend_from_slice(&other[random.random_range(0..=other.len())..]);
        }
        2 => {
            payload = (0..random.random_range(0..600))
                .map(|_| random.random())
                .collect();
        }
        _ => {
            for _ in 0..random.random_range(1..6) {
                let at = random.random_range(0..=payload.len());
                match random.random_range(0..4) {
                    0 if at < payload.len() => payload[at] = random.random(),
                    1 if at < payload.len() => payload[at] ^= 1 << random.random_range(0..8),
                    2 if at < payload.len() => drop(payload.remove(at)),
                    _ => payload.insert(at, random.random()),
                }
            }
        }
    }
    if let Some(seal) = seal
        && random.random_range(0..4) > 0
    {
        payload = seal(&payload);
    }
    if random.random_range(0..20) == 0 {
        input.state = (0..random.random_range(0..64)).map(|_| random.random()).collect();
    }
    input.payload = payload.into();
    input
}

/// How many inputs, and where the random ones begin.
fn choices() -> (usize, u64) {
    let long = std::env::var_os("FIXSTREAM_LONG").is_some();
    let inputs = match std::env::var("FIXSTREAM_FUZZ_INPUTS") {
        Ok(inputs) => inputs.parse().unwrap(),
        Err(_) if long => LONG_INPUTS,
        Err(_) => INPUTS,
    };
    let seed = match std::env::var("FIXSTREAM_FUZZ_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) if long => rand::random(),
        Err(_) => 1,
    };
    (inputs, seed)
}

/// A host with this plugin.
fn host(root: &Path, name: &str, records_only: bool) -> DecodeHost {
    let tuning = DecodeTuning {
        records_only,
        ..DecodeTuning::default()
    };
    let host = DecodeHost::start_with(DecodeOptions::new(root.join("cache")), tuning).unwrap();
    host.load(&common::bundle(root, name)).unwrap();
    host
}

/// The vectors and some broken ones, by both ways over the boundary.
async fn says_the_same(name: &str) {
    let root = tempfile::tempdir().unwrap();
    let mut inputs = messages(&vectors(name));
    let mut random = StdRng::seed_from_u64(2);
    let seal = frames::seal_of(name);
    let broken: Vec<Input> = (0..1_000).map(|_| broken(&inputs, seal, &mut random)).collect();
    inputs.extend(broken);
    let blocks = host(root.path(), name, false).decode(name, inputs.clone()).await;
    let records = host(root.path(), name, true).decode(name, inputs.clone()).await;
    for (input, (block, record)) in inputs.iter().zip(blocks.outcomes.iter().zip(&records.outcomes)) {
        assert_eq!(block, record, "{name}: {}", hex::encode(&input.payload));
    }
    assert_eq!(blocks.outcomes.len(), records.outcomes.len());
}

async fn survives(name: &str) {
    let (inputs, seed) = choices();
    println!("{name}: {inputs} inputs with seed {seed}");
    let root = tempfile::tempdir().unwrap();
    let host = host(root.path(), name, false);
    let samples = messages(&vectors(name));
    let seal = frames::seal_of(name);
    let mut random = StdRng::seed_from_u64(seed);
    let (mut left, mut located, mut refused) = (inputs, 0, 0);
    let began = Instant::now();
    while left > 0 {
        let chunk: Vec<Input> = (0..left.min(CHUNK))
            .map(|_| broken(&samples, seal, &mut random))
            .collect();
        left -= chunk.len();
        let batch = host.decode(name, chunk.clone()).await;
        assert_eq!(batch.outcomes.len(), chunk.len());
        for (input, outcome) in chunk.iter().zip(&batch.outcomes) {
            match outcome {
                Outcome::Decoded(decoded) => located += usize::from(!decoded.fixes.is_empty()),
                Outcome::Failed(failure) => {
                    refused += 1;
                    assert!(
                        matches!(failure.kind.name(), "not_mine" | "malformed" | "unsupported"),
                        "{name}: {} ({}) from {}",
                        failure.kind,
                        failure.detail,
                        hex::encode(&input.payload)
                    );
                }
            }
        }
    }
    println!(
        "{located} with positions, {refused} refused, in {:?}",
        began.elapsed()
    );
    // broken messages only would test little, and so would whole ones
    assert!(
        located > 0 && refused > 0,
        "{name}: {located} with positions, {refused} refused"
    );
}
