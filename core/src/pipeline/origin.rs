//! Whose the fixes of a message are: from payload, topic or credential.

use std::sync::Arc;

use crate::decode::{DecodeHost, DeviceFrom, Manifest};
use crate::model::{DeadReason, DeviceId, Source, Uplink};
use crate::registry::{Registry, Tracker};

/// Where a message comes from, as far as it says whose its fixes are; looked up once for all of them.
pub(crate) struct Origin<'a> {
    uplink: &'a Uplink,
    /// Device identifier in the topic.
    topic: Option<&'a str>,
    /// The tracker that the credential belongs to.
    own: Option<Arc<Tracker>>,
    manifest: Option<Arc<Manifest>>,
}

/// Why a fix has no device.
pub(crate) enum NoDevice<'a> {
    /// No tracker of the client has this identifier.
    Unregistered(&'a str),
    /// It can't have one.
    Refused(Refusal),
}

/// Why a fix is not taken.
pub(crate) struct Refusal {
    pub ident: Option<String>,
    pub reason: DeadReason,
    pub detail: String,
}

impl<'a> Origin<'a> {
    /// The message and the plugin that decoded it.
    pub(crate) fn of(uplink: &'a Uplink, plugin: &str, registry: &Registry, decode: &DecodeHost) -> Self {
        Self {
            uplink,
            topic: match &uplink.source {
                Source::Mqtt { device, .. } => device.as_deref(),
                _ => None,
            },
            own: uplink
                .sender
                .tracker
                .and_then(|tracker| registry.tracker(tracker)),
            manifest: decode.manifest_of(plugin),
        }
    }

    /// The device of one fix: from payload, topic or credential in the order that the manifest says, and
    /// never another tracker than the credential's.
    pub(crate) fn device<'b>(
        &'b self,
        named: Option<&'b str>,
        registry: &Registry,
    ) -> Result<DeviceId, NoDevice<'b>> {
        let own = self.own.as_deref();
        let order = self.manifest.as_ref().map_or(
            &[DeviceFrom::Payload, DeviceFrom::Topic, DeviceFrom::Credential][..],
            |manifest| &manifest.device_order,
        );
        let ident = order.iter().find_map(|from| match from {
            DeviceFrom::Payload => named,
            DeviceFrom::Topic => self.topic,
            DeviceFrom::Credential => own.and_then(|tracker| tracker.imei.as_deref()),
        });
        if let Some(own) = own {
            if let (Some(ident), Some(imei)) = (ident, own.imei.as_deref())
                && ident != imei
            {
                return Err(NoDevice::Refused(Refusal {
                    ident: Some(ident.to_owned()),
                    reason: DeadReason::ForeignTracker,
                    detail: format!("the credential belongs to tracker {imei}"),
                }));
            }
            return device_of(own);
        }
        let Some(ident) = ident else {
            return Err(NoDevice::Refused(Refusal {
                ident: None,
                reason: DeadReason::UnknownTracker,
                detail: "neither payload nor topic nor credential names a tracker".into(),
            }));
        };
        match registry.tracker_by_imei(self.uplink.sender.client, ident) {
            Some(tracker) => device_of(&tracker),
            None => Err(NoDevice::Unregistered(ident)),
        }
    }
}

fn device_of(tracker: &Tracker) -> Result<DeviceId, NoDevice<'static>> {
    tracker.device.ok_or_else(|| {
        NoDevice::Refused(Refusal {
            ident: tracker.imei.as_deref().map(str::to_owned),
            reason: DeadReason::NoDevice,
            detail: format!("tracker {} has no device", tracker.id),
        })
    })
}
