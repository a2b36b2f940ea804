//! The part of the view that is small and changes rarely: clients, vendors, links, keys, device types.
//!
//! An immutable snapshot behind an `ArcSwap`; a change clones it (pointers only) and stores the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ahash::HashMap;

use super::changes::MadeKey;
use super::config::ReportConfig;
use super::entities::{ApiKey, Client, DeviceType, Link};
use super::secrets::KeyHash;
use crate::model::{ClientId, LinkId, TimeMs};

/// A key that is neither revoked nor, when it was read, expired.
pub(super) struct KeyEntry {
    pub(super) key: Arc<ApiKey>,
    pub(super) expires: Option<TimeMs>,
    /// Last use in ms; 0 = not since the last flush. Written by every request, hence relaxed and unlocked.
    last_used: AtomicI64,
}

impl KeyEntry {
    pub(super) fn new(key: ApiKey, expires: Option<TimeMs>) -> Self {
        Self {
            key: Arc::new(key),
            expires,
            last_used: AtomicI64::new(0),
        }
    }

    /// The key at `now`; `None` when it has expired.
    pub(super) fn used(&self, now: TimeMs) -> Option<Arc<ApiKey>> {
        if self.expires.is_some_and(|expires| expires <= now) {
            return None;
        }
        self.last_used.store(now.0, Ordering::Relaxed);
        Some(Arc::clone(&self.key))
    }

    /// The last use that was not taken yet; it stays.
    pub(super) fn last_used(&self) -> Option<TimeMs> {
        match self.last_used.load(Ordering::Relaxed) {
            0 => None,
            used => Some(TimeMs(used)),
        }
    }

    /// The last use that was not taken yet.
    pub(super) fn take_last_used(&self) -> Option<TimeMs> {
        match self.last_used.swap(0, Ordering::Relaxed) {
            0 => None,
            used => Some(TimeMs(used)),
        }
    }
}

/// The snapshot.
#[derive(Clone, Default)]
pub(super) struct Tenants {
    pub(super) clients: HashMap<ClientId, Arc<Client>>,
    pub(super) vendors: Vec<Arc<str>>,
    pub(super) links: HashMap<LinkId, Arc<Link>>,
    /// A client has a handful of links: a scan beats a second key.
    pub(super) links_of: HashMap<ClientId, Vec<Arc<Link>>>,
    pub(super) keys: HashMap<KeyHash, Arc<KeyEntry>>,
    /// By id.
    pub(super) device_types: Vec<Arc<DeviceType>>,
    /// Where a client has set one.
    pub(super) configs: HashMap<ClientId, Arc<ReportConfig>>,
}

impl Tenants {
    pub(super) fn add_vendor(&mut self, name: &str) {
        if let Err(place) = self.vendors.binary_search_by(|vendor| (**vendor).cmp(name)) {
            self.vendors.insert(place, Arc::from(name));
        }
    }

    pub(super) fn add_link(&mut self, link: &Arc<Link>) {
        self.links.insert(link.id, Arc::clone(link));
        self.links_of
            .entry(link.client)
            .or_default()
            .push(Arc::clone(link));
    }

    pub(super) fn add_key(&mut self, made: &MadeKey) {
        let entry = KeyEntry::new(made.info.key.clone(), made.info.expires);
        self.keys.insert(made.hash, Arc::new(entry));
    }

    /// Puts a changed link in the place of the old one.
    pub(super) fn change_link(&mut self, link: &Arc<Link>) {
        self.links.insert(link.id, Arc::clone(link));
        for known in self.links_of.entry(link.client).or_default() {
            if known.id == link.id {
                *known = Arc::clone(link);
            }
        }
    }

    pub(super) fn link_to(&self, client: ClientId, vendor: &str) -> Option<Arc<Link>> {
        self.links_of
            .get(&client)?
            .iter()
            .find(|link| &*link.vendor == vendor)
            .cloned()
    }
}
