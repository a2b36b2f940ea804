//! Creates that are carried out once, however often they are asked for.
//!
//! The caller chooses a key for each create. The answer is stored with the new row, in one transaction, so that
//! the two can't come apart in a crash; who asks again within [`KEPT_MS`] gets that answer. Per client the last
//! [`MOST`] answers are kept.

use std::sync::Arc;

use sqlx::{Row as _, SqliteConnection};

use super::Registry;
use super::changes::insert_key;
use super::entities::{ApiKeyInfo, Device, NewApiKey, NewDevice, NewTracker, Tracker};
use super::error::RegistryError;
use super::fleet_changes::{insert_device, insert_tracker};
use super::groups::{Group, NewGroup, insert_group};
use super::store::{Part, commit, detached};
use crate::clock;
use crate::model::{ClientId, LinkId};

/// How long an answer is kept, ms.
pub const KEPT_MS: i64 = 24 * 3_600_000;
/// Answers that are kept per client, at most.
const MOST: u32 = 10_000;

/// What makes a create repeatable.
pub struct Once<T> {
    /// The caller's key for it.
    pub key: String,
    /// SHA-256 of all that is asked for: another request under the same key is refused.
    pub request: [u8; 32],
    /// The answer about what was made.
    pub answer: Box<dyn FnOnce(&T) -> Remembered + Send + Sync>,
}

/// An answer that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// HTTP status.
    pub status: u16,
    /// Path of what was made.
    pub location: String,
    /// JSON.
    pub body: String,
}

/// How a repeatable create went.
#[derive(Debug)]
pub enum Created<T> {
    /// It was made now.
    Now(T),
    /// It was made before, and answered so.
    Before(Remembered),
}

impl<T> Once<T> {
    /// The answer that was given before.
    async fn before(
        &self,
        connection: &mut SqliteConnection,
        client: ClientId,
    ) -> Result<Option<Remembered>, RegistryError> {
        let row = sqlx::query(
            "SELECT request, status, location, body FROM answered WHERE client = $1 AND key = $2 AND created_at > $3",
        )
        .bind(client.0)
        .bind(&self.key)
        .bind(clock::now().0 - KEPT_MS)
        .fetch_optional(connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        if row.try_get::<&[u8], _>(0)? != self.request {
            return Err(RegistryError::OtherRequest);
        }
        Ok(Some(Remembered {
            status: row.try_get(1)?,
            location: row.try_get(2)?,
            body: row.try_get(3)?,
        }))
    }

    /// Keeps the answer about `made`; lets go of those that are too old or too many.
    async fn remember(
        self,
        connection: &mut SqliteConnection,
        client: ClientId,
        made: &T,
    ) -> Result<(), RegistryError> {
        let now = clock::now().0;
        sqlx::query("DELETE FROM answered WHERE created_at <= $1")
            .bind(now - KEPT_MS)
            .execute(&mut *connection)
            .await?;
        sqlx::query(
            "DELETE FROM answered WHERE client = $1 AND key IN (\
             SELECT key FROM answered WHERE client = $1 ORDER BY created_at DESC LIMIT -1 OFFSET $2)",
        )
        .bind(client.0)
        .bind(MOST - 1)
        .execute(&mut *connection)
        .await?;
        let Remembered {
            status,
            location,
            body,
        } = (self.answer)(made);
        sqlx::query(
            "INSERT INTO answered (client, key, request, status, location, body, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(client.0)
        .bind(&self.key)
        .bind(&self.request[..])
        .bind(status)
        .bind(location)
        .bind(body)
        .bind(now)
        .execute(connection)
        .await?;
        Ok(())
    }
}

impl Registry {
    /// [`Self::create_tracker`], once.
    pub async fn create_tracker_once(
        &self,
        client: ClientId,
        new: NewTracker,
        once: Once<Tracker>,
    ) -> Result<Created<Arc<Tracker>>, RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            if let Some(before) = once.before(&mut transaction, client).await? {
                return Ok(Created::Before(before));
            }
            let tracker = insert_tracker(&mut transaction, client, new).await?;
            once.remember(&mut transaction, client, &tracker).await?;
            let result = commit(transaction, Part::Fleet).await;
            writer.committed(Part::Fleet, result)?;
            inner.show_tracker(&tracker);
            Ok(Created::Now(tracker))
        })
        .await
    }

    /// [`Self::create_device`], once.
    pub async fn create_device_once(
        &self,
        client: ClientId,
        link: LinkId,
        new: NewDevice,
        once: Once<Device>,
    ) -> Result<Created<Arc<Device>>, RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            if let Some(before) = once.before(&mut transaction, client).await? {
                return Ok(Created::Before(before));
            }
            let device = insert_device(&mut transaction, client, link, new).await?;
            once.remember(&mut transaction, client, &device).await?;
            let result = commit(transaction, Part::Fleet).await;
            writer.committed(Part::Fleet, result)?;
            inner.show_device(&device);
            Ok(Created::Now(device))
        })
        .await
    }

    /// [`Self::create_group`], once.
    pub async fn create_group_once(
        &self,
        client: ClientId,
        new: NewGroup,
        once: Once<Group>,
    ) -> Result<Created<Arc<Group>>, RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            if let Some(before) = once.before(&mut transaction, client).await? {
                return Ok(Created::Before(before));
            }
            let group = insert_group(&mut transaction, client, new).await?;
            once.remember(&mut transaction, client, &group).await?;
            let result = commit(transaction, Part::Fleet).await;
            writer.committed(Part::Fleet, result)?;
            inner.fleet.load().put_group(&group);
            Ok(Created::Now(group))
        })
        .await
    }

    /// [`Self::create_key`], once. The kept answer can't carry the secret: that is stored nowhere.
    pub async fn create_key_once(
        &self,
        client: ClientId,
        new: NewApiKey,
        once: Once<ApiKeyInfo>,
    ) -> Result<Created<(ApiKeyInfo, String)>, RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            if let Some(before) = once.before(&mut transaction, client).await? {
                return Ok(Created::Before(before));
            }
            let made = insert_key(&mut transaction, client, new).await?;
            once.remember(&mut transaction, client, &made.info).await?;
            let result = commit(transaction, Part::Tenants).await;
            writer.committed(Part::Tenants, result)?;
            inner.change_tenants(|tenants| tenants.add_key(&made));
            Ok(Created::Now((made.info, made.secret)))
        })
        .await
    }
}
