//! Second stage: find out whose fixes they are and hand them to their devices.

use std::sync::Arc;

use ahash::AHashMap;
use bytes::Bytes;

use super::metrics::PipelineMetrics;
use super::origin::{NoDevice, Origin, Refusal};
use super::understand::{Content, Message, Understood, fixes};
use crate::decode::{DecodeHost, Decoded, Failure, FailureKind};
use crate::device::{DeviceBatch, DeviceCorrection, DeviceDirectory, Reading, Ticket};
use crate::history::RawRow;
use crate::model::{
    ClientId, Correction, DeadLetter, DeadReason, DeviceId, MAX_FIXES_PER_MESSAGE, Offset, PositionId,
    Sender, Source, Uplink,
};
use crate::registry::{NewDevice, NewTracker, Registry, RegistryError, UnknownTracker};

/// What a chunk left behind besides its rows.
#[derive(Default)]
pub(super) struct Leftovers {
    pub raw: Vec<RawRow>,
    pub dead: Vec<DeadLetter>,
}

/// Resolves and delivers; owns nothing but handles.
pub(super) struct Applier {
    pub registry: Registry,
    pub decode: DecodeHost,
    pub devices: DeviceDirectory,
    pub metrics: PipelineMetrics,
    pub keep_raw: bool,
}

/// What the messages of a chunk amount to, each device's part in journal order.
#[derive(Default)]
struct Gathered {
    devices: AHashMap<DeviceId, Part>,
    /// Goes before what is in `devices`.
    before: Vec<(DeviceId, Part)>,
    left: Leftovers,
}

/// For one device.
struct Part {
    client: ClientId,
    readings: Vec<Reading>,
    /// After the readings.
    corrections: Vec<DeviceCorrection>,
}

impl Gathered {
    fn part(&mut self, device: DeviceId, client: ClientId) -> &mut Part {
        self.devices.entry(device).or_insert_with(|| Part::new(client))
    }

    fn add(&mut self, device: DeviceId, client: ClientId, reading: Reading) {
        let part = self.part(device, client);
        let before = (!part.corrections.is_empty()).then(|| std::mem::replace(part, Part::new(client)));
        part.readings.push(reading);
        self.before.extend(before.map(|part| (device, part)));
    }
}

impl Part {
    fn new(client: ClientId) -> Self {
        Self {
            client,
            readings: Vec::new(),
            corrections: Vec::new(),
        }
    }
}

impl Applier {
    /// Delivers all readings and corrections of `chunk` under `ticket`; per device in journal order.
    pub async fn apply(&self, chunk: Understood, ticket: &Ticket) -> Leftovers {
        let mut gathered = Gathered::default();
        for message in chunk.messages {
            self.message(message, &mut gathered).await;
        }
        let Gathered {
            devices,
            before,
            left,
        } = gathered;
        for (device, part) in before.into_iter().chain(devices) {
            self.metrics.positions.inc_by(part.readings.len() as u64);
            let batch = DeviceBatch {
                client: part.client,
                readings: part.readings,
                corrections: part.corrections,
                ticket: ticket.clone(),
            };
            self.devices.deliver(device, batch);
        }
        for letter in &left.dead {
            self.metrics.dead(letter.reason);
        }
        left
    }

