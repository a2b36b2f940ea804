//! A sealed batch, and its bytes: header, body (postcard), checksum.
//!
//! `FSBATCH3 | u8 length, journal id | u64 from | u64 to | u64 × 3 counts | u64 body length | body | u32 crc32c`
//! of all that stands before it; integers are little-endian. `FSBATCH2`, whose raw messages had no envelope, and
//! `FSBATCH1`, whose dead letters had none either, are read as well: they may wait in the spool of a hub that was
//! updated.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::row::{Chunk, PositionRow, RawRow};
use crate::model::{AttributeValue, ClientId, DeadLetter, DeadReason, DeviceId, Offset, TimeMs};

const MAGIC: &[u8; 8] = b"FSBATCH3";
const MAGIC_V2: &[u8; 8] = b"FSBATCH2";
const MAGIC_V1: &[u8; 8] = b"FSBATCH1";

/// All that came of the journal records from `from` to (excluding) `to`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Batch {
    pub from: Offset,
    pub to: Offset,
    pub positions: Vec<PositionRow>,
    pub raw: Vec<RawRow>,
    pub dead: Vec<DeadLetter>,
}

#[derive(Serialize)]
struct BodyOut<'a> {
    positions: &'a [PositionRow],
    raw: &'a [RawRow],
    dead: &'a [DeadLetter],
}

#[derive(Deserialize)]
struct BodyIn {
    positions: Vec<PositionRow>,
    raw: Vec<RawRow>,
    dead: Vec<DeadLetter>,
}

#[derive(Deserialize)]
struct BodyV2 {
    positions: Vec<PositionRow>,
    raw: Vec<RawRowV2>,
    dead: Vec<DeadLetter>,
}

#[derive(Deserialize)]
struct BodyV1 {
    positions: Vec<PositionRow>,
    raw: Vec<RawRowV2>,
    dead: Vec<DeadLetterV1>,
}

/// A raw message before it could be decoded again.
#[derive(Deserialize)]
#[cfg_attr(test, derive(Serialize))]
struct RawRowV2 {
    offset: Offset,
    client: ClientId,
    device: DeviceId,
    received: TimeMs,
    vendor: Arc<str>,
    channel: String,
    payload: Bytes,
}

impl From<RawRowV2> for RawRow {
    fn from(old: RawRowV2) -> Self {
        Self {
            offset: old.offset,
            client: old.client,
            device: old.device,
            received: old.received,
            vendor: old.vendor,
            channel: old.channel,
            payload: old.payload,
            envelope: Bytes::new(),
        }
    }
}

/// A dead letter before it could be replayed.
#[derive(Deserialize)]
#[cfg_attr(test, derive(Serialize))]
struct DeadLetterV1 {
    offset: Offset,
    client: ClientId,
    received: TimeMs,
    vendor: String,
    channel: String,
    device: Option<String>,
    reason: DeadReason,
    detail: String,
    plugin: Option<String>,
    payload: Bytes,
}

impl From<DeadLetterV1> for DeadLetter {
    fn from(old: DeadLetterV1) -> Self {
        Self {
            offset: old.offset,
            client: old.client,
            received: old.received,
            vendor: old.vendor,
            channel: old.channel,
            device: old.device,
            reason: old.reason,
            detail: old.detail,
            plugin: old.plugin,
            payload: old.payload,
            envelope: Bytes::new(),
        }
    }
}

/// The body in the form that `magic` says.
fn body(magic: [u8; 8], bytes: &[u8]) -> Result<BodyIn, postcard::Error> {
    if magic == *MAGIC {
        return postcard::from_bytes(bytes);
    }
    let (positions, raw, dead) = if magic == *MAGIC_V2 {
        let BodyV2 { positions, raw, dead } = postcard::from_bytes(bytes)?;
        (positions, raw, dead)
    } else {
        let BodyV1 { positions, raw, dead } = postcard::from_bytes(bytes)?;
        (positions, raw, dead.into_iter().map(DeadLetter::from).collect())
    };
    let raw = raw.into_iter().map(RawRow::from).collect();
    Ok(BodyIn { positions, raw, dead })
}

