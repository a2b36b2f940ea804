//! Every decoder in the sandbox, over edited vectors and random bytes: no trap, no time-out, no broken contract.
//!
//! A few thousand inputs for each; with `FIXSTREAM_LONG=1` a million, with a seed that is printed.
//! `FIXSTREAM_FUZZ_SEED` repeats a run.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use std::path::{Path, PathBuf};

use fixstream_core::decode::{DecodeHost, DecodeOptions, Input, Outcome, Transport};
use fixstream_core::model::TimeMs;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const INPUTS: usize = 3_000;
const LONG_INPUTS: usize = 1_000_000;
/// Inputs handed to the host at once.
const CHUNK: usize = 2_048;

/// Plugins with vectors of their own: all but the test guests.
fn vendors() -> Vec<(String, PathBuf)> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let mut found: Vec<_> = std::fs::read_dir(sources)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("plugin.toml").is_file())
        .map(|folder| (folder.file_name().unwrap().to_str().unwrap().to_owned(), folder))
        .map(|(name, folder)| (name, folder.join("tests/vectors.jsonl")))
        .filter(|(_, vectors)| vectors.is_file())
        .collect();
    found.sort();
    found
}

/// The messages of a vectors file.
fn inputs(vectors: &Path) -> Vec<Input> {
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

/// Cut, edited, joined with another or made up; sometimes with a state that no decoder left.
fn broken(samples: &[Input], random: &mut StdRng) -> Input {
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
    if random.random_range(0..20) == 0 {
        input.state = (0..random.random_range(0..64)).map(|_| random.random()).collect();
    }
    input.payload = payload.into();
    input
}

#[tokio::test(flavor = "multi_thread")]
async fn no_input_makes_a_decoder_trap_overrun_or_break_the_contract() {
    let long = std::env::var_os("FIXSTREAM_LONG").is_some();
    let seed = match std::env::var("FIXSTREAM_FUZZ_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) if long => rand::random(),
        Err(_) => 1,
    };
    println!("seed {seed}");
    let root = tempfile::tempdir().unwrap();
    let host = DecodeHost::start(DecodeOptions::new(root.path().join("cache"))).unwrap();
    let vendors = vendors();
    assert!(vendors.len() >= 4, "{vendors:?}");
    for (name, vectors) in vendors {
        host.load(&common::bundle(root.path(), &name)).unwrap();

        let samples = inputs(&vectors);
        let mut random = StdRng::seed_from_u64(seed);
        let mut left = if long { LONG_INPUTS } else { INPUTS };
        while left > 0 {
            let chunk: Vec<Input> = (0..left.min(CHUNK))
                .map(|_| broken(&samples, &mut random))
                .collect();
            left -= chunk.len();
            let batch = host.decode(&name, chunk.clone()).await;
            assert_eq!(batch.outcomes.len(), chunk.len());
            for (input, outcome) in chunk.iter().zip(&batch.outcomes) {
                if let Outcome::Failed(failure) = outcome {
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
}