    async fn message(&self, message: Message, into: &mut Gathered) {
        let offset = message.offset;
        match message.content {
            Content::Unreadable(detail) => into.left.dead.push(DeadLetter {
                offset,
                client: ClientId(0),
                received: crate::clock::now(),
                vendor: String::new(),
                channel: String::new(),
                device: None,
                reason: DeadReason::Unreadable,
                detail,
                plugin: None,
                payload: message.record,
                envelope: Bytes::new(),
            }),
            Content::Position { uplink } => match uplink.source {
                Source::Correction(correction) => correct(offset, uplink.sender.client, correction, into),
                _ => self.position(offset, uplink, into),
            },
            Content::Vendor {
                uplink,
                vendor,
                plugin,
                outcome,
            } => {
                let device = match fixes(outcome) {
                    Ok(decoded) => {
                        self.vendor(offset, &uplink, &vendor, &plugin, decoded, into)
                            .await
                    }
                    Err(failure) => {
                        into.left
                            .dead
                            .push(failed(dead_letter(offset, &uplink, &plugin), failure));
                        None
                    }
                };
                if self.keep_raw {
                    into.left.raw.push(RawRow {
                        offset,
                        client: uplink.sender.client,
                        device: device.unwrap_or_default(),
                        received: uplink.received,
                        vendor,
                        channel: uplink.channel().to_owned(),
                        payload: uplink.payload_bytes(),
                        // it was read from a record, so it can be written as one
                        envelope: uplink.envelope().unwrap_or_default(),
                    });
                }
            }
        }
    }

    /// A position in the hub's own format: its device is named, and may be gone since.
    fn position(&self, offset: Offset, uplink: Uplink, into: &mut Gathered) {
        let client = uplink.sender.client;
        let is_clients = |device| {
            self.registry
                .device(device)
                .is_some_and(|device| device.client == client)
        };
        match uplink.source {
            Source::Position { device, fix } if is_clients(device) => {
                let reading = Reading {
                    id: PositionId::new(offset, 0),
                    received: uplink.received,
                    fix: *fix,
                    vendor: Arc::from(""),
                    plugin: Arc::from(""),
                };
                into.add(device, client, reading);
            }
            Source::Position { device, .. } => into.left.dead.push(DeadLetter {
                reason: DeadReason::NoDevice,
                detail: format!("device {device} is gone"),
                ..dead_letter(offset, &uplink, "")
            }),
            Source::Mqtt { .. } | Source::Http { .. } | Source::Correction(_) => {}
        }
    }

    /// The fixes of a vendor's message; the first device that one of them belongs to.
    async fn vendor(
        &self,
        offset: Offset,
        uplink: &Uplink,
        vendor: &Arc<str>,
        plugin: &Arc<str>,
        decoded: Decoded,
        into: &mut Gathered,
    ) -> Option<DeviceId> {
        let origin = Origin::of(uplink, plugin, &self.registry, &self.decode);
        let (mut first, mut refused) = (None, None);
        for (index, (named, fix)) in decoded.fixes.into_iter().take(MAX_FIXES_PER_MESSAGE).enumerate() {
            let device = match origin.device(named.as_deref(), &self.registry) {
                Err(NoDevice::Unregistered(ident)) => self.unknown(uplink.sender, vendor, ident).await,
                Err(NoDevice::Refused(refusal)) => Err(refusal),
                Ok(device) => Ok(device),
            };
            match device {
                Ok(device) => {
                    first.get_or_insert(device);
                    let reading = Reading {
                        id: PositionId::new(offset, index),
                        received: uplink.received,
                        fix,
                        vendor: Arc::clone(vendor),
                        plugin: Arc::clone(plugin),
                    };
                    into.add(device, uplink.sender.client, reading);
                }
                Err(refusal) => {
                    refused.get_or_insert(refusal);
                }
            }
        }
        // one letter per message: it keeps the whole message, and its replay decodes all of it
        into.left.dead.extend(refused.map(|refusal| DeadLetter {
            device: refusal.ident,
            reason: refusal.reason,
            detail: refusal.detail,
            ..dead_letter(offset, uplink, plugin)
        }));
        first
    }

