//! Messages that no tracker sends: cut, edited, joined or made up. A decoder must answer all of them in time.

use fixstream_core::decode::{Input, Outcome, Transport, Trial};
use fixstream_core::model::TimeMs;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Inputs that are decoded together.
const CHUNK: usize = 512;
/// Faults that are told, at most.
const TOLD: usize = 5;

/// What the messages did to a plugin.
#[derive(Debug, Default)]
pub(super) struct Fuzzed {
    pub inputs: usize,
    pub faults: usize,
    /// The first of them, with the messages in hex.
    pub told: Vec<String>,
}

/// Decodes `count` broken variants of the samples. Traps, exceeded limits and broken answers are faults; refusals
/// are what a decoder should do.
pub(super) fn fuzz(trial: &mut Trial, samples: &[Input], count: usize, seed: u64) -> Fuzzed {
    let mut random = StdRng::seed_from_u64(seed);
    let mut fuzzed = Fuzzed::default();
    while fuzzed.inputs < count {
        let chunk: Vec<Input> = (0..CHUNK.min(count - fuzzed.inputs))
            .map(|_| broken(samples, &mut random))
            .collect();
        fuzzed.inputs += chunk.len();
        for (input, outcome) in chunk.iter().zip(trial.decode(chunk.clone(), usize::MAX)) {
            let Outcome::Failed(failure) = outcome else {
                continue;
            };
            if failure.kind.is_plugin_fault() {
                fuzzed.faults += 1;
                if fuzzed.told.len() < TOLD {
                    let payload = hex::encode(&input.payload);
                    fuzzed
                        .told
                        .push(format!("{}: {} on {payload}", failure.kind, failure.detail));
                }
            }
        }
    }
    fuzzed
}

fn broken(samples: &[Input], random: &mut StdRng) -> Input {
    let mut input = pick(samples, random).unwrap_or_else(nothing);
    let mut payload = input.payload.to_vec();
    match random.random_range(0..10) {
        0 => payload.truncate(random.random_range(0..=payload.len())),
        1 => {
            let other = pick(samples, random).map_or_else(Vec::new, |other| other.payload.to_vec());
            payload.truncate(random.random_range(0..=payload.len()));
            payload.extend(other.into_iter().skip(random.random_range(0..64)));
        }
        2 => {
            payload = (0..random.random_range(0..600))
                .map(|_| random.random())
                .collect();
        }
        _ => {
            for _ in 0..random.random_range(1..6) {
                edit(&mut payload, random);
            }
        }
    }
    if random.random_range(0..20) == 0 {
        input.state = (0..random.random_range(0..64)).map(|_| random.random()).collect();
    }
    input.payload = payload.into();
    input
}

/// One byte changed, a bit flipped, a byte removed or put in.
fn edit(payload: &mut Vec<u8>, random: &mut StdRng) {
    let at = random.random_range(0..=payload.len());
    match (random.random_range(0..4), payload.get_mut(at)) {
        (0, Some(byte)) => *byte = random.random(),
        (1, Some(byte)) => *byte ^= 1 << random.random_range(0..8),
        (2, Some(_)) => drop(payload.remove(at)),
        _ => payload.insert(at, random.random()),
    }
}

fn pick(samples: &[Input], random: &mut StdRng) -> Option<Input> {
    (!samples.is_empty())
        .then(|| samples.get(random.random_range(0..samples.len())).cloned())
        .flatten()
}

fn nothing() -> Input {
    Input {
        transport: Transport::Mqtt,
        channel: String::new(),
        device: None,
        received: TimeMs(1_767_225_600_000),
        context: Vec::new(),
        state: Vec::new(),
        payload: bytes::Bytes::new(),
    }
}