/// Bytes that are no batch; in words.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Damaged(String);

impl Batch {
    /// Rows of all tables.
    pub(super) fn rows(&self) -> usize {
        self.positions.len() + self.raw.len() + self.dead.len()
    }

    /// Appends what came of the next range.
    pub(super) fn extend(&mut self, chunk: Chunk) {
        self.to = chunk.range.end;
        self.positions.extend(chunk.positions);
        self.raw.extend(chunk.raw);
        self.dead.extend(chunk.dead);
    }

    /// The batch's bytes.
    pub(super) fn encode(&self, journal: &str) -> Result<Vec<u8>, Damaged> {
        let short = |what: &str| Damaged(format!("{what} can not be written"));
        let mut out = Vec::with_capacity(128 + self.rows() * 160);
        out.extend_from_slice(MAGIC);
        out.push(u8::try_from(journal.len()).map_err(|_| short("the journal's id"))?);
        out.extend_from_slice(journal.as_bytes());
        let counts = [self.positions.len(), self.raw.len(), self.dead.len()].map(|count| count as u64);
        for number in [self.from.0, self.to.0].into_iter().chain(counts) {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let length_at = out.len();
        out.extend_from_slice(&[0; 8]);
        let body_at = out.len();
        let body = BodyOut {
            positions: &self.positions,
            raw: &self.raw,
            dead: &self.dead,
        };
        out = postcard::to_extend(&body, out).map_err(|error| Damaged(error.to_string()))?;
        let length = ((out.len() - body_at) as u64).to_le_bytes();
        if let Some(place) = out.get_mut(length_at..body_at) {
            place.copy_from_slice(&length);
        }
        let checksum = crc32c::crc32c(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        Ok(out)
    }

    /// Reads a batch of `journal` back.
    pub(super) fn decode(bytes: &[u8], journal: &str) -> Result<Self, Damaged> {
        let damaged = |what: &str| Damaged(what.to_owned());
        let (content, checksum) = extent(bytes)
            .and_then(|length| bytes.get(..length))
            .and_then(<[u8]>::split_last_chunk::<4>)
            .ok_or_else(|| damaged("it is too short"))?;
        let (magic, mut rest) = content
            .split_first_chunk::<8>()
            .filter(|(magic, _)| [MAGIC, MAGIC_V2, MAGIC_V1].contains(magic))
            .ok_or_else(|| damaged("it is no batch of this version"))?;
        if crc32c::crc32c(content) != u32::from_le_bytes(*checksum) {
            return Err(damaged("its checksum is wrong"));
        }
        let (length, after) = rest.split_first().ok_or_else(|| damaged("it is too short"))?;
        let (written_for, after) = after
            .split_at_checked(usize::from(*length))
            .ok_or_else(|| damaged("it is too short"))?;
        if written_for != journal.as_bytes() {
            return Err(Damaged(format!(
                "it belongs to journal {}, this is journal {journal}",
                String::from_utf8_lossy(written_for)
            )));
        }
        rest = after;
        let mut numbers = [0u64; 6];
        for number in &mut numbers {
            let (head, after) = rest
                .split_first_chunk::<8>()
                .ok_or_else(|| damaged("it is too short"))?;
            *number = u64::from_le_bytes(*head);
            rest = after;
        }
        let [from, to, positions, raw, dead, length] = numbers;
        if rest.len() as u64 != length {
            return Err(damaged("its length is wrong"));
        }
        let body = body(*magic, rest).map_err(|error| Damaged(error.to_string()))?;
        let counts = [body.positions.len(), body.raw.len(), body.dead.len()].map(|count| count as u64);
        if counts != [positions, raw, dead] {
            return Err(damaged("its counts are wrong"));
        }
        let BodyIn { positions, raw, dead } = body;
        Ok(Self {
            from: Offset(from),
            to: Offset(to),
            positions,
            raw,
            dead,
        })
    }
}

/// Bytes of the batch that begins a file: one that was written into the reserve has the reserve's length.
fn extent(bytes: &[u8]) -> Option<usize> {
    let before_length = MAGIC.len() + 1 + usize::from(*bytes.get(MAGIC.len())?) + 5 * 8;
    let (length, _) = bytes.get(before_length..)?.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    length.checked_add(before_length + 8 + 4)
}

/// Bytes of a chunk.
pub(super) struct Weight {
    /// About what it takes in memory.
    pub memory: usize,
    /// What it takes in the spool at most.
    pub sealed: usize,
}

/// What a chunk weighs.
pub(super) fn weight(chunk: &Chunk) -> Weight {
    let mut weight = Weight {
        memory: chunk.positions.len() * 512 + (chunk.raw.len() + chunk.dead.len()) * 192,
        // numbers that take all their bytes, and the lengths of texts
        sealed: chunk.positions.len() * 256 + (chunk.raw.len() + chunk.dead.len()) * 96,
    };
    for row in &chunk.positions {
        let attributes = &row.fix.attributes;
        weight.memory += attributes.len() * 96;
        let texts = attributes.iter().map(|(key, value)| match value {
            AttributeValue::Text(text) => 16 + key.len() + text.len(),
            AttributeValue::Flag(_) | AttributeValue::Integer(_) | AttributeValue::Real(_) => 16 + key.len(),
        });
        let event = row.fix.event.as_ref().map_or(0, String::len);
        weight.sealed += texts.sum::<usize>() + event + row.vendor.len() + row.plugin.len();
    }
    let raw = chunk
        .raw
        .iter()
        .map(|row| row.payload.len() + row.envelope.len() + row.channel.len() + row.vendor.len());
    let dead = chunk.dead.iter().map(|letter| {
        let texts = [&letter.vendor, &letter.channel, &letter.detail].map(String::len);
        let named = [&letter.device, &letter.plugin].map(|text| text.as_ref().map_or(0, String::len));
        letter.payload.len() + letter.envelope.len() + texts.iter().chain(&named).sum::<usize>()
    });
    let bytes = raw.chain(dead).sum::<usize>();
    weight.memory += bytes;
    weight.sealed += bytes;
    weight
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Fix, PositionId, Verdict};

    fn value() -> impl Strategy<Value = AttributeValue> {
        prop_oneof![
            any::<bool>().prop_map(AttributeValue::Flag),
            any::<i64>().prop_map(AttributeValue::Integer),
            "\\PC{0,8}".prop_map(AttributeValue::Text),
        ]
    }

    prop_compose! {
        fn position()(id in any::<u64>(), time in any::<i64>(), latitude in -90.0..90.0f64, speed in proptest::option::of(0.0..300.0f64),
                      verdict in 0..Verdict::ALL.len(), attributes in prop::collection::vec(("[a-z]{1,5}", value()), 0..3)) -> PositionRow {
            PositionRow {
                client: ClientId(1), device: DeviceId(2), id: PositionId(id), revision: 0, time: TimeMs(time),
                received: TimeMs(5), verdict: Verdict::ALL[verdict], content: id ^ 7, vendor: "v".into(), plugin: "".into(),
                fix: Fix { latitude, speed_kmh: speed, attributes, ..Fix::default() },
            }
        }
    }

    prop_compose! {
        fn batch()(from in 0..u64::MAX / 2, length in 0..1000u64, positions in prop::collection::vec(position(), 0..5),
                   payload in prop::collection::vec(any::<u8>(), 0..20)) -> Batch {
            let payload = Bytes::from(payload);
            let raw = RawRow { offset: Offset(from), client: ClientId(1), device: DeviceId(0), received: TimeMs(1),
                               vendor: "v".into(), channel: "c".into(), payload: payload.clone(), envelope: payload.clone() };
            let dead = DeadLetter { offset: Offset(from), client: ClientId(1), received: TimeMs(1), vendor: "v".into(),
                                    channel: "c".into(), device: None, reason: DeadReason::Undecodable, detail: "d".into(),
                                    plugin: Some("p".into()), payload: payload.clone(), envelope: payload };
            Batch { from: Offset(from), to: Offset(from + length), positions, raw: vec![raw], dead: vec![dead] }
        }
    }

    proptest! {
        #[test]
        fn a_batch_survives_its_bytes(batch in batch()) {
            let bytes = batch.encode("0123456789abcdef").unwrap();
            prop_assert_eq!(Batch::decode(&bytes, "0123456789abcdef").unwrap(), batch);
        }

        #[test]
        fn a_batch_takes_no_more_than_its_weight(batch in batch()) {
            let bytes = batch.encode("").unwrap().len();
            let chunk = Chunk { range: batch.from..batch.to, positions: batch.positions, raw: batch.raw, dead: batch.dead };
            // magic, lengths, checksum
            prop_assert!(bytes <= 8 + 1 + 6 * 8 + 3 * 5 + 4 + weight(&chunk).sealed);
        }

        #[test]
        fn a_torn_batch_is_refused(batch in batch(), cut in any::<prop::sample::Index>()) {
            let bytes = batch.encode("j").unwrap();
            prop_assert!(Batch::decode(&bytes[..cut.index(bytes.len())], "j").is_err());
        }

        #[test]
        fn a_flipped_bit_is_noticed(batch in batch(), byte in any::<prop::sample::Index>(), bit in 0..8u8) {
            let mut bytes = batch.encode("j").unwrap();
            let at = byte.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(Batch::decode(&bytes, "j").is_err());
        }
    }

    #[test]
    fn a_batch_from_before_letters_had_envelopes_is_read() {
        #[derive(Serialize)]
        struct Old {
            positions: Vec<PositionRow>,
            raw: Vec<RawRowV2>,
            dead: Vec<DeadLetterV1>,
        }
        let letter = |offset| DeadLetterV1 {
            offset: Offset(offset),
            client: ClientId(1),
            received: TimeMs(5),
            vendor: "v".into(),
            channel: "c".into(),
            device: Some("7".into()),
            reason: DeadReason::UnknownTracker,
            detail: "d".into(),
            plugin: None,
            payload: Bytes::from_static(b"p"),
        };
        let old = Old {
            positions: vec![],
            raw: vec![],
            dead: vec![letter(3), letter(4)],
        };
        let body = postcard::to_stdvec(&old).unwrap();
        let mut bytes = MAGIC_V1.to_vec();
        bytes.extend(b"\x01j");
        for number in [3, 5, 0, 0, 2, body.len() as u64] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(body);
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        let batch = Batch::decode(&bytes, "j").unwrap();
        let offsets: Vec<_> = batch.dead.iter().map(|letter| letter.offset.0).collect();
        assert_eq!(offsets, [3, 4]);
        assert!(batch.dead.iter().all(|letter| letter.envelope.is_empty()));
        let again = Batch::decode(&batch.encode("j").unwrap(), "j").unwrap();
        assert_eq!(again, batch);
    }

    #[test]
    fn a_batch_from_before_raw_messages_had_envelopes_is_read() {
        #[derive(Serialize)]
        struct Old {
            positions: Vec<PositionRow>,
            raw: Vec<RawRowV2>,
            dead: Vec<DeadLetter>,
        }
        let raw = RawRowV2 {
            offset: Offset(3),
            client: ClientId(1),
            device: DeviceId(2),
            received: TimeMs(5),
            vendor: "v".into(),
            channel: "c".into(),
            payload: Bytes::from_static(b"p"),
        };
        let old = Old {
            positions: vec![],
            raw: vec![raw],
            dead: vec![],
        };
        let body = postcard::to_stdvec(&old).unwrap();
        let mut bytes = MAGIC_V2.to_vec();
        bytes.extend(b"\x01j");
        for number in [3, 4, 0, 1, 0, body.len() as u64] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(body);
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        let batch = Batch::decode(&bytes, "j").unwrap();
        assert_eq!(&*batch.raw[0].payload, b"p");
        assert!(batch.raw[0].envelope.is_empty());
    }

    #[test]
    fn a_batch_of_another_journal_is_refused() {
        let bytes = Batch::default().encode("one").unwrap();
        assert!(
            Batch::decode(&bytes, "two")
                .unwrap_err()
                .to_string()
                .contains("one")
        );
    }
}
