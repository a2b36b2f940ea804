//! Trackers and devices change and go. The row in the database, not the view, is what a partial change is
//! applied to: another process may have changed it a moment ago.

use std::sync::Arc;

use sqlx::SqliteConnection;

use super::Registry;
use super::entities::{Device, Tracker};
use super::error::{RegistryError, is_dangling, refused};
use super::fleet_changes::{device_type_exists, tracker_exists};
use super::load::{self, devices, trackers};
use super::store::{Part, commit, detached};
use crate::model::{ClientId, DeviceId, TrackerId};

/// What becomes different; `None` leaves a field as it is, `Some(None)` empties it.
#[derive(Debug, Clone, Default)]
pub struct TrackerChange {
    /// Name.
    pub name: Option<String>,
    /// Description.
    pub description: Option<Option<String>>,
    /// IMEI or other identifier that it sends.
    pub imei: Option<Option<String>>,
    /// Status.
    pub status: Option<String>,
    /// Settings for decoders, all of them.
    pub context: Option<Vec<(String, String)>>,
}

/// What becomes different; `None` leaves a field as it is, `Some(None)` empties it.
#[derive(Debug, Clone, Default)]
pub struct DeviceChange {
    /// Tracker: the device switches to it.
    pub tracker: Option<TrackerId>,
    /// Worksite.
    pub worksite: Option<u32>,
    /// Team.
    pub team: Option<u32>,
    /// Name.
    pub name: Option<String>,
    /// Type.
    pub device_type: Option<u32>,
    /// Code.
    pub code: Option<Option<String>>,
    /// Unique code.
    pub uuid: Option<Option<String>>,
    /// Status.
    pub status: Option<String>,
}

impl Registry {
    /// Changes a tracker. `seen`: refuse with [`RegistryError::Changed`] unless it is still so.
    pub async fn update_tracker(
        &self,
        client: ClientId,
        id: TrackerId,
        seen: Option<Arc<Tracker>>,
        change: TrackerChange,
    ) -> Result<Arc<Tracker>, RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let now = stored_tracker(&mut transaction, client, id).await?;
            changed("TRACKER", seen, &now)?;
            let next = change.apply(now);
            let context = serde_json::to_string(&next.context)
                .map_err(|error| RegistryError::Row(error.to_string()))?;
            sqlx::query(
                "UPDATE tracker SET name = $1, description = $2, imei = $3, status = $4, context = $5 WHERE id = $6",
            )
            .bind(&next.name)
            .bind(&next.description)
            .bind(next.imei.as_deref())
            .bind(&next.status)
            .bind(context)
            .bind(id.0)
            .execute(&mut *transaction)
            .await
            .map_err(refused)?;
            let result = commit(transaction, Part::Fleet).await;
            writer.committed(Part::Fleet, result)?;
            let tracker = Arc::new(next);
            inner.show_tracker(&tracker);
            Ok(tracker)
        })
        .await
    }

    /// Deletes a tracker that neither a device nor an MQTT credential refers to, else `InUse`. `seen` as in
    /// [`Self::update_tracker`].
    pub async fn delete_tracker(
        &self,
        client: ClientId,
        id: TrackerId,
        seen: Option<Arc<Tracker>>,
    ) -> Result<(), RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let now = stored_tracker(&mut transaction, client, id).await?;
            changed("TRACKER", seen, &now)?;
            let deleted = sqlx::query("DELETE FROM tracker WHERE id = $1")
                .bind(id.0)
                .execute(&mut *transaction)
                .await;
            match deleted {
                Err(error) if is_dangling(&error) => {
                    return Err(RegistryError::InUse { entity: "TRACKER" });
                }
                deleted => deleted.map(drop)?,
            }
            let result = commit(transaction, Part::Fleet).await;
            writer.committed(Part::Fleet, result)?;
            inner.fleet.load().remove_tracker(&now);
            Ok(())
        })
        .await
    }

    /// Changes a device. A tracker that is not the client's gives `NotFound`, one that serves another device
    /// `Exists`. `seen` as in [`Self::update_tracker`].
    pub async fn update_device(
        &self,
        client: ClientId,
        id: DeviceId,
        seen: Option<Arc<Device>>,
        change: DeviceChange,
    ) -> Result<Arc<Device>, RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let now = stored_device(&mut transaction, client, id)
                .await?
                .ok_or(device_missing("idDevice"))?;
            changed("DEVICE", seen, &now)?;
            let next = change.apply(now);
            let updated = sqlx::query(
                "UPDATE device SET tracker = $1, worksite = $2, team = $3, name = $4, device_type = $5, code = $6, \
                 uuid = $7, status = $8 WHERE id = $9",
            )
            .bind(next.tracker.0)
            .bind(next.worksite)
            .bind(next.team)
            .bind(&next.name)
            .bind(next.device_type)
            .bind(&next.code)
            .bind(&next.uuid)
            .bind(&next.status)
            .bind(id.0)
            .execute(&mut *transaction)
            .await;
            match updated {
                Err(error) if is_dangling(&error) => {
                    tracker_exists(&mut transaction, client, next.tracker).await?;
                    device_type_exists(&mut transaction, next.device_type).await?;
                    return Err(error.into());
                }
                updated => updated.map(drop).map_err(refused)?,
            }
            let result = commit(transaction, Part::Fleet).await;
            writer.committed(Part::Fleet, result)?;
            let device = Arc::new(next);
            inner.show_device(&device);
            Ok(device)
        })
        .await
    }

    /// Deletes a device; it leaves its groups, and its tracker is free for another one. Whether it has positions
    /// is the caller's to ask: the registry knows none. `seen` as in [`Self::update_tracker`].
    pub async fn delete_device(
        &self,
        client: ClientId,
        id: DeviceId,
        seen: Option<Arc<Device>>,
    ) -> Result<(), RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let now = stored_device(&mut transaction, client, id)
                .await?
                .ok_or(device_missing("idDevice"))?;
            changed("DEVICE", seen, &now)?;
            sqlx::query("DELETE FROM device WHERE id = $1")
                .bind(id.0)
                .execute(&mut *transaction)
                .await?;
            let result = commit(transaction, Part::Fleet).await;
            writer.committed(Part::Fleet, result)?;
            inner.fleet.load().remove_device(&now);
            Ok(())
        })
        .await
    }
}

