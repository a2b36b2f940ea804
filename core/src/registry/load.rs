//! Reads the whole view from the database: at start, and when another process changed it.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::config::{ReportConfig, Thresholds};
use super::entities::{
    ApiKey, Client, Credential, Device, DeviceType, Link, Role, Scope, Tracker, UnknownTracker,
};
use super::error::RegistryError;
use super::fleet::Fleet;
use super::groups::{Group, GroupId};
use super::secrets::KeyHash;
use super::tenants::{KeyEntry, Tenants};
use crate::model::{ClientId, DeviceId, LinkId, TimeMs, TrackerId};

/// All columns of trackers, as [`tracker`] reads them.
macro_rules! trackers {
    () => {
        "SELECT tracker.id, tracker.client, tracker.name, description, imei, tracker.status, context, device.id \
         FROM tracker LEFT JOIN device ON device.tracker = tracker.id"
    };
}

/// All columns of devices, as [`device`] reads them.
macro_rules! devices {
    () => {
        "SELECT id, client, link, tracker, worksite, team, name, device_type, code, uuid, status FROM device"
    };
}

/// All columns of groups, as [`group`] reads them.
macro_rules! groups {
    () => {
        "SELECT id, client, name, description, url FROM device_group"
    };
}

/// All columns of report configurations, as [`config`] reads them.
macro_rules! configs {
    () => {
        "SELECT id, client, max_speed_kmh, min_stop_minutes, max_stop_speed_kmh, max_stop_distance_meters, \
         min_movement_speed_kmh, min_movement_distance_meters, gap_threshold_seconds FROM report_config"
    };
}

pub(super) use {configs, devices, groups, trackers};

/// Clients, vendors, links, keys, device types and report configurations.
pub(super) async fn tenants(connection: &mut SqliteConnection) -> Result<Tenants, RegistryError> {
    let mut tenants = Tenants::default();

    let mut rows = sqlx::query_as::<_, (u32, String, String)>("SELECT id, name, instance FROM client")
        .fetch(&mut *connection);
    while let Some((id, name, instance)) = rows.try_next().await? {
        let instance = instance
            .parse()
            .map_err(|_| RegistryError::Row(format!("client {id}: instance is not a uuid")))?;
        tenants.clients.insert(
            ClientId(id),
            Arc::new(Client {
                id: ClientId(id),
                name,
                instance,
            }),
        );
    }
    drop(rows);

    let vendors = sqlx::query_scalar::<_, String>("SELECT name FROM vendor")
        .fetch_all(&mut *connection)
        .await?;
    for vendor in vendors {
        tenants.add_vendor(&vendor);
    }

    let mut rows = sqlx::query_as::<_, (u32, u32, String, String, Option<String>)>(
        "SELECT id, client, vendor, unknown, pin FROM client_vendor ORDER BY id",
    )
    .fetch(&mut *connection);
    while let Some((id, client, vendor, unknown, pin)) = rows.try_next().await? {
        tenants.add_link(&Arc::new(Link {
            id: LinkId(id),
            client: ClientId(client),
            vendor: vendor.into(),
            unknown: policy(id, &unknown)?,
            pin: pin.map(Arc::from),
        }));
    }
    drop(rows);

    let mut rows = sqlx::query(
        "SELECT id, name, client, link, scopes, hash, expires_at FROM api_key WHERE revoked_at IS NULL",
    )
    .fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let key = ApiKey {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            client: ClientId(row.try_get(2)?),
            link: row.try_get::<Option<u32>, _>(3)?.map(LinkId),
            scopes: scopes(row.try_get(4)?)?,
        };
        let hash = KeyHash::try_from(row.try_get::<&[u8], _>(5)?).map_err(|_| {
            RegistryError::Row(format!("api key {}: hash has another length than 32", key.id))
        })?;
        let expires = row.try_get::<Option<i64>, _>(6)?.map(TimeMs);
        tenants.keys.insert(hash, Arc::new(KeyEntry::new(key, expires)));
    }
    drop(rows);

    let mut rows =
        sqlx::query_as::<_, (u32, String, String)>("SELECT id, name, code FROM device_type ORDER BY id")
            .fetch(&mut *connection);
    while let Some((id, name, code)) = rows.try_next().await? {
        tenants.device_types.push(Arc::new(DeviceType { id, name, code }));
    }
    drop(rows);

    let mut rows = sqlx::query(configs!()).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let config = config(&row)?;
        tenants.configs.insert(config.client, Arc::new(config));
    }
    Ok(tenants)
}

