//! Groups of devices. A name is unique within its client; membership ends with the group and with the device.

use std::fmt;
use std::sync::Arc;

use sqlx::SqliteConnection;

use super::Registry;
use super::changes::{CLIENT_MISSING, row_id};
use super::error::{RegistryError, is_dangling, refused};
use super::fleet_updates::{changed, device_missing, stored_device};
use super::load::{self, groups};
use super::store::{Part, commit, detached};
use crate::clock;
use crate::model::{ClientId, DeviceId};

/// Registry key of a group, ≥ 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A group in the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Id.
    pub id: GroupId,
    /// Client.
    pub client: ClientId,
    /// Name, unique per client.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// A page about it.
    pub url: Option<String>,
}

/// A new group.
#[derive(Debug, Clone)]
pub struct NewGroup {
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// A page about it.
    pub url: Option<String>,
}

/// What becomes different; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct GroupChange {
    /// Name.
    pub name: Option<String>,
    /// Description; `Some(None)` removes it.
    pub description: Option<Option<String>>,
    /// A page about it; `Some(None)` removes it.
    pub url: Option<Option<String>>,
}

const GROUP_MISSING: RegistryError = RegistryError::NotFound {
    entity: "GROUP",
    field: "id",
};

impl Registry {
    /// A client's groups with the numbers of their devices, by id.
    pub fn groups(&self, client: ClientId) -> Vec<(Arc<Group>, usize)> {
        self.inner.fleet.load().groups(client)
    }

    /// A client's group with the number of its devices.
    pub fn group(&self, client: ClientId, id: GroupId) -> Option<(Arc<Group>, usize)> {
        self.inner.fleet.load().group(client, id)
    }

    /// The devices of a client's group, by id.
    pub fn group_devices(&self, client: ClientId, id: GroupId) -> Option<Vec<DeviceId>> {
        self.inner.fleet.load().group_devices(client, id)
    }

    /// New group without devices.
    pub async fn create_group(&self, client: ClientId, new: NewGroup) -> Result<Arc<Group>, RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let group = insert_group(&mut transaction, client, new).await?;
            let result = commit(transaction, Part::Fleet).await;
            writer.committed(Part::Fleet, result)?;
            inner.fleet.load().put_group(&group);
            Ok(group)
        })
        .await
    }

    /// Changes a group. `seen`: refuse with [`RegistryError::Changed`] unless it is still so.
    pub async fn update_group(
        &self,
        client: ClientId,
        id: GroupId,
        seen: Option<Arc<Group>>,
        change: GroupChange,
    ) -> Result<Arc<Group>, RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let now = stored_group(&mut transaction, client, id).await?;
            changed("GROUP", seen, &now)?;
            let next = Group {
                name: change.name.unwrap_or_else(|| now.name.clone()),
                description: change.description.unwrap_or_else(|| now.description.clone()),
                url: change.url.unwrap_or_else(|| now.url.clone()),
                ..now
            };
            sqlx::query("UPDATE device_group SET name = $1, description = $2, url = $3 WHERE id = $4")
                .bind(&next.name)
                .bind(&next.description)
                .bind(&next.url)
                .bind(id.0)
                .execute(&mut *transaction)
                .await
                .map_err(refused)?;
            let result = commit(transaction, Part::Fleet).await;
            writer.committed(Part::Fleet, result)?;
            let group = Arc::new(next);
            inner.fleet.load().put_group(&group);
            Ok(group)
        })
        .await
    }

    /// Deletes a group; its devices stay. `seen` as in [`Self::update_group`].
    pub async fn delete_group(
        &self,
        client: ClientId,
        id: GroupId,
        seen: Option<Arc<Group>>,
    ) -> Result<(), RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let now = stored_group(&mut transaction, client, id).await?;
            changed("GROUP", seen, &now)?;
            sqlx::query("DELETE FROM device_group WHERE id = $1")
                .bind(id.0)
                .execute(&mut *transaction)
                .await?;
            let result = commit(transaction, Part::Fleet).await;
            writer.committed(Part::Fleet, result)?;
            inner.fleet.load().remove_group(client, id);
            Ok(())
        })
        .await
    }

    /// Puts a device into a group; it may be there already.
    pub async fn add_to_group(
        &self,
        client: ClientId,
        group: GroupId,
        device: DeviceId,
    ) -> Result<(), RegistryError> {
        self.membership(client, group, device, Membership::Begins).await
    }

    /// Takes a device out of a group; it need not be there.
    pub async fn remove_from_group(
        &self,
        client: ClientId,
        group: GroupId,
        device: DeviceId,
    ) -> Result<(), RegistryError> {
        self.membership(client, group, device, Membership::Ends).await
    }

    async fn membership(
        &self,
        client: ClientId,
        group: GroupId,
        device: DeviceId,
        membership: Membership,
    ) -> Result<(), RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            stored_group(&mut transaction, client, group).await?;
            stored_device(&mut transaction, client, device)
                .await?
                .ok_or(device_missing("id"))?;
            let done = sqlx::query(membership.statement())
                .bind(client.0)
                .bind(group.0)
                .bind(device.0)
                .execute(&mut *transaction)
                .await?;
            if done.rows_affected() == 0 {
                return Ok(());
            }
            let result = commit(transaction, Part::Fleet).await;
            writer.committed(Part::Fleet, result)?;
            let fleet = inner.fleet.load();
            match membership {
                Membership::Begins => fleet.put_member(client, group, device),
                Membership::Ends => fleet.remove_member(client, group, device),
            }
            Ok(())
        })
        .await
    }
}

#[derive(Clone, Copy)]
enum Membership {
    Begins,
    Ends,
}

impl Membership {
    /// Takes client, group and device.
    const fn statement(self) -> &'static str {
        match self {
            Self::Begins => {
                "INSERT INTO group_device (client, device_group, device) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
            }
            Self::Ends => "DELETE FROM group_device WHERE client = $1 AND device_group = $2 AND device = $3",
        }
    }
}

pub(super) async fn insert_group(
    connection: &mut SqliteConnection,
    client: ClientId,
    new: NewGroup,
) -> Result<Arc<Group>, RegistryError> {
    let inserted = sqlx::query(
        "INSERT INTO device_group (client, name, description, url, created_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(client.0)
    .bind(&new.name)
    .bind(&new.description)
    .bind(&new.url)
    .bind(clock::now().0)
    .execute(connection)
    .await;
    let id = match inserted {
        Err(error) if is_dangling(&error) => return Err(CLIENT_MISSING),
        inserted => row_id(&inserted.map_err(refused)?)?,
    };
    Ok(Arc::new(Group {
        id: GroupId(id),
        client,
        name: new.name,
        description: new.description,
        url: new.url,
    }))
}

async fn stored_group(
    connection: &mut SqliteConnection,
    client: ClientId,
    id: GroupId,
) -> Result<Group, RegistryError> {
    let row = sqlx::query(concat!(groups!(), " WHERE id = $1 AND client = $2"))
        .bind(id.0)
        .bind(client.0)
        .fetch_optional(connection)
        .await?;
    load::group(&row.ok_or(GROUP_MISSING)?)
}
