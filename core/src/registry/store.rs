//! The database connection behind the view: opening, one writer at a time, noticing other processes.

use std::fs::OpenOptions;
use std::future::Future;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use backon::{ExponentialBuilder, Retryable as _};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _, Sqlite, SqliteConnection, Transaction};
use tokio::sync::{Mutex, MutexGuard, broadcast};

use super::announce::{self, Announcement};
use super::error::RegistryError;
use super::fleet::Fleet;
use super::load;
use super::once::Turns;
use super::secrets::Passwords;
use super::tenants::Tenants;
use crate::clock;
use crate::model::TimeMs;

/// How long a change waits for another process's change.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Last-use times of keys are written so often, at most.
const LAST_USED_EVERY_MS: i64 = 60_000;

const MIGRATIONS: [(i64, &str, &str); 4] = [
    (1, "entities", include_str!("migrations/0001_entities.sql")),
    (
        2,
        "device types",
        include_str!("migrations/0002_device_types.sql"),
    ),
    (3, "changes", include_str!("migrations/0003_changes.sql")),
    (4, "plugin pins", include_str!("migrations/0004_plugin_pins.sql")),
];

/// The registry. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) tenants: ArcSwap<Tenants>,
    pub(super) fleet: ArcSwap<Fleet>,
    pub(super) passwords: Passwords,
    pub(super) announcer: broadcast::Sender<Announcement>,
    pub(super) once: Turns,
    writer: Mutex<Writer>,
}

/// The parts of the view that are loaded, and counted, apart from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Tenants,
    Fleet,
}

/// The one connection that writes, and what its view is made of.
pub(super) struct Writer {
    pub(super) connection: SqliteConnection,
    /// To connect again.
    options: SqliteConnectOptions,
    /// `PRAGMA data_version` when last looked at: changes when another connection commits.
    data_version: i64,
    /// Generation of each part that the view shows.
    tenants: i64,
    fleet: i64,
    /// A commit failed in an unknown state: the view must be read again.
    stale: bool,
    last_used_written: TimeMs,
}

/// Connects; tries again while another process is switching the new file to WAL, the one lock that SQLite's
/// busy time-out does not wait for.
async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, RegistryError> {
    let pauses = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(5))
        .with_max_delay(Duration::from_millis(200))
        .with_max_times(40)
        .with_jitter();
    let connect = || async { options.connect().await };
    Ok(connect.retry(pauses).when(is_locked).await?)
}

fn is_locked(error: &sqlx::Error) -> bool {
    // SQLITE_BUSY and SQLITE_LOCKED, with their extended codes
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

impl Registry {
    /// Opens or creates the database, migrates, loads the view.
    pub async fn open(path: &Path) -> Result<Self, RegistryError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        create_private(path)?;
        let mut connection = connect(&options).await?;
        // All or nothing, and one process at a time: the program and `fixstream admin` may start together.
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        // `run` takes the connection by a trait that is not general enough for a future that is sent.
        migrator().run_direct(None, &mut *transaction, false).await?;
        transaction.commit().await?;

        let mut writer = Writer {
            connection,
            options,
            data_version: 0,
            tenants: 0,
            fleet: 0,
            stale: false,
            last_used_written: clock::now(),
        };
        writer.data_version = writer.current_data_version().await?;
        // One read transaction, so that generations and rows belong together.
        let mut read = writer.connection.begin().await?;
        let (tenants_at, fleet_at) = generations(&mut read).await?;
        let tenants = load::tenants(&mut read).await?;
        let fleet = load::fleet(&mut read).await?;
        read.commit().await?;
        (writer.tenants, writer.fleet) = (tenants_at, fleet_at);

        Ok(Self {
            inner: Arc::new(Inner {
                tenants: ArcSwap::from_pointee(tenants),
                fleet: ArcSwap::from_pointee(fleet),
                passwords: Passwords::default(),
                announcer: broadcast::Sender::new(announce::KEPT),
                once: Turns::default(),
                writer: Mutex::new(writer),
            }),
        })
    }

    /// Takes over what another process changed (`fixstream admin` beside a running server); whether
    /// there was anything. Costs one pragma when there was not: call it once a second. Also writes the
    /// last-use times of keys, once a minute.
    pub async fn refresh(&self) -> Result<bool, RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            writer.revive().await?;
            let now = clock::now();
            if now.0 - writer.last_used_written.0 >= LAST_USED_EVERY_MS {
                writer.last_used_written = now;
                inner.write_last_used(&mut writer).await?;
            }
            let seen = writer.current_data_version().await?;
            if seen == writer.data_version && !writer.stale {
                return Ok(false);
            }
            let stale = writer.stale;
            let (tenants_seen, fleet_seen) = (writer.tenants, writer.fleet);
            let mut read = writer.connection.begin().await?;
            let (tenants_at, fleet_at) = generations(&mut read).await?;
            let tenants = if stale || tenants_at != tenants_seen {
                Some(load::tenants(&mut read).await?)
            } else {
                None
            };
            let fleet = if stale || fleet_at != fleet_seen {
                Some(load::fleet(&mut read).await?)
            } else {
                None
            };
            read.commit().await?;

            let changed = tenants.is_some() || fleet.is_some();
            inner.show_anew(tenants, fleet).await;
            // `seen` was read before the rows: a commit in between only means another look next time.
            (writer.data_version, writer.tenants, writer.fleet, writer.stale) =
                (seen, tenants_at, fleet_at, false);
            Ok(changed)
        })
        .await
    }
}

