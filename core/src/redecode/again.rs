//! A page of raw messages, decoded as they are when they arrive: the same plugins, pins, sessions and states.

use std::sync::Arc;

use bytes::Bytes;

use super::run::RunError;
use crate::decode::{FailureKind, Outcome};
use crate::history::RawMessage;
use crate::model::{DeviceId, Fix, MAX_FIXES_PER_MESSAGE, Offset, TimeMs, Uplink};
use crate::pipeline::{Content, Message, Origin, States, Turn, Understanding};

use super::jobs::Rooms;

/// A message with what its decoder says now.
pub(super) struct Again {
    pub offset: Offset,
    pub received: TimeMs,
    pub vendor: Arc<str>,
    /// The plugin and version that decoded it.
    pub plugin: Arc<str>,
    /// `None`: it was refused, or its decoder failed on it.
    pub fixes: Option<Vec<FixAgain>>,
}

/// A fix and, where the registry knows one by now, its device.
pub(super) struct FixAgain {
    pub ident: Option<String>,
    pub device: Option<DeviceId>,
    pub fix: Fix,
}

/// Messages that are decoded together: few enough that the memory which they take is soon used again.
const TOGETHER: usize = 2_048;

/// Decodes pages, one after the other. Cheap to clone.
#[derive(Clone)]
pub(super) struct Decoder {
    understanding: Understanding,
}

/// What came of a page.
#[derive(Default)]
pub(super) struct Page {
    pub messages: Vec<Again>,
    /// Messages of which too little is kept.
    pub unreadable: u64,
}

impl Decoder {
    /// States are those of this job alone: live ones are further.
    pub(super) fn new(rooms: &Rooms, states: States) -> Self {
        Self {
            understanding: Understanding {
                decode: rooms.decode.clone(),
                registry: rooms.registry.clone(),
                states,
            },
        }
    }

    /// Decodes a page. `Err` where a message has no decoder at the moment: then nothing of the page counts.
    pub(super) async fn decode(&self, raw: Vec<RawMessage>) -> Result<Page, RunError> {
        let mut page = Page {
            messages: Vec::with_capacity(raw.len()),
            unreadable: 0,
        };
        let mut raw = raw.into_iter();
        while raw.len() > 0 {
            let mut records = Vec::with_capacity(TOGETHER);
            for message in raw.by_ref().take(TOGETHER) {
                match message.uplink {
                    // what is not understood is not kept once more, so the record is not needed
                    Some(uplink) => records.push((message.offset, Bytes::new(), Ok(uplink))),
                    None => page.unreadable += 1,
                }
            }
            // what came before is through
            let turn = Turn::after(&mut Turn::first());
            let understood = self.understanding.understand_read(records.into_iter(), turn);
            for message in understood.await.messages {
                page.messages.extend(self.again(message)?);
            }
        }
        Ok(page)
    }

    fn again(&self, message: Message) -> Result<Option<Again>, RunError> {
        let Content::Vendor {
            uplink,
            vendor,
            plugin,
            outcome,
        } = message.content
        else {
            return Ok(None);
        };
        let fixes = match outcome {
            Outcome::Decoded(decoded) => Some(self.located(&uplink, &plugin, decoded.fixes)),
            Outcome::Failed(failure) => match failure.kind {
                FailureKind::NotMine
                | FailureKind::Malformed
                | FailureKind::Unsupported
                | FailureKind::Trapped
                | FailureKind::Deadline
                | FailureKind::Contract => None,
                FailureKind::OutOfService => return Err(RunError::OutOfService),
                FailureKind::NoPlugin => return Err(RunError::NoPlugin(failure.detail)),
            },
        };
        Ok(Some(Again {
            offset: message.offset,
            received: uplink.received,
            vendor,
            plugin,
            fixes,
        }))
    }

    fn located(&self, uplink: &Uplink, plugin: &str, fixes: Vec<(Option<String>, Fix)>) -> Vec<FixAgain> {
        let Understanding { decode, registry, .. } = &self.understanding;
        let origin = Origin::of(uplink, plugin, registry, decode);
        let fixes = fixes.into_iter().take(MAX_FIXES_PER_MESSAGE);
        fixes
            .map(|(ident, fix)| FixAgain {
                device: origin.device(ident.as_deref(), registry).ok(),
                ident,
                fix,
            })
            .collect()
    }
}
