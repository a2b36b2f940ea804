//! Who is who: clients, vendors, links, keys, credentials, device types, trackers, devices.
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
//! - secrets are stored as hashes only.

mod admin;
mod changes;
mod entities;
mod error;
mod fleet;
mod fleet_changes;
mod load;
mod pins;
mod queries;
mod secrets;
mod store;
mod tenants;
#[cfg(test)]
mod tests;

pub use entities::{
    ApiKey, ApiKeyInfo, Client, Credential, CredentialInfo, Device, DeviceType, Link, NewDevice, NewTracker,
    Role, Scope, Tracker, UnknownTracker,
};
pub use error::RegistryError;
pub use pins::{PIN_SETTING, Pins, pinned_version};
pub use store::Registry;
