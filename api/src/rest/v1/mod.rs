//! The resource surface: entities by path, camelCase, pages and cursors, ETags, 201 with `Location`, 204 without a body.

mod config;
pub(super) mod create;
mod cursor;
mod device_types;
mod devices;
mod etag;
mod groups;
mod keys;
mod latest;
mod negotiate;
mod page;
mod positions;
mod range;
mod redecodes;
mod reports;
mod track;
mod trackers;

use super::operation::Operation;
#[cfg(test)]
use super::validate::Field;

/// The endpoints, in the order of the documents.
pub(super) fn operations() -> Vec<Operation> {
    [
        devices::operations(),
        trackers::operations(),
        positions::operations(),
        latest::operations(),
        track::operations(),
        reports::operations(),
        device_types::operations(),
        groups::operations(),
        config::operations(),
        keys::operations(),
        redecodes::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The field tables of these modules.
#[cfg(test)]
pub(super) const TABLES: &[&[Field]] = &[
    devices::LIST,
    devices::NEW,
    devices::CHANGE,
    trackers::LIST,
    trackers::NEW,
    trackers::CHANGE,
    positions::NEW,
    positions::CHANGE,
    positions::OF_DEVICE,
    latest::LIST,
    track::TRACK,
    reports::REPORT,
    reports::SUMMARY,
    device_types::LIST,
    groups::LIST,
    groups::NEW,
    groups::CHANGE,
    groups::MEMBER,
    keys::LIST,
    keys::NEW,
    redecodes::LIST,
    redecodes::NEW,
    redecodes::PATH,
    config::CHANGE,
    page::BY_ID,
];
