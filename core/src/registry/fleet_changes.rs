//! Changes of the large part: trackers, devices, MQTT credentials. The database first, then the view.

use std::sync::Arc;

use sqlx::SqliteConnection;

use super::Registry;
use super::changes::{CLIENT_MISSING, LINK_MISSING, client_exists, row_id};
use super::entities::{Credential, Device, NewDevice, NewTracker, Role, Tracker};
use super::error::{RegistryError, is_dangling, refused};
use super::secrets;
use super::store::{Part, commit, detached};
use crate::clock;
use crate::model::{ClientId, DeviceId, LinkId, TrackerId};

impl Registry {
    /// New MQTT credential; `password` `None` makes a random one. Returns the password.
    pub async fn create_credential(
        &self,
        username: &str,
        password: Option<&str>,
        client: ClientId,
        link: Option<LinkId>,
        role: Role,
    ) -> Result<(Arc<Credential>, String), RegistryError> {
        let (inner, username) = (Arc::clone(&self.inner), username.to_owned());
        let generated = password.is_none();
        let password = password.map_or_else(secrets::new_password, str::to_owned);
        detached(async move {
            let (password, hashed) = tokio::task::spawn_blocking(move || {
                let hashed = secrets::hash_password(&password, generated);
                (password, hashed)
            })
            .await?;
            let password_hash = hashed?;
            let tracker = match role {
                Role::Tracker(tracker) => Some(tracker.0),
                Role::Gateway | Role::App => None,
            };
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let inserted = sqlx::query(
                "INSERT INTO credential (username, password_hash, client, link, role, tracker, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(&username)
            .bind(&password_hash)
            .bind(client.0)
            .bind(link.map(|link| link.0))
            .bind(role.name())
            .bind(tracker)
            .bind(clock::now().0)
            .execute(&mut *transaction)
            .await;
            let id = match inserted {
                Err(error) if is_dangling(&error) => {
                    client_exists(&mut transaction, client).await?;
                    if let Role::Tracker(tracker) = role {
                        tracker_exists(&mut transaction, client, tracker).await?;
                    }
                    return Err(LINK_MISSING);
                }
                inserted => row_id(&inserted.map_err(refused)?)?,
            };
            let result = commit(transaction, Part::Fleet).await;
            writer.committed(Part::Fleet, result)?;
            let credential = Arc::new(Credential {
                id,
                username,
                password_hash,
                client,
                link,
                role,
            });
            inner.fleet.load().put_credential(&credential);
            Ok((credential, password))
        })
        .await
    }

    /// New tracker.
    pub async fn create_tracker(
        &self,
        client: ClientId,
        new: NewTracker,
    ) -> Result<Arc<Tracker>, RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let tracker = insert_tracker(&mut transaction, client, new).await?;
            let result = commit(transaction, Part::Fleet).await;
            writer.committed(Part::Fleet, result)?;
            inner.show_tracker(&tracker);
            Ok(tracker)
        })
        .await
    }

    /// New device. Tracker, link and client must belong together, else `NotFound`; a tracker serves one
    /// device, else `Exists`.
    pub async fn create_device(
        &self,
        client: ClientId,
        link: LinkId,
        new: NewDevice,
    ) -> Result<Arc<Device>, RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let device = insert_device(&mut transaction, client, link, new).await?;
            let result = commit(transaction, Part::Fleet).await;
            writer.committed(Part::Fleet, result)?;
            inner.show_device(&device);
            Ok(device)
        })
        .await
    }
}

pub(super) async fn insert_tracker(
    connection: &mut SqliteConnection,
    client: ClientId,
    new: NewTracker,
) -> Result<Arc<Tracker>, RegistryError> {
    let context =
        serde_json::to_string(&new.context).map_err(|error| RegistryError::Row(error.to_string()))?;
    let inserted = sqlx::query(
        "INSERT INTO tracker (client, name, description, imei, status, context, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(client.0)
    .bind(&new.name)
    .bind(&new.description)
    .bind(&new.imei)
    .bind(&new.status)
    .bind(context)
    .bind(clock::now().0)
    .execute(connection)
    .await;
    let id = match inserted {
        Err(error) if is_dangling(&error) => return Err(CLIENT_MISSING),
        inserted => row_id(&inserted.map_err(refused)?)?,
    };
    Ok(Arc::new(Tracker {
        id: TrackerId(id),
        client,
        name: new.name,
        description: new.description,
        imei: new.imei.map(Arc::from),
        status: new.status,
        device: None,
        context: new.context.into(),
    }))
}

pub(super) async fn insert_device(
    connection: &mut SqliteConnection,
    client: ClientId,
    link: LinkId,
    new: NewDevice,
) -> Result<Arc<Device>, RegistryError> {
    let inserted = sqlx::query(
        "INSERT INTO device (client, link, tracker, worksite, team, name, device_type, code, uuid, status, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(client.0)
    .bind(link.0)
    .bind(new.tracker.0)
    .bind(new.worksite)
    .bind(new.team)
    .bind(&new.name)
    .bind(new.device_type)
    .bind(&new.code)
    .bind(&new.uuid)
    .bind(&new.status)
    .bind(clock::now().0)
    .execute(&mut *connection)
    .await;
    let id = match inserted {
        Err(error) if is_dangling(&error) => {
            client_exists(connection, client).await?;
            tracker_exists(connection, client, new.tracker).await?;
            device_type_exists(connection, new.device_type).await?;
            return Err(LINK_MISSING);
        }
        inserted => row_id(&inserted.map_err(refused)?)?,
    };
    Ok(Arc::new(Device {
        id: DeviceId(id),
        client,
        link,
        tracker: new.tracker,
        worksite: new.worksite,
        team: new.team,
        name: new.name,
        device_type: new.device_type,
        code: new.code,
        uuid: new.uuid,
        status: new.status,
    }))
}

pub(super) async fn tracker_exists(
    connection: &mut SqliteConnection,
    client: ClientId,
    tracker: TrackerId,
) -> Result<(), RegistryError> {
    let found: Option<u32> = sqlx::query_scalar("SELECT id FROM tracker WHERE id = $1 AND client = $2")
        .bind(tracker.0)
        .bind(client.0)
        .fetch_optional(connection)
        .await?;
    found.map(drop).ok_or(RegistryError::NotFound {
        entity: "TRACKER",
        field: "idTracker",
    })
}

pub(super) async fn device_type_exists(
    connection: &mut SqliteConnection,
    device_type: u32,
) -> Result<(), RegistryError> {
    let found: Option<u32> = sqlx::query_scalar("SELECT id FROM device_type WHERE id = $1")
        .bind(device_type)
        .fetch_optional(connection)
        .await?;
    found.map(drop).ok_or(RegistryError::NotFound {
        entity: "DEVICE_TYPE",
        field: "idType",
    })
}