    /// A tracker that is not registered: what the link says happens with it.
    async fn unknown(&self, sender: Sender, vendor: &str, ident: &str) -> Result<DeviceId, Refusal> {
        let refusal = |detail: String| Refusal {
            ident: Some(ident.to_owned()),
            reason: DeadReason::UnknownTracker,
            detail,
        };
        match self.registry.link_of(&sender, vendor) {
            Some(link) if link.unknown == UnknownTracker::AutoRegister => {
                let tracker = NewTracker {
                    name: ident.to_owned(),
                    description: None,
                    imei: Some(ident.to_owned()),
                    status: "active".into(),
                    context: Vec::new(),
                };
                let created = async {
                    let tracker = self.registry.create_tracker(sender.client, tracker).await?;
                    let device = NewDevice {
                        tracker: tracker.id,
                        worksite: 1,
                        team: 1,
                        name: ident.to_owned(),
                        device_type: 1,
                        code: None,
                        uuid: Some(ident.to_owned()),
                        status: "active".into(),
                    };
                    self.registry.create_device(sender.client, link.id, device).await
                };
                match created.await {
                    Ok(device) => {
                        tracing::info!(client = %sender.client, vendor, ident, device = %device.id, "tracker registered on its first message");
                        Ok(device.id)
                    }
                    Err(error @ RegistryError::Exists { .. }) => Err(refusal(error.to_string())),
                    Err(error) => {
                        tracing::warn!(client = %sender.client, vendor, ident, %error, "tracker could not be registered");
                        Err(refusal(error.to_string()))
                    }
                }
            }
            Some(link) if link.unknown == UnknownTracker::Hold => {
                Err(refusal("held until the tracker is registered".into()))
            }
            _ => Err(refusal("no such tracker".into())),
        }
    }
}

/// A correction goes to the devices that it concerns. Whether they still exist does not matter: the rows do.
fn correct(offset: Offset, client: ClientId, correction: Box<Correction>, into: &mut Gathered) {
    let from = correction.old.as_ref().map(|old| old.device);
    let to = correction.new.as_ref().map(|new| new.device);
    let correction = DeviceCorrection {
        at: PositionId::new(offset, 0),
        correction: Arc::from(correction),
    };
    for device in from.into_iter().chain(to.filter(|to| Some(*to) != from)) {
        into.part(device, client).corrections.push(correction.clone());
    }
}

/// A letter with everything but the reason.
pub(super) fn dead_letter(offset: Offset, uplink: &Uplink, plugin: &str) -> DeadLetter {
    let device = match &uplink.source {
        Source::Mqtt { device, .. } => device.clone(),
        Source::Http { .. } => None,
        Source::Position { device, .. } => Some(device.to_string()),
        Source::Correction(correction) => {
            let old = correction.old.as_ref().map(|old| old.device);
            let device = old.or_else(|| correction.new.as_ref().map(|new| new.device));
            device.map(|device| device.to_string())
        }
    };
    DeadLetter {
        offset,
        client: uplink.sender.client,
        received: uplink.received,
        vendor: uplink.vendor().unwrap_or_default().to_owned(),
        channel: uplink.channel().to_owned(),
        device,
        reason: DeadReason::PluginFailed,
        detail: String::new(),
        plugin: (!plugin.is_empty()).then(|| plugin.to_owned()),
        payload: uplink.payload_bytes(),
        envelope: match &uplink.source {
            // made for the row that stood then: it must not be applied to what stands by the time of a replay
            Source::Correction(_) => Bytes::new(),
            // it was read from a record, so it can be written as one
            _ => uplink.envelope().unwrap_or_default(),
        },
    }
}

fn failed(letter: DeadLetter, failure: Failure) -> DeadLetter {
    let reason = match failure.kind {
        FailureKind::NotMine | FailureKind::Malformed => DeadReason::Undecodable,
        FailureKind::Unsupported => DeadReason::Unsupported,
        FailureKind::Trapped | FailureKind::Deadline | FailureKind::Contract => DeadReason::PluginFailed,
        FailureKind::NoPlugin => DeadReason::UnknownVendor,
        FailureKind::OutOfService => DeadReason::PluginUnavailable,
    };
    DeadLetter {
        reason,
        detail: failure.detail,
        ..letter
    }
}