impl TrackerChange {
    fn apply(self, now: Tracker) -> Tracker {
        Tracker {
            name: self.name.unwrap_or(now.name),
            description: self.description.unwrap_or(now.description),
            imei: self.imei.map_or(now.imei, |imei| imei.map(Arc::from)),
            status: self.status.unwrap_or(now.status),
            context: self.context.map_or(now.context, Arc::from),
            ..now
        }
    }
}

impl DeviceChange {
    fn apply(self, now: Device) -> Device {
        Device {
            tracker: self.tracker.unwrap_or(now.tracker),
            worksite: self.worksite.unwrap_or(now.worksite),
            team: self.team.unwrap_or(now.team),
            name: self.name.unwrap_or(now.name),
            device_type: self.device_type.unwrap_or(now.device_type),
            code: self.code.unwrap_or(now.code),
            uuid: self.uuid.unwrap_or(now.uuid),
            status: self.status.unwrap_or(now.status),
            ..now
        }
    }
}

/// No device, or another client's.
pub(super) const fn device_missing(field: &'static str) -> RegistryError {
    RegistryError::NotFound {
        entity: "DEVICE",
        field,
    }
}

/// Refuses when the caller saw something else than there is.
pub(super) fn changed<T: PartialEq>(
    entity: &'static str,
    seen: Option<Arc<T>>,
    now: &T,
) -> Result<(), RegistryError> {
    match seen {
        Some(seen) if *seen != *now => Err(RegistryError::Changed { entity }),
        _ => Ok(()),
    }
}

async fn stored_tracker(
    connection: &mut SqliteConnection,
    client: ClientId,
    id: TrackerId,
) -> Result<Tracker, RegistryError> {
    let row = sqlx::query(concat!(
        trackers!(),
        " WHERE tracker.id = $1 AND tracker.client = $2"
    ))
    .bind(id.0)
    .bind(client.0)
    .fetch_optional(connection)
    .await?;
    load::tracker(&row.ok_or(RegistryError::NotFound {
        entity: "TRACKER",
        field: "idTracker",
    })?)
}

pub(super) async fn stored_device(
    connection: &mut SqliteConnection,
    client: ClientId,
    id: DeviceId,
) -> Result<Option<Device>, RegistryError> {
    let row = sqlx::query(concat!(devices!(), " WHERE id = $1 AND client = $2"))
        .bind(id.0)
        .bind(client.0)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(load::device).transpose()
}
