//! Who is who: clients, vendors, links, keys, credentials, device types, trackers, devices, groups, and what
//! clients set for their reports.
//!
//! SQLite is behind, an in-memory view in front. In come questions of the hot path (who is this key,
//! whose is this IMEI), answered from memory without a lock that a writer holds for long; and changes,
//! which go to the database first and become visible in the view after the commit, in the order of the
//! commits. The room promises:
//! - what was answered as created is on disk (WAL, `synchronous=FULL`);
//! - the database's own constraints decide: unique ones give [`RegistryError::Exists`], foreign keys
//!   give [`RegistryError::NotFound`];
//! - nothing of one client can refer to something of another: keys are `(id, client)` throughout;
//! - a change is finished even when its caller goes away in the middle;
//! - what lets an identifier lead to a device is announced, once the view shows it, to who listens;
//! - secrets are stored as hashes only.

mod admin;
mod announce;
mod changes;
mod config;
mod entities;
mod error;
mod fleet;
mod fleet_changes;
mod fleet_updates;
mod groups;
mod load;
mod once;
mod pins;
mod queries;
mod secrets;
mod store;
mod tenants;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod update_tests;

pub use announce::{Announcement, Announcements};
pub use config::{CONFIG_MISSING, ReportConfig, Thresholds};
pub use entities::{
    ApiKey, ApiKeyInfo, Client, Contact, Credential, CredentialInfo, Device, DeviceType, Link, NewApiKey,
    NewDevice, NewTracker, Role, Scope, Tracker, UnknownTracker,
};
pub use error::RegistryError;
pub use fleet_updates::{DeviceChange, TrackerChange};
pub use groups::{Group, GroupChange, GroupId, NewGroup};
pub use once::{Begun, Created, KEPT_MS, Once, Remembered, Turn};
pub use pins::{PIN_SETTING, Pins, pinned_version};
pub use store::Registry;
