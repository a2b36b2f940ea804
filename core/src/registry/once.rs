//! Creates that are carried out once, however often they are asked for.
//!
//! The caller chooses a key for each create. The answer is stored with the new row, in one transaction, so that
//! the two can't come apart in a crash; who asks again within [`KEPT_MS`] gets that answer. Per client the last
//! [`MOST`] answers are kept.
//!
//! What is made elsewhere ([`Registry::begin_once`]) can't share a transaction with its answer: that it begins is
//! stored before, its answer after. Who asks again and finds only the beginning has to look what became of it.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use sqlx::{Row as _, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::Registry;
use super::changes::insert_key;
use super::entities::{ApiKeyInfo, Device, NewApiKey, NewDevice, NewTracker, Tracker};
use super::error::RegistryError;
use super::fleet_changes::{insert_device, insert_tracker};
use super::groups::{Group, NewGroup, insert_group};
use super::store::{Part, commit, detached};
use crate::clock;
use crate::model::{ClientId, LinkId, TimeMs};

/// How long an answer is kept, ms.
pub const KEPT_MS: i64 = 24 * 3_600_000;
/// Answers that are kept per client, at most.
const MOST: u32 = 10_000;
/// The status of what has begun and is not answered yet.
const BEGUN: u16 = 0;
/// Turns for all keys: those that share one wait for each other, too, which costs time and nothing else.
const TURNS: usize = 1024;

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

impl Remembered {
    /// Of what has begun.
    fn nothing() -> Self {
        Self {
            status: BEGUN,
            location: String::new(),
            body: String::new(),
        }
    }
}

/// How a repeatable create went.
#[derive(Debug)]
pub enum Created<T> {
    /// It was made now.
    Now(T),
    /// It was made before, and answered so.
    Before(Remembered),
}

/// How a create that happens outside of the registry stands.
#[derive(Debug)]
pub enum Begun {
    /// It begins now.
    Now(Turn),
    /// It was begun before, and nobody has said how that ended: the process died, or its caller went away.
    Again(Turn),
    /// It was made before, and answered so.
    Before(Remembered),
}

/// Carries out a create that was begun. Whoever asks for the same one waits until this is dropped.
#[derive(Debug)]
pub struct Turn {
    client: ClientId,
    key: String,
    at: TimeMs,
    _held: OwnedMutexGuard<()>,
}

impl Turn {
    /// The caller's key for it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// When it was begun first.
    pub fn at(&self) -> TimeMs {
        self.at
    }
}

/// The turns of all keys.
pub(super) struct Turns(Vec<Arc<Mutex<()>>>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..TURNS).map(|_| Arc::default()).collect())
    }
}

impl Turns {
    async fn hold(&self, client: ClientId, key: &str) -> OwnedMutexGuard<()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((client.0, key));
        let turn = self.0.get(hash as usize % TURNS).cloned().unwrap_or_default();
        turn.lock_owned().await
    }
}

/// What is kept under a key, and since when; refused where it stands for another request.
async fn kept(
    connection: &mut SqliteConnection,
    client: ClientId,
    key: &str,
    request: &[u8; 32],
) -> Result<Option<(Remembered, TimeMs)>, RegistryError> {
    let row = sqlx::query(
        "SELECT request, status, location, body, created_at FROM answered \
         WHERE client = $1 AND key = $2 AND created_at > $3",
    )
    .bind(client.0)
    .bind(key)
    .bind(clock::now().0 - KEPT_MS)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.try_get::<&[u8], _>(0)? != request {
        return Err(RegistryError::OtherRequest);
    }
    let remembered = Remembered {
        status: row.try_get(1)?,
        location: row.try_get(2)?,
        body: row.try_get(3)?,
    };
    Ok(Some((remembered, TimeMs(row.try_get(4)?))))
}

/// Keeps an answer; lets go of those that are too old or too many.
async fn keep(
    connection: &mut SqliteConnection,
    client: ClientId,
    key: &str,
    request: &[u8; 32],
    answer: &Remembered,
    now: TimeMs,
) -> Result<(), RegistryError> {
    sqlx::query("DELETE FROM answered WHERE created_at <= $1")
        .bind(now.0 - KEPT_MS)
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
    sqlx::query(
        "INSERT INTO answered (client, key, request, status, location, body, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(client.0)
    .bind(key)
    .bind(&request[..])
    .bind(answer.status)
    .bind(&answer.location)
    .bind(&answer.body)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}

impl<T> Once<T> {
    /// The answer that was given before.
    async fn before(
        &self,
        connection: &mut SqliteConnection,
        client: ClientId,
    ) -> Result<Option<Remembered>, RegistryError> {
        let kept = kept(connection, client, &self.key, &self.request).await?;
        Ok(kept.map(|(answer, _)| answer))
    }

    /// Keeps the answer about `made`.
    async fn remember(
        self,
        connection: &mut SqliteConnection,
        client: ClientId,
        made: &T,
    ) -> Result<(), RegistryError> {
        let answer = (self.answer)(made);
        keep(
            connection,
            client,
            &self.key,
            &self.request,
            &answer,
            clock::now(),
        )
        .await
    }
}

impl Registry {
    /// Begins a create that happens outside of the registry. Returns when nobody else is about this one, with what is
    /// known of it; that it begins is on disk then.
    pub async fn begin_once(
        &self,
        client: ClientId,
        key: String,
        request: [u8; 32],
    ) -> Result<Begun, RegistryError> {
        let held = self.inner.once.hold(client, &key).await;
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let turn = |at, key| Turn {
                client,
                key,
                at,
                _held: held,
            };
            match kept(&mut transaction, client, &key, &request).await? {
                Some((answer, at)) if answer.status == BEGUN => Ok(Begun::Again(turn(at, key))),
                Some((answer, _)) => Ok(Begun::Before(answer)),
                None => {
                    let (now, nothing) = (clock::now(), Remembered::nothing());
                    keep(&mut transaction, client, &key, &request, &nothing, now).await?;
                    transaction.commit().await?;
                    Ok(Begun::Now(turn(now, key)))
                }
            }
        })
        .await
    }

    /// Keeps the answer to a create that was begun. On disk when it returns.
    pub async fn end_once(&self, turn: Turn, answer: Remembered) -> Result<(), RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            sqlx::query(
                "UPDATE answered SET status = $3, location = $4, body = $5 WHERE client = $1 AND key = $2",
            )
            .bind(turn.client.0)
            .bind(&turn.key)
            .bind(answer.status)
            .bind(answer.location)
            .bind(answer.body)
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// Forgets a create that was begun and refused, so that nothing was made: the key is free for another request.
    pub async fn abandon_once(&self, turn: Turn) -> Result<(), RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            // all of it, so that nobody else has the turn before this is done
            let turn = turn;
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            sqlx::query("DELETE FROM answered WHERE client = $1 AND key = $2")
                .bind(turn.client.0)
                .bind(&turn.key)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

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
