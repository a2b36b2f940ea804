//! Questions, answered from memory.

use std::sync::Arc;

use super::entities::{ApiKey, Client, Credential, Device, DeviceType, Link, Tracker};
use super::{Registry, secrets};
use crate::clock;
use crate::model::{ClientId, DeviceId, LinkId, Sender, TrackerId};

impl Registry {
    /// The key, by the secret as sent; `None` when unknown, expired or revoked.
    pub fn api_key(&self, secret: &str) -> Option<Arc<ApiKey>> {
        let hash = secrets::key_hash(secret)?;
        self.inner.tenants.load().keys.get(&hash)?.used(clock::now())
    }

    /// The credential of an MQTT user.
    pub fn credential(&self, username: &str) -> Option<Arc<Credential>> {
        self.inner.fleet.load().credential(username)
    }

    /// Checks a password; slow on purpose (call on a blocking thread), the result is cached by
    /// (credential, SHA-256 of the password) so that a reconnect is cheap.
    pub fn verify_password(&self, credential: &Credential, password: &[u8]) -> bool {
        self.inner.passwords.verify(credential, password)
    }

    /// A client.
    pub fn client(&self, id: ClientId) -> Option<Arc<Client>> {
        self.inner.tenants.load().clients.get(&id).cloned()
    }

    /// All clients, by id.
    pub fn clients(&self) -> Vec<Arc<Client>> {
        let mut clients: Vec<_> = self.inner.tenants.load().clients.values().cloned().collect();
        clients.sort_unstable_by_key(|client| client.id);
        clients
    }

    /// All vendors, by name.
    pub fn vendors(&self) -> Vec<Arc<str>> {
        self.inner.tenants.load().vendors.clone()
    }

    /// A link.
    pub fn link(&self, id: LinkId) -> Option<Arc<Link>> {
        self.inner.tenants.load().links.get(&id).cloned()
    }

    /// The link of a client to a vendor.
    pub fn link_to(&self, client: ClientId, vendor: &str) -> Option<Arc<Link>> {
        self.inner.tenants.load().link_to(client, vendor)
    }

    /// The link whose policy holds for a message: the sender's own, else that of its client to the vendor.
    pub fn link_of(&self, sender: &Sender, vendor: &str) -> Option<Arc<Link>> {
        sender
            .link
            .and_then(|link| self.link(link))
            .or_else(|| self.link_to(sender.client, vendor))
    }

    /// A client's links, by id.
    pub fn links(&self, client: ClientId) -> Vec<Arc<Link>> {
        self.inner
            .tenants
            .load()
            .links_of
            .get(&client)
            .cloned()
            .unwrap_or_default()
    }

    /// A tracker by id.
    pub fn tracker(&self, id: TrackerId) -> Option<Arc<Tracker>> {
        self.inner.fleet.load().tracker(id)
    }

    /// A client's tracker by IMEI.
    pub fn tracker_by_imei(&self, client: ClientId, imei: &str) -> Option<Arc<Tracker>> {
        self.inner.fleet.load().tracker_by_imei(client, imei)
    }

    /// A client's trackers, by id.
    pub fn trackers(&self, client: ClientId) -> Vec<Arc<Tracker>> {
        self.inner.fleet.load().trackers(client)
    }

    /// A device by id.
    pub fn device(&self, id: DeviceId) -> Option<Arc<Device>> {
        self.inner.fleet.load().device(id)
    }

    /// A client's devices, by id.
    pub fn devices(&self, client: ClientId) -> Vec<Arc<Device>> {
        self.inner.fleet.load().devices(client)
    }

    /// How many devices a client has.
    pub fn device_count(&self, client: ClientId) -> usize {
        self.inner.fleet.load().device_count(client)
    }

    /// All device types, by id.
    pub fn device_types(&self) -> Vec<Arc<DeviceType>> {
        self.inner.tenants.load().device_types.clone()
    }
}
