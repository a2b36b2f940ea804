//! The part of the view that is large: trackers, devices, groups, MQTT credentials. A change costs O(1) (O(log n)
//! in the ordered list of its client), whatever the size; lookups take no lock.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::sync::Arc;

use ahash::{HashMap, RandomState};
use parking_lot::RwLock;
use scc::hash_index::Entry;
use scc::{Equivalent, HashIndex};

use super::announce::{Announcement, KEPT};
use super::entities::{Credential, Device, Tracker};
use super::groups::{Group, GroupId};
use crate::model::{ClientId, DeviceId, TrackerId};

/// Key of the IMEI index.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Imei {
    client: ClientId,
    imei: Arc<str>,
}

/// The same, borrowed: hashes alike because `Arc<str>` hashes as `str`.
#[derive(Hash)]
struct ImeiRef<'a> {
    client: ClientId,
    imei: &'a str,
}

impl Equivalent<Imei> for ImeiRef<'_> {
    fn equivalent(&self, key: &Imei) -> bool {
        self.client == key.client && self.imei == &*key.imei
    }
}

/// What a client owns, by id, for listings.
#[derive(Default)]
struct Owned {
    trackers: BTreeMap<TrackerId, Arc<Tracker>>,
    devices: BTreeMap<DeviceId, Arc<Device>>,
    groups: BTreeMap<GroupId, Members>,
}

/// A group and its devices.
struct Members {
    group: Arc<Group>,
    devices: BTreeSet<DeviceId>,
}

/// The maps. Writers are serialised by the caller.
#[derive(Default)]
pub(super) struct Fleet {
    trackers: HashIndex<TrackerId, Arc<Tracker>, RandomState>,
    by_imei: HashIndex<Imei, Arc<Tracker>, RandomState>,
    devices: HashIndex<DeviceId, Arc<Device>, RandomState>,
    credentials: HashIndex<Arc<str>, Arc<Credential>, RandomState>,
    owned: RwLock<HashMap<ClientId, Arc<RwLock<Owned>>>>,
}

impl Fleet {
    pub(super) fn tracker(&self, id: TrackerId) -> Option<Arc<Tracker>> {
        self.trackers.peek_with(&id, |_, tracker| Arc::clone(tracker))
    }

    pub(super) fn tracker_by_imei(&self, client: ClientId, imei: &str) -> Option<Arc<Tracker>> {
        self.by_imei
            .peek_with(&ImeiRef { client, imei }, |_, tracker| Arc::clone(tracker))
    }

    pub(super) fn device(&self, id: DeviceId) -> Option<Arc<Device>> {
        self.devices.peek_with(&id, |_, device| Arc::clone(device))
    }

    pub(super) fn credential(&self, username: &str) -> Option<Arc<Credential>> {
        self.credentials
            .peek_with(username, |_, credential| Arc::clone(credential))
    }

    pub(super) fn trackers(&self, client: ClientId) -> Vec<Arc<Tracker>> {
        self.owned(client).map_or_else(Vec::new, |owned| {
            owned.read().trackers.values().cloned().collect()
        })
    }

    pub(super) fn devices(&self, client: ClientId) -> Vec<Arc<Device>> {
        self.owned(client)
            .map_or_else(Vec::new, |owned| owned.read().devices.values().cloned().collect())
    }

    pub(super) fn device_count(&self, client: ClientId) -> usize {
        self.owned(client).map_or(0, |owned| owned.read().devices.len())
    }

    /// Adds or replaces a tracker; says so when its identifier, or it without one, leads to a device now.
    pub(super) fn put_tracker(&self, tracker: &Arc<Tracker>) -> Option<Announcement> {
        let before = self.tracker(tracker.id);
        let located = self.located_by(tracker);
        put(&self.trackers, tracker.id, tracker);
        if let Some(imei) = &tracker.imei {
            put(
                &self.by_imei,
                Imei {
                    client: tracker.client,
                    imei: Arc::clone(imei),
                },
                tracker,
            );
        }
        if let Some(old) = before.as_ref().and_then(|before| before.imei.as_deref())
            && tracker.imei.as_deref() != Some(old)
        {
            self.leaves(tracker, old);
        }
        self.own(tracker.client)
            .write()
            .trackers
            .insert(tracker.id, Arc::clone(tracker));
        located
    }

    /// What is new with this tracker: its identifier leads to a device, and here to none or to another; or it has none
    /// and has a device, and here has not or has another.
    fn located_by(&self, tracker: &Tracker) -> Option<Announcement> {
        let client = tracker.client;
        let leads_to = match &tracker.imei {
            Some(imei) => self
                .by_imei
                .peek_with(&ImeiRef { client, imei }, |_, tracker| tracker.device),
            None => self.trackers.peek_with(&tracker.id, |_, tracker| tracker.device),
        };
        (tracker.device.is_some() && tracker.device != leads_to.flatten()).then(|| Announcement::Located {
            client,
            ident: tracker.imei.clone(),
        })
    }

    /// Which identifiers lead to a device and in `before` did not, or to another; when they are more than a listener
    /// can hear, only that.
    pub(super) fn located_since(&self, before: &Self) -> Vec<Announcement> {
        let all: Vec<_> = self.owned.read().values().cloned().collect();
        let mut located = Vec::new();
        for owned in all {
            let owned = owned.read();
            let news = owned
                .trackers
                .values()
                .filter_map(|tracker| before.located_by(tracker));
            located.extend(news.take(KEPT - located.len()));
            if located.len() == KEPT {
                return vec![Announcement::Missed];
            }
        }
        located
    }