impl Inner {
    /// The right to change; held until the view shows the change, so that the view follows the commits.
    pub(super) async fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().await
    }

    /// Stores the next snapshot of the small part. Only with the writer in hand.
    pub(super) fn change_tenants(&self, change: impl FnOnce(&mut Tenants)) {
        let mut next = (**self.tenants.load()).clone();
        change(&mut next);
        self.tenants.store(Arc::new(next));
    }

    /// Writes the uses of keys since the last time.
    pub(super) async fn write_last_used(&self, writer: &mut Writer) -> Result<(), RegistryError> {
        let used: Vec<_> = self
            .tenants
            .load()
            .keys
            .values()
            .filter_map(|entry| entry.take_last_used().map(|time| (entry.key.id, time)))
            .collect();
        if used.is_empty() {
            return Ok(());
        }
        let mut transaction = writer.begin().await?;
        for (key, time) in used {
            sqlx::query("UPDATE api_key SET last_used_at = $1 WHERE id = $2")
                .bind(time.0)
                .bind(key)
                .execute(&mut *transaction)
                .await?;
        }
        // No generation: the view does not show it.
        transaction.commit().await?;
        Ok(())
    }
}

impl Writer {
    /// A transaction that has the write lock from its first statement on: it can't fail half-way as busy.
    pub(super) async fn begin(&mut self) -> Result<Transaction<'_, Sqlite>, RegistryError> {
        self.revive().await?;
        Ok(self.connection.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Connects again when the driver believes that a transaction is still open: where SQLite has rolled back
    /// by itself (no space, an input/output error), the driver's own rollback fails, and it would refuse every
    /// transaction from then on.
    async fn revive(&mut self) -> Result<(), RegistryError> {
        if !self.connection.is_in_transaction() {
            return Ok(());
        }
        // a rollback may just be on its way to the driver's thread: this question comes after it
        self.current_data_version().await?;
        if !self.connection.is_in_transaction() {
            return Ok(());
        }
        self.connection = connect(&self.options).await?;
        // it counts per connection: the next refresh looks at the generations
        self.data_version = i64::MIN;
        tracing::info!("connected to the registry again");
        Ok(())
    }

    /// Records how [`commit`] went. After an `Ok` the caller updates the view.
    pub(super) fn committed(
        &mut self,
        part: Part,
        result: Result<(), sqlx::Error>,
    ) -> Result<(), RegistryError> {
        match result {
            // Counted, not read back: if another process was in between, the next refresh sees the difference.
            Ok(()) => {
                match part {
                    Part::Tenants => self.tenants += 1,
                    Part::Fleet => self.fleet += 1,
                }
                Ok(())
            }
            Err(error) => {
                self.stale = true;
                Err(RegistryError::Database(error))
            }
        }
    }

    async fn current_data_version(&mut self) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("PRAGMA data_version")
            .fetch_one(&mut self.connection)
            .await
    }
}

/// Counts the change and commits it.
pub(super) async fn commit(mut transaction: Transaction<'_, Sqlite>, part: Part) -> Result<(), sqlx::Error> {
    let name = match part {
        Part::Tenants => "tenants",
        Part::Fleet => "fleet",
    };
    sqlx::query("UPDATE generation SET value = value + 1 WHERE part = $1")
        .bind(name)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

/// Runs a change as a task of its own: a caller that goes away (a closed connection, a time-out) can't
/// leave a commit without its update of the view.
pub(super) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, RegistryError>> + Send + 'static,
) -> Result<T, RegistryError> {
    tokio::spawn(work).await?
}

/// Makes sure that the file exists and is the owner's only: it holds password hashes. SQLite gives its
/// side files the same mode.
fn create_private(path: &Path) -> Result<(), RegistryError> {
    let opened = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path);
    opened.map(drop).map_err(|source| RegistryError::File {
        path: path.to_owned(),
        source,
    })
}

async fn generations(connection: &mut SqliteConnection) -> Result<(i64, i64), sqlx::Error> {
    sqlx::query_as(
        "SELECT (SELECT value FROM generation WHERE part = 'tenants'), (SELECT value FROM generation WHERE part = 'fleet')",
    )
    .fetch_one(connection)
    .await
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS
        .iter()
        .map(|&(version, name, sql)| {
            Migration::new(
                version,
                name.into(),
                MigrationType::Simple,
                sql.into_sql_str(),
                false,
            )
        })
        .collect();
    Migrator::with_migrations(migrations)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[tokio::test]
    async fn a_full_disk_refuses_changes_and_nothing_else_and_space_ends_that() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::open(&folder.path().join("registry.db")).await.unwrap();
        let before = registry.create_client("before").await.unwrap();
        // a limit of the connection stands in for the disk
        {
            let mut writer = registry.inner.writer().await;
            // as small as it can be: what there is
            sqlx::query("PRAGMA max_page_count = 1")
                .execute(&mut writer.connection)
                .await
                .unwrap();
        }
        let long = |number: usize| format!("{number}{}", "x".repeat(3000));
        let mut refused = 0;
        for number in 0..3 {
            if let Err(error) = registry.create_client(&long(number)).await {
                assert!(error.is_shortage(), "{error}");
                refused += 1;
                assert!(registry.client(before.id).is_some());
                registry.refresh().await.unwrap();
            }
        }
        assert!(refused > 0);
        registry.create_client("after").await.unwrap();
    }
}
