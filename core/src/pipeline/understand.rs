//! First stage: read the records of a chunk as uplinks and have them decoded, vendor by vendor.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::pin;
use super::states::{Session, State, States};
use crate::decode::{DecodeHost, Decoded, Failure, FailureKind, Input, Outcome, Transport};
use crate::model::{Offset, Source, Uplink};
use crate::registry::{Registry, Tracker};

/// A chunk of the journal after decoding, before anything was applied.
pub(crate) struct Understood {
    pub range: Range<Offset>,
    pub messages: Vec<Message>,
}

/// One journal record.
pub(crate) struct Message {
    pub offset: Offset,
    /// The record as it stands in the journal, for dead letters of unreadable ones.
    pub record: Bytes,
    pub content: Content,
}

/// What a record turned out to be.
pub(crate) enum Content {
    /// A vendor's message with what its decoder made of it.
    Vendor {
        uplink: Uplink,
        vendor: Arc<str>,
        plugin: Arc<str>,
        outcome: Outcome,
    },
    /// A position in the hub's own format, or the correction of one.
    Position { uplink: Uplink },
    /// Not an uplink; in words.
    Unreadable(String),
}

/// What the records of all chunks are understood with.
#[derive(Clone)]
pub(crate) struct Understanding {
    pub decode: DecodeHost,
    pub registry: Registry,
    pub states: States,
}

/// A chunk's place in the order of the journal: states are settled chunk after chunk.
pub(crate) struct Turn {
    before: oneshot::Receiver<()>,
    done: oneshot::Sender<()>,
}

impl Turn {
    /// The first turn, and what makes the next ones.
    pub(crate) fn first() -> oneshot::Receiver<()> {
        let (done, first) = oneshot::channel();
        let _ = done.send(());
        first
    }

    /// The turn after `before`, which becomes that of the next one.
    pub(crate) fn after(before: &mut oneshot::Receiver<()>) -> Self {
        let (done, next) = oneshot::channel();
        Self {
            before: std::mem::replace(before, next),
            done,
        }
    }
}

/// Messages of one vendor in a chunk, for one version of its decoder.
struct Vendor {
    name: Arc<str>,
    /// The version that their link or tracker pins.
    pin: Option<Arc<str>>,
    plugin: Arc<str>,
    messages: Vec<Waiting>,
    outcomes: Vec<Outcome>,
}

/// A message that is being decoded.
struct Waiting {
    /// Place in the chunk.
    slot: usize,
    offset: Offset,
    record: Bytes,
    uplink: Uplink,
    /// The state that its decoder was given.
    state: State,
}

impl Understanding {
    /// Decodes all messages of `records`; vendors run beside each other, one result per record in order.
    pub(crate) async fn understand(&self, records: Vec<(Offset, Bytes)>, turn: Turn) -> Understood {
        let read = |(offset, record): (Offset, Bytes)| {
            let uplink = Uplink::decode(&record).map_err(|error| error.to_string());
            (offset, record, uplink)
        };
        self.understand_read(records.into_iter().map(read), turn).await
    }