    /// Adds or replaces a device, and ties it to its tracker, away from the one that it had; says so when an
    /// identifier leads to it now.
    pub(super) fn put_device(&self, device: &Arc<Device>) -> Option<Announcement> {
        let before = self.device(device.id);
        put(&self.devices, device.id, device);
        if let Some(before) = before.filter(|before| before.tracker != device.tracker) {
            self.untie(&before);
        }
        self.own(device.client)
            .write()
            .devices
            .insert(device.id, Arc::clone(device));
        let tracker = self.tracker(device.tracker)?;
        if tracker.device == Some(device.id) {
            return None;
        }
        self.put_tracker(&Arc::new(Tracker {
            device: Some(device.id),
            ..(*tracker).clone()
        }))
    }

    /// Forgets a tracker.
    pub(super) fn remove_tracker(&self, tracker: &Tracker) {
        self.trackers.remove_sync(&tracker.id);
        if let Some(imei) = tracker.imei.as_deref() {
            self.leaves(tracker, imei);
        }
        self.own(tracker.client).write().trackers.remove(&tracker.id);
    }

    /// An identifier is not this tracker's any more. It may be another's by now: of what another process changes, the
    /// view hears later than of what this one does.
    fn leaves(&self, tracker: &Tracker, imei: &str) {
        let client = tracker.client;
        let of_it = |found: &Arc<Tracker>| found.id == tracker.id;
        self.by_imei.remove_if_sync(&ImeiRef { client, imei }, of_it);
    }

    /// Forgets a device, also in its groups, and frees its tracker.
    pub(super) fn remove_device(&self, device: &Device) {
        self.devices.remove_sync(&device.id);
        {
            let owned = self.own(device.client);
            let mut owned = owned.write();
            owned.devices.remove(&device.id);
            for members in owned.groups.values_mut() {
                members.devices.remove(&device.id);
            }
        }
        self.untie(device);
    }

    /// Frees the tracker of a device, unless it serves another one by now.
    fn untie(&self, device: &Device) {
        if let Some(tracker) = self.tracker(device.tracker)
            && tracker.device == Some(device.id)
        {
            self.put_tracker(&Arc::new(Tracker {
                device: None,
                ..(*tracker).clone()
            }));
        }
    }

    pub(super) fn groups(&self, client: ClientId) -> Vec<(Arc<Group>, usize)> {
        self.owned(client).map_or_else(Vec::new, |owned| {
            let owned = owned.read();
            owned.groups.values().map(Members::counted).collect()
        })
    }

    pub(super) fn group(&self, client: ClientId, id: GroupId) -> Option<(Arc<Group>, usize)> {
        self.owned(client)?.read().groups.get(&id).map(Members::counted)
    }

    pub(super) fn group_devices(&self, client: ClientId, id: GroupId) -> Option<Vec<DeviceId>> {
        let owned = self.owned(client)?;
        let owned = owned.read();
        Some(owned.groups.get(&id)?.devices.iter().copied().collect())
    }

    /// Adds a group, or replaces what it is, not who is in it.
    pub(super) fn put_group(&self, group: &Arc<Group>) {
        let owned = self.own(group.client);
        let mut owned = owned.write();
        let members = owned.groups.entry(group.id).or_insert_with(|| Members {
            group: Arc::clone(group),
            devices: BTreeSet::new(),
        });
        members.group = Arc::clone(group);
    }

    /// Forgets a group.
    pub(super) fn remove_group(&self, client: ClientId, id: GroupId) {
        self.own(client).write().groups.remove(&id);
    }

    /// Puts a device into a group.
    pub(super) fn put_member(&self, client: ClientId, id: GroupId, device: DeviceId) {
        if let Some(members) = self.own(client).write().groups.get_mut(&id) {
            members.devices.insert(device);
        }
    }

    /// Takes a device out of a group.
    pub(super) fn remove_member(&self, client: ClientId, id: GroupId, device: DeviceId) {
        if let Some(members) = self.own(client).write().groups.get_mut(&id) {
            members.devices.remove(&device);
        }
    }

    /// Adds or replaces a credential.
    pub(super) fn put_credential(&self, credential: &Arc<Credential>) {
        put(
            &self.credentials,
            Arc::from(credential.username.as_str()),
            credential,
        );
    }

    /// Forgets a credential.
    pub(super) fn remove_credential(&self, username: &str) {
        self.credentials.remove_sync(username);
    }

    fn owned(&self, client: ClientId) -> Option<Arc<RwLock<Owned>>> {
        self.owned.read().get(&client).cloned()
    }

    fn own(&self, client: ClientId) -> Arc<RwLock<Owned>> {
        self.owned(client)
            .unwrap_or_else(|| Arc::clone(self.owned.write().entry(client).or_default()))
    }
}

impl Members {
    fn counted(&self) -> (Arc<Group>, usize) {
        (Arc::clone(&self.group), self.devices.len())
    }
}

fn put<K: Clone + Eq + Hash + 'static, V>(map: &HashIndex<K, Arc<V>, RandomState>, key: K, value: &Arc<V>) {
    match map.entry_sync(key) {
        Entry::Occupied(mut entry) => entry.update(Arc::clone(value)),
        Entry::Vacant(entry) => {
            entry.insert_entry(Arc::clone(value));
        }
    }
}
