//! First stage: read the records of a chunk as uplinks and have them decoded, vendor by vendor.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;

use crate::decode::{DecodeHost, Decoded, Failure, FailureKind, Input, Outcome, Transport};
use crate::model::{Offset, Source, Uplink};
use crate::registry::{Registry, Tracker};

/// A chunk of the journal after decoding, before anything was applied.
pub(super) struct Understood {
    pub range: Range<Offset>,
    pub messages: Vec<Message>,
}

/// One journal record.
pub(super) struct Message {
    pub offset: Offset,
    /// The record as it stands in the journal, for dead letters of unreadable ones.
    pub record: Bytes,
    pub content: Content,
}

/// What a record turned out to be.
pub(super) enum Content {
    /// A vendor's message with what its decoder made of it.
    Vendor {
        uplink: Uplink,
        vendor: Arc<str>,
        plugin: Arc<str>,
        outcome: Outcome,
    },
    /// A position in the hub's own format.
    Position { uplink: Uplink },
    /// Not an uplink; in words.
    Unreadable(String),
}

/// Decodes all messages of `records`; vendors run beside each other, one result per record in order.
pub(super) async fn understand(
    records: Vec<(Offset, Bytes)>,
    decode: &DecodeHost,
    registry: &Registry,
) -> Understood {
    let range = match (records.first(), records.last()) {
        (Some((first, _)), Some((last, _))) => *first..Offset(last.0 + 1),
        _ => Offset(0)..Offset(0),
    };
    let mut slots: Vec<Option<Message>> = Vec::with_capacity(records.len());
    let mut vendors: BTreeMap<String, Waiting> = BTreeMap::new();
    for (offset, record) in records {
        match Uplink::decode(&record) {
            Err(error) => {
                let content = Content::Unreadable(error.to_string());
                slots.push(Some(Message {
                    offset,
                    record,
                    content,
                }));
            }
            Ok(uplink) => {
                let Some(input) = input_for(&uplink, registry) else {
                    slots.push(Some(Message {
                        offset,
                        record,
                        content: Content::Position { uplink },
                    }));
                    continue;
                };
                let waiting = vendors
                    .entry(uplink.vendor().unwrap_or_default().to_owned())
                    .or_default();
                waiting.messages.push((slots.len(), offset, record, uplink));
                waiting.inputs.push(input);
                slots.push(None);
            }
        }
    }
    let jobs = vendors.into_iter().map(|(vendor, waiting)| async move {
        let batch = decode.decode(&vendor, waiting.inputs).await;
        (Arc::<str>::from(vendor), waiting.messages, batch)
    });
    for (vendor, messages, batch) in join_all(jobs).await {
        let mut outcomes = batch.outcomes.into_iter();
        for (slot, offset, record, uplink) in messages {
            let outcome = outcomes.next().unwrap_or_else(missing_outcome);
            let (vendor, plugin) = (Arc::clone(&vendor), Arc::clone(&batch.plugin));
            slots[slot] = Some(Message {
                offset,
                record,
                content: Content::Vendor {
                    uplink,
                    vendor,
                    plugin,
                    outcome,
                },
            });
        }
    }
    Understood {
        range,
        messages: slots.into_iter().flatten().collect(),
    }
}

/// Messages of one vendor in a chunk: their places and what goes to the decoder.
#[derive(Default)]
struct Waiting {
    messages: Vec<(usize, Offset, Bytes, Uplink)>,
    inputs: Vec<Input>,
}

/// What the decoder gets to see; `None` for the hub's own format, which needs none.
fn input_for(uplink: &Uplink, registry: &Registry) -> Option<Input> {
    let (transport, topic_device, payload) = match &uplink.source {
        Source::Mqtt { device, payload, .. } => (Transport::Mqtt, device.as_deref(), payload),
        Source::Http { payload, .. } => (Transport::Http, None, payload),
        Source::Position { .. } => return None,
    };
    let tracker = known_tracker(uplink, topic_device, registry);
    let device = topic_device.map(str::to_owned).or_else(|| {
        tracker
            .as_ref()
            .and_then(|tracker| tracker.imei.as_deref())
            .map(str::to_owned)
    });
    Some(Input {
        transport,
        channel: uplink.channel().to_owned(),
        device,
        received: uplink.received,
        context: tracker
            .map(|tracker| tracker.context.to_vec())
            .unwrap_or_default(),
        state: Vec::new(),
        payload: payload.clone(),
    })
}

fn known_tracker(uplink: &Uplink, topic_device: Option<&str>, registry: &Registry) -> Option<Arc<Tracker>> {
    match (uplink.sender.tracker, topic_device) {
        (Some(tracker), _) => registry.tracker(tracker),
        (None, Some(device)) => registry.tracker_by_imei(uplink.sender.client, device),
        (None, None) => None,
    }
}

/// The decode host promises one outcome per input; a missing one must still not lose the message.
fn missing_outcome() -> Outcome {
    Outcome::Failed(Failure {
        kind: FailureKind::Contract,
        detail: "the decoder gave no answer".into(),
    })
}

/// Convenience for the next stage: the fixes of an understood message.
pub(super) fn fixes(outcome: Outcome) -> Result<Decoded, Failure> {
    match outcome {
        Outcome::Decoded(decoded) => Ok(decoded),
        Outcome::Failed(failure) => Err(failure),
    }
}
