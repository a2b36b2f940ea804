//! The things that the registry knows, as they stand in the view.

use std::sync::Arc;

use crate::model::{ClientId, DeviceId, LinkId, TimeMs, TrackerId};

/// What a key or credential may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Read positions and entities.
    Read,
    /// Create and change them.
    Write,
    /// Manage keys and plugins.
    Admin,
}

/// A verified API key.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Its id.
    pub id: u32,
    /// Name given by the operator.
    pub name: String,
    /// The tenant.
    pub client: ClientId,
    /// The client-vendor link that it picks.
    pub link: Option<LinkId>,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

/// Who logs in by MQTT.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Its id.
    pub id: u32,
    /// MQTT user name, unique over all clients.
    pub username: String,
    /// Argon2 hash in PHC format.
    pub password_hash: String,
    /// The tenant.
    pub client: ClientId,
    /// The client-vendor link; bounds the vendor.
    pub link: Option<LinkId>,
    /// What it is for.
    pub role: Role,
}

/// Roles of MQTT credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Publishes only as this tracker.
    Tracker(TrackerId),
    /// Publishes for all trackers of the client (LoRaWAN server, Traccar forward, concentrator).
    Gateway,
    /// Subscribes to the client's uplinks and sends downlinks; publishes no uplinks.
    App,
}

/// What happens with messages of a tracker that is not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownTracker {
    /// Kept as a dead letter, not replayed.
    Reject,
    /// Kept as a dead letter, replayed on registration.
    Hold,
    /// Tracker and device are created.
    AutoRegister,
}

/// A client in the view.
#[derive(Debug, Clone)]
pub struct Client {
    /// Id.
    pub id: ClientId,
    /// Name.
    pub name: String,
    /// Instance id, as it stands in answers.
    pub instance: uuid::Uuid,
}

/// A client-vendor link in the view.
#[derive(Debug, Clone)]
pub struct Link {
    /// Id.
    pub id: LinkId,
    /// Client.
    pub client: ClientId,
    /// Vendor name.
    pub vendor: Arc<str>,
    /// Policy.
    pub unknown: UnknownTracker,
    /// Version of the vendor's decoder that its messages get; `None`: the active one.
    pub pin: Option<Arc<str>>,
}

/// A tracker in the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracker {
    /// Id.
    pub id: TrackerId,
    /// Client.
    pub client: ClientId,
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// IMEI or other identifier that it sends.
    pub imei: Option<Arc<str>>,
    /// Free text status.
    pub status: String,
    /// The device it serves.
    pub device: Option<DeviceId>,
    /// Settings for decoders (`model`, `device_codec` …).
    pub context: Arc<[(String, String)]>,
}

/// A device in the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Id.
    pub id: DeviceId,
    /// Client.
    pub client: ClientId,
    /// Link at creation.
    pub link: LinkId,
    /// Tracker.
    pub tracker: TrackerId,
    /// Worksite id (foreign system).
    pub worksite: u32,
    /// Team id (foreign system).
    pub team: u32,
    /// Name.
    pub name: String,
    /// Device type id.
    pub device_type: u32,
    /// Usually the plate.
    pub code: Option<String>,
    /// Usually the chassis; unique per client.
    pub uuid: Option<String>,
    /// Free text status.
    pub status: String,
}

/// A device type.
#[derive(Debug, Clone)]
pub struct DeviceType {
    /// Id.
    pub id: u32,
    /// Name.
    pub name: String,
    /// Code.
    pub code: String,
}

/// A new tracker.
#[derive(Debug, Clone)]
pub struct NewTracker {
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// IMEI.
    pub imei: Option<String>,
    /// Status.
    pub status: String,
    /// Settings for decoders.
    pub context: Vec<(String, String)>,
}

/// A new device.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// Tracker.
    pub tracker: TrackerId,
    /// Worksite.
    pub worksite: u32,
    /// Team.
    pub team: u32,
    /// Name.
    pub name: String,
    /// Type.
    pub device_type: u32,
    /// Code.
    pub code: Option<String>,
    /// Unique code.
    pub uuid: Option<String>,
    /// Status.
    pub status: String,
}

impl Scope {
    /// The name in the database, on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The scope of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Read, Self::Write, Self::Admin]
            .into_iter()
            .find(|scope| scope.name() == name)
    }
}

impl ApiKey {
    /// Whether the key may do what `scope` stands for. `admin` includes the others.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes
            .iter()
            .any(|held| *held == scope || *held == Scope::Admin)
    }
}

impl UnknownTracker {
    /// The name in the database, on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Hold => "hold",
            Self::AutoRegister => "auto_register",
        }
    }

    /// The policy of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Reject, Self::Hold, Self::AutoRegister]
            .into_iter()
            .find(|policy| policy.name() == name)
    }
}

impl Role {
    /// The name in the database, on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tracker(_) => "tracker",
            Self::Gateway => "gateway",
            Self::App => "app",
        }
    }
}

/// An API key as operators see it: everything but the secret.
#[derive(Debug, Clone)]
pub struct ApiKeyInfo {
    /// Name, tenant, link and scopes.
    pub key: ApiKey,
    /// When it was made.
    pub created: TimeMs,
    /// From then on it is refused.
    pub expires: Option<TimeMs>,
    /// When it was revoked.
    pub revoked: Option<TimeMs>,
    /// When it was last used: exact for this process, to the minute or so for others.
    pub last_used: Option<TimeMs>,
    /// Who answers for it.
    pub contact: Contact,
}

/// Who answers for an API key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// E-mail address.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
}

/// A new API key.
#[derive(Debug, Clone, Default)]
pub struct NewApiKey {
    /// Name.
    pub name: String,
    /// The client-vendor link that it picks.
    pub link: Option<LinkId>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// From then on it is refused.
    pub expires: Option<TimeMs>,
    /// Who answers for it.
    pub contact: Contact,
}

/// An MQTT credential as operators see it: everything but the hash.
#[derive(Debug, Clone)]
pub struct CredentialInfo {
    /// Its id.
    pub id: u32,
    /// MQTT user name.
    pub username: String,
    /// The tenant.
    pub client: ClientId,
    /// The client-vendor link.
    pub link: Option<LinkId>,
    /// What it is for.
    pub role: Role,
    /// When it was made.
    pub created: TimeMs,
}
