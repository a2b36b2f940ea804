//! Broken input: a decoder may refuse it, but neither panic nor answer what the host would refuse.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Decode, Vector, load, shown_payload};
use crate::{AttributeKey, Decoded, Message, Position, Value};

/// Payloads with more bits than this get a random choice of bit flips instead of all.
const MOST_BIT_FLIPS: usize = 4096;
const RANDOM_PAYLOADS: usize = 3000;
const LONGEST_RANDOM_PAYLOAD: u64 = 600;
const RANDOM_EDITS_PER_VECTOR: usize = 200;
/// Set in the environment: so many inputs more, with a seed that is printed.
const LONG: &str = "FIXSTREAM_LONG";
const LONG_INPUTS: usize = 1_000_000;

/// Puts length and checksum of a payload right.
pub type Seal = fn(&[u8]) -> Vec<u8>;

/// Decodes every vector cut at every length, with every bit flipped, with bytes replaced, repeated
/// and removed, and random bytes; all of it twice, to see that the answer depends on nothing else.
/// The input is the same in every run; with `FIXSTREAM_LONG` set a million random inputs follow.
///
/// # Panics
/// When the decoder panics, answers something that the contract forbids, or answers differently the
/// second time; the text shows the payload.
pub fn survives(path: impl AsRef<Path>, decode: Decode, keys: &[&str]) {
    survives_with(path, decode, keys, None);
}

/// Like [`survives`], for a format with a checksum: all that would be refused at the door is tried once more with its
/// length and checksum put right by `seal`.
///
/// # Panics
/// As [`survives`], and when not a single broken message was understood.
pub fn survives_sealed(path: impl AsRef<Path>, decode: Decode, keys: &[&str], seal: Seal) {
    let understood = survives_with(path, decode, keys, Some(seal));
    assert!(
        understood > 0,
        "no broken message came through the door: seal is wrong"
    );
}

/// How many sealed messages were understood.
fn survives_with(path: impl AsRef<Path>, decode: Decode, keys: &[&str], seal: Option<Seal>) -> usize {
    let vectors = load(path);
    let mut understood = 0;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for vector in &vectors {
        let whole = &vector.message.payload;
        let mut probe = |payload: Vec<u8>| {
            if let Some(sealed) = seal
                .map(|seal| seal(&payload))
                .filter(|sealed| *sealed != payload)
            {
                understood += usize::from(survive_one(&vector.message, sealed, decode, keys));
            }
            survive_one(&vector.message, payload, decode, keys);
        };

        for length in 0..=whole.len() {
            probe(whole.iter().copied().take(length).collect());
        }
        let bits = whole.len() * 8;
        for flip in 0..bits.min(MOST_BIT_FLIPS) {
            let bit = if bits <= MOST_BIT_FLIPS {
                flip
            } else {
                random.below(bits as u64) as usize
            };
            let mut payload = whole.clone();
            if let Some(byte) = payload.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
            probe(payload);
        }
        for _ in 0..RANDOM_EDITS_PER_VECTOR {
            probe(edited(whole, &mut random));
        }
    }
    let Some(any) = vectors.first() else {
        return understood;
    };
    for _ in 0..RANDOM_PAYLOADS {
        let length = random.below(LONGEST_RANDOM_PAYLOAD) as usize;
        let payload = (0..length).map(|_| random.byte()).collect();
        survive_one(&any.message, payload, decode, keys);
    }
    if std::env::var_os(LONG).is_some() {
        survives_long(&vectors, decode, keys, seal);
    }
    understood
}

/// Many edits of vectors, some with the end of another one, and random bytes; three of four of them sealed.
fn survives_long(vectors: &[Vector], decode: Decode, keys: &[&str], seal: Option<Seal>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = now.as_nanos() as u64 | 1;
    println!("{LONG_INPUTS} inputs with seed {seed}");
    let mut random = Random(seed);
    for _ in 0..LONG_INPUTS {
        let mut pick = || vectors.get(random.below(vectors.len() as u64) as usize);
        let (Some(one), Some(other)) = (pick(), pick()) else {
            return;
        };
        let mut payload = one.message.payload.clone();
        match random.below(8) {
            0 => {
                payload.truncate(random.below(payload.len() as u64 + 1) as usize);
                let end = random.below(other.message.payload.len() as u64 + 1) as usize;
                payload.extend(other.message.payload.iter().skip(end));
            }
            1 => {
                let length = random.below(LONGEST_RANDOM_PAYLOAD);
                payload = (0..length).map(|_| random.byte()).collect();
            }
            _ => {
                for _ in 0..=random.below(3) {
                    payload = edited(&payload, &mut random);
                }
            }
        }
        if let Some(seal) = seal
            && random.below(4) > 0
        {
            payload = seal(&payload);
        }
        survive_one(&one.message, payload, decode, keys);
    }
}

