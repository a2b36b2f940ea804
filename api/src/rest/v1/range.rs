//! A bounded stretch of time, and the devices that are asked about.

use fixstream_core::history::TrackFilter;
use fixstream_core::model::{DeviceId, TimeMs};
use fixstream_core::registry::GroupId;

use crate::rest::codes;
use crate::rest::error::ApiError;
use crate::rest::operation::Call;
use crate::rest::positions::owned_device;
use crate::rest::time;
use crate::rest::validate::{self, Checked, Field, Rule};

/// The longest stretch of time, days.
const MAX_DAYS: i64 = 366;
/// Devices that one question names, or has in its group, at most.
pub(super) const MAX_DEVICES: usize = 1_000;
const DAY_MS: i64 = 86_400_000;
/// No device has this id.
const NOBODY: DeviceId = DeviceId(0);

/// Query fields: from a point in time on, and before another.
pub(super) const FROM: Field = Field::new("from", Rule::Time).required();
pub(super) const TO: Field = Field::new("to", Rule::Time).required();
/// Query fields: of these devices; of those of a group. Neither: of all.
pub(super) const DEVICES: Field = Field::new("deviceIds", Rule::IdList { max: MAX_DEVICES });
pub(super) const GROUP: Field = Field::id("groupId");

/// The stretch of time; it does not end before it begins, and is not longer than may be.
pub(super) fn of(query: &Checked) -> Result<(TimeMs, TimeMs), ApiError> {
    // the tables require both
    let time = |field: &Field| query.time(field.name).unwrap_or_default();
    let (from, to) = (time(&FROM), time(&TO));
    let last = TimeMs(from.0.saturating_add(MAX_DAYS * DAY_MS));
    let limit = if to < from {
        Some((&codes::VALUE_BELOW_MINIMUM, "minValue", from))
    } else if to > last {
        Some((&codes::VALUE_ABOVE_MAXIMUM, "maxValue", last))
    } else {
        None
    };
    match limit {
        None => Ok((from, to)),
        Some((code, name, limit)) => {
            let limit = time::format(limit).map_or_else(String::new, |limit| limit.to_string());
            let violation = validate::violation(code, TO.name, &[(name, &limit)]);
            Err(ApiError::Violations(vec![violation]))
        }
    }
}

/// What is asked for, of the client's devices.
pub(super) fn filter(call: &Call, query: &Checked) -> Result<TrackFilter, ApiError> {
    let (from, to) = of(query)?;
    let mut devices = match query.ids(DEVICES.name) {
        ids if ids.is_empty() => None,
        ids => {
            let owned = ids.into_iter().map(|id| owned_device(call, id, DEVICES.name));
            Some(owned.collect::<Result<Vec<_>, _>>()?)
        }
    };
    if let Some(id) = query.id(GROUP.name) {
        let members = members(call, id)?;
        devices = Some(match devices {
            Some(mut named) => {
                named.retain(|device| members.binary_search(device).is_ok());
                named
            }
            None if members.len() > MAX_DEVICES => return Err(ApiError::Query),
            None => members,
        });
    }
    if let Some(devices) = &mut devices {
        devices.sort_unstable();
        devices.dedup();
        if devices.is_empty() {
            devices.push(NOBODY);
        }
    }
    Ok(TrackFilter {
        client: call.client.id,
        devices,
        from,
        to,
    })
}

/// The devices of a group of the client, by id.
pub(super) fn members(call: &Call, id: u32) -> Result<Vec<DeviceId>, ApiError> {
    let members = call.rest.registry.group_devices(call.client.id, GroupId(id));
    let mut members = members.ok_or(ApiError::NotFound {
        entity: "GROUP",
        field: GROUP.name,
    })?;
    members.sort_unstable();
    Ok(members)
}