    /// The same with records that were read: each with its uplink, or why it is none.
    pub(crate) async fn understand_read(
        &self,
        records: impl ExactSizeIterator<Item = (Offset, Bytes, Result<Uplink, String>)>,
        turn: Turn,
    ) -> Understood {
        let mut range = Offset(0)..Offset(0);
        let mut slots: Vec<Option<Message>> = Vec::with_capacity(records.len());
        // few in a chunk: a scan beats a map whose key would be made for each message
        let mut vendors: Vec<(Vendor, Vec<Input>)> = Vec::new();
        for (offset, record, uplink) in records {
            if slots.is_empty() {
                range.start = offset;
            }
            range.end = Offset(offset.0 + 1);
            let (content, input) = match uplink {
                Err(error) => (Content::Unreadable(error), None),
                Ok(uplink) => {
                    let input = input_for(&uplink, &self.registry);
                    (Content::Position { uplink }, input)
                }
            };
            let (uplink, mut input) = match (content, input) {
                (Content::Position { uplink }, Some(input)) => (uplink, input),
                (content, _) => {
                    slots.push(Some(Message {
                        offset,
                        record,
                        content,
                    }));
                    continue;
                }
            };
            let name = uplink.vendor().unwrap_or_default();
            let pin = pin::of(&uplink, name, &input.context, &self.registry);
            let known = vendors
                .iter()
                .position(|(vendor, _)| *vendor.name == *name && vendor.pin == pin);
            let place = known.unwrap_or(vendors.len());
            if known.is_none() {
                vendors.push((Vendor::new(name, pin), Vec::new()));
            }
            let Some((vendor, inputs)) = vendors.get_mut(place) else {
                continue;
            };
            let state = if self.states.has(name) {
                self.states.current(&session(&uplink, &vendor.name, &input))
            } else {
                State::from([])
            };
            input.state = state.to_vec();
            inputs.push(input);
            vendor.messages.push(Waiting {
                slot: slots.len(),
                offset,
                record,
                uplink,
                state,
            });
            slots.push(None);
        }
        let jobs = vendors.into_iter().map(|(mut vendor, inputs)| async move {
            let batch = self
                .decode
                .decode_pinned(&vendor.name, vendor.pin.as_deref(), inputs)
                .await;
            vendor.plugin = batch.plugin;
            vendor.outcomes = batch.outcomes;
            vendor
        });
        let mut vendors = join_all(jobs).await;
        // an error: the chunk before this one failed, and the pipeline with it
        let _ = turn.before.await;
        for vendor in &mut vendors {
            self.settle(vendor).await;
        }
        let _ = turn.done.send(());
        for vendor in vendors {
            let mut outcomes = vendor.outcomes.into_iter();
            for message in vendor.messages {
                let outcome = outcomes.next().unwrap_or_else(missing_outcome);
                slots[message.slot] = Some(Message {
                    offset: message.offset,
                    record: message.record,
                    content: Content::Vendor {
                        uplink: message.uplink,
                        vendor: Arc::clone(&vendor.name),
                        plugin: Arc::clone(&vendor.plugin),
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

    /// Keeps the states that a vendor's messages left, in their order; messages whose state was not yet known
    /// when they were decoded are decoded again.
    async fn settle(&self, vendor: &mut Vendor) {
        let mut stale: BTreeMap<Session, VecDeque<usize>> = BTreeMap::new();
        for (index, message) in vendor.messages.iter().enumerate() {
            let left = vendor.outcomes.get_mut(index).and_then(state_left);
            if left.is_none() && !self.states.has(&vendor.name) {
                continue;
            }
            let Some(input) = input_for(&message.uplink, &self.registry) else {
                continue;
            };
            let session = session(&message.uplink, &vendor.name, &input);
            if let Some(waiting) = stale.get_mut(&session) {
                waiting.push_back(index);
            } else if self.states.current(&session) != message.state {
                stale.insert(session, VecDeque::from([index]));
            } else if let Some(left) = left.filter(|left| **left != *message.state) {
                self.states.put(&session, message.offset, &left);
            }
        }
        while !stale.is_empty() {
            // of each session the first: what it leaves is what the second has to be decoded with
            let (mut again, mut inputs) = (Vec::new(), Vec::new());
            stale.retain(|session, waiting| {
                let Some(index) = waiting.pop_front() else {
                    return false;
                };
                let message = vendor.messages.get(index);
                if let Some(input) = message.and_then(|message| input_for(&message.uplink, &self.registry)) {
                    let state = self.states.current(session).to_vec();
                    inputs.push(Input { state, ..input });
                    again.push((session.clone(), index));
                }
                true
            });
            let pin = vendor.pin.as_deref();
            let batch = self.decode.decode_pinned(&vendor.name, pin, inputs).await;
            let outcomes = batch.outcomes;
            for ((session, index), mut outcome) in again.into_iter().zip(outcomes) {
                if let (Some(message), Some(left)) = (vendor.messages.get(index), state_left(&mut outcome))
                    && *left != *self.states.current(&session)
                {
                    self.states.put(&session, message.offset, &left);
                }
                if let Some(place) = vendor.outcomes.get_mut(index) {
                    *place = outcome;
                }
            }
        }
    }
}

impl Vendor {
    fn new(name: &str, pin: Option<Arc<str>>) -> Self {
        Self {
            name: Arc::from(name),
            pin,
            plugin: Arc::from(""),
            messages: Vec::new(),
            outcomes: Vec::new(),
        }
    }
}

/// The new state that a message left, taken out of its outcome.
fn state_left(outcome: &mut Outcome) -> Option<Vec<u8>> {
    match outcome {
        Outcome::Decoded(decoded) => decoded.state.take(),
        Outcome::Failed(_) => None,
    }
}

/// Whose state a message reads and leaves.
fn session(uplink: &Uplink, vendor: &Arc<str>, input: &Input) -> Session {
    Session {
        client: uplink.sender.client,
        vendor: Arc::clone(vendor),
        sender: input.device.clone().unwrap_or_else(|| input.channel.clone()),
    }
}

/// What the decoder gets to see; `None` for the hub's own formats, which need none.
fn input_for(uplink: &Uplink, registry: &Registry) -> Option<Input> {
    let (transport, topic_device, payload) = match &uplink.source {
        Source::Mqtt { device, payload, .. } => (Transport::Mqtt, device.as_deref(), payload),
        Source::Http { payload, .. } => (Transport::Http, None, payload),
        Source::Position { .. } | Source::Correction(_) => return None,
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