/// Whether it was understood.
#[allow(clippy::panic)]
fn survive_one(message: &Message, payload: Vec<u8>, decode: Decode, keys: &[&str]) -> bool {
    let message = Message {
        payload,
        ..message.clone()
    };
    let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| decode(&message))) else {
        panic!("the decoder panicked on {}", shown_payload(&message.payload));
    };
    if let Ok(decoded) = &outcome {
        let violations = contract_violations(decoded, keys);
        assert!(
            violations.is_empty(),
            "{} from {}",
            violations.join("; "),
            shown_payload(&message.payload)
        );
    }
    let again = decode(&message);
    assert_eq!(
        outcome,
        again,
        "not a pure function of {}",
        shown_payload(&message.payload)
    );
    outcome.is_ok()
}

/// What the contract forbids in an answer and the host would refuse.
pub fn contract_violations(decoded: &Decoded, keys: &[&str]) -> Vec<String> {
    let mut violations = Vec::new();
    let mut limit = |what: &str, count: usize, most: usize| {
        if count > most {
            violations.push(format!("{count} {what}, at most {most} are allowed"));
        }
    };
    limit("positions", decoded.positions.len(), 1024);
    limit("warnings", decoded.warnings.len(), 16);
    limit("bytes of reply", decoded.reply.as_ref().map_or(0, Vec::len), 4096);
    limit("bytes of state", decoded.state.as_ref().map_or(0, Vec::len), 4096);
    for position in &decoded.positions {
        position_violations(position, keys, &mut violations);
    }
    violations
}

fn position_violations(position: &Position, keys: &[&str], violations: &mut Vec<String>) {
    let mut range = |name: &str, value: Option<f64>, low: f64, high: f64| {
        if let Some(value) = value.filter(|value| !(low..=high).contains(value)) {
            violations.push(format!("{name} {value} is not in {low} to {high}"));
        }
    };
    range("latitude", position.latitude, -90.0, 90.0);
    range("longitude", position.longitude, -180.0, 180.0);
    range("heading", position.heading_deg, 0.0, 360.0);
    for (name, value) in [
        ("altitude", position.altitude_m),
        ("speed", position.speed_kmh),
        ("accuracy", position.accuracy_m),
        ("hdop", position.hdop),
        ("odometer", position.odometer_km),
        ("distance", position.distance_km),
        ("fuel", position.fuel_percent),
        ("engine temperature", position.engine_temperature_c),
        ("rpm", position.engine_rpm),
        ("battery", position.battery_v),
        ("battery percent", position.battery_percent),
        ("power", position.power_v),
        ("signal", position.signal),
    ] {
        range(name, value, f64::MIN, f64::MAX);
    }
    if let Some(event) = &position.event
        && (event.is_empty() || event.len() > 4096)
    {
        violations.push("event is empty or longer than 4 KiB".to_owned());
    }
    if let Some(device) = &position.device
        && !is_name(device, 256)
    {
        violations.push(format!("device {device:?} is no identifier"));
    }
    if position.attributes.len() > 256 {
        violations.push(format!(
            "{} attributes, at most 256 are allowed",
            position.attributes.len()
        ));
    }
    for attribute in &position.attributes {
        match &attribute.key {
            AttributeKey::Declared(index) if *index as usize >= keys.len() => {
                violations.push(format!("attribute key {index} is not declared"));
            }
            AttributeKey::Named(name) if !is_name(name, 128) => {
                violations.push(format!("attribute {name:?} is no name"));
            }
            _ => {}
        }
        if matches!(&attribute.value, Value::Text(text) if text.len() > 4096) {
            violations.push(format!("attribute {:?} is longer than 4 KiB", attribute.key));
        }
        if matches!(attribute.value, Value::Real(real) if !real.is_finite()) {
            violations.push(format!("attribute {:?} is not finite", attribute.key));
        }
    }
}

/// One byte at least, as many at most, no control characters.
fn is_name(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// A few bytes replaced, doubled or removed.
fn edited(whole: &[u8], random: &mut Random) -> Vec<u8> {
    let mut payload = whole.to_vec();
    for _ in 0..=random.below(4) {
        if payload.is_empty() {
            break;
        }
        let at = random.below(payload.len() as u64) as usize;
        match random.below(3) {
            0 => {
                if let Some(byte) = payload.get_mut(at) {
                    *byte = random.byte();
                }
            }
            1 => payload.insert(at, random.byte()),
            _ => drop(payload.remove(at)),
        }
    }
    payload
}

/// xorshift64: enough to vary input, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn byte(&mut self) -> u8 {
        self.next() as u8
    }
}