/// Trackers, devices, groups and credentials.
pub(super) async fn fleet(connection: &mut SqliteConnection) -> Result<Fleet, RegistryError> {
    let fleet = Fleet::default();

    let mut rows = sqlx::query(concat!(trackers!(), " ORDER BY tracker.id")).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        fleet.put_tracker(&Arc::new(tracker(&row)?));
    }
    drop(rows);

    let mut rows = sqlx::query(concat!(devices!(), " ORDER BY id")).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        fleet.put_device(&Arc::new(device(&row)?));
    }
    drop(rows);

    let mut rows = sqlx::query(concat!(groups!(), " ORDER BY id")).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        fleet.put_group(&Arc::new(group(&row)?));
    }
    drop(rows);

    let mut rows =
        sqlx::query_as::<_, (u32, u32, u32)>("SELECT client, device_group, device FROM group_device")
            .fetch(&mut *connection);
    while let Some((client, group, device)) = rows.try_next().await? {
        fleet.put_member(ClientId(client), GroupId(group), DeviceId(device));
    }
    drop(rows);

    let mut rows =
        sqlx::query("SELECT id, username, password_hash, client, link, role, tracker FROM credential")
            .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let id = row.try_get(0)?;
        fleet.put_credential(&Arc::new(Credential {
            id,
            username: row.try_get(1)?,
            password_hash: row.try_get(2)?,
            client: ClientId(row.try_get(3)?),
            link: row.try_get::<Option<u32>, _>(4)?.map(LinkId),
            role: role(id, row.try_get(5)?, row.try_get(6)?)?,
        }));
    }
    Ok(fleet)
}

pub(super) fn tracker(row: &SqliteRow) -> Result<Tracker, RegistryError> {
    let id = row.try_get(0)?;
    Ok(Tracker {
        id: TrackerId(id),
        client: ClientId(row.try_get(1)?),
        name: row.try_get(2)?,
        description: row.try_get(3)?,
        imei: row.try_get::<Option<&str>, _>(4)?.map(Arc::from),
        status: row.try_get(5)?,
        context: context(id, row.try_get(6)?)?,
        device: row.try_get::<Option<u32>, _>(7)?.map(DeviceId),
    })
}

pub(super) fn device(row: &SqliteRow) -> Result<Device, RegistryError> {
    Ok(Device {
        id: DeviceId(row.try_get(0)?),
        client: ClientId(row.try_get(1)?),
        link: LinkId(row.try_get(2)?),
        tracker: TrackerId(row.try_get(3)?),
        worksite: row.try_get(4)?,
        team: row.try_get(5)?,
        name: row.try_get(6)?,
        device_type: row.try_get(7)?,
        code: row.try_get(8)?,
        uuid: row.try_get(9)?,
        status: row.try_get(10)?,
    })
}

pub(super) fn group(row: &SqliteRow) -> Result<Group, RegistryError> {
    Ok(Group {
        id: GroupId(row.try_get(0)?),
        client: ClientId(row.try_get(1)?),
        name: row.try_get(2)?,
        description: row.try_get(3)?,
        url: row.try_get(4)?,
    })
}

pub(super) fn config(row: &SqliteRow) -> Result<ReportConfig, RegistryError> {
    Ok(ReportConfig {
        id: row.try_get(0)?,
        client: ClientId(row.try_get(1)?),
        thresholds: Thresholds {
            max_speed_kmh: row.try_get(2)?,
            min_stop_minutes: row.try_get(3)?,
            max_stop_speed_kmh: row.try_get(4)?,
            max_stop_distance_meters: row.try_get(5)?,
            min_movement_speed_kmh: row.try_get(6)?,
            min_movement_distance_meters: row.try_get(7)?,
            gap_threshold_seconds: row.try_get(8)?,
        },
    })
}

pub(super) fn scopes(stored: &str) -> Result<Vec<Scope>, RegistryError> {
    stored
        .split(' ')
        .filter(|name| !name.is_empty())
        .map(|name| Scope::parse(name).ok_or_else(|| RegistryError::Row(format!("unknown scope {name:?}"))))
        .collect()
}

pub(super) fn role(id: u32, name: &str, tracker: Option<u32>) -> Result<Role, RegistryError> {
    match (name, tracker) {
        ("tracker", Some(tracker)) => Ok(Role::Tracker(TrackerId(tracker))),
        ("gateway", None) => Ok(Role::Gateway),
        ("app", None) => Ok(Role::App),
        _ => Err(RegistryError::Row(format!(
            "credential {id}: unknown role {name:?}"
        ))),
    }
}

fn policy(link: u32, name: &str) -> Result<UnknownTracker, RegistryError> {
    UnknownTracker::parse(name)
        .ok_or_else(|| RegistryError::Row(format!("link {link}: unknown policy {name:?}")))
}

fn context(tracker: u32, json: &str) -> Result<Arc<[(String, String)]>, RegistryError> {
    serde_json::from_str::<Vec<(String, String)>>(json)
        .map(Arc::from)
        .map_err(|error| RegistryError::Row(format!("tracker {tracker}: context: {error}")))
}
