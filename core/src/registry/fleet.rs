//! The part of the view that is large: trackers, devices, MQTT credentials. A change costs O(1) (O(log n)
//! in the ordered list of its client), whatever the size; lookups take no lock.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::ops::Bound;
use std::sync::Arc;

use ahash::{HashMap, RandomState};
use parking_lot::RwLock;
use scc::hash_index::Entry;
use scc::{Equivalent, HashIndex};

use super::entities::{Credential, Device, Tracker};
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

    pub(super) fn devices_after(&self, client: ClientId, last: DeviceId) -> Vec<Arc<Device>> {
        let newer = (Bound::Excluded(last), Bound::Unbounded);
        self.owned(client).map_or_else(Vec::new, |owned| {
            let owned = owned.read();
            owned
                .devices
                .range(newer)
                .map(|(_, device)| Arc::clone(device))
                .collect()
        })
    }

    /// Adds or replaces a tracker.
    pub(super) fn put_tracker(&self, tracker: &Arc<Tracker>) {
        let before = self.tracker(tracker.id);
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
            self.by_imei.remove_sync(&ImeiRef {
                client: tracker.client,
                imei: old,
            });
        }
        self.own(tracker.client)
            .write()
            .trackers
            .insert(tracker.id, Arc::clone(tracker));
    }

    /// Adds or replaces a device, and ties it to its tracker.
    pub(super) fn put_device(&self, device: &Arc<Device>) {
        put(&self.devices, device.id, device);
        self.own(device.client)
            .write()
            .devices
            .insert(device.id, Arc::clone(device));
        if let Some(tracker) = self.tracker(device.tracker)
            && tracker.device != Some(device.id)
        {
            self.put_tracker(&Arc::new(Tracker {
                device: Some(device.id),
                ..(*tracker).clone()
            }));
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

fn put<K: Clone + Eq + Hash + 'static, V>(map: &HashIndex<K, Arc<V>, RandomState>, key: K, value: &Arc<V>) {
    match map.entry_sync(key) {
        Entry::Occupied(mut entry) => entry.update(Arc::clone(value)),
        Entry::Vacant(entry) => {
            entry.insert_entry(Arc::clone(value));
        }
    }
}
