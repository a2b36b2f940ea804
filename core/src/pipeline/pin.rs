//! Which version of a vendor's decoder a message gets: what its tracker pins, else what its link pins, else the
//! active one.

use std::sync::Arc;

use crate::model::Uplink;
use crate::registry::{PIN_SETTING, Registry, pinned_version};

/// The pinned version for a message of `vendor`; `None`: the active one. `context` are its tracker's settings.
pub(super) fn of(
    uplink: &Uplink,
    vendor: &str,
    context: &[(String, String)],
    registry: &Registry,
) -> Option<Arc<str>> {
    let of_tracker = context
        .iter()
        .filter(|(key, _)| key == PIN_SETTING)
        .find_map(|(_, value)| pinned_version(value, vendor));
    if let Some(version) = of_tracker {
        return Some(Arc::from(version));
    }
    let link = registry.link_of(&uplink.sender, vendor)?;
    link.pin.clone().filter(|_| *link.vendor == *vendor)
}
