//! Why the registry refuses, and how the database's constraints become those answers.

use std::path::PathBuf;

use sqlx::error::DatabaseError;

/// Why the registry refused.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A unique constraint; entity and field as in the contract (`TRACKER`, `IMEI`).
    #[error("{entity} already exists with this {field}")]
    Exists {
        /// Entity, upper case.
        entity: &'static str,
        /// Field, upper case.
        field: &'static str,
    },
    /// A referenced or addressed thing is not there (or another client's).
    #[error("{entity} not found with field {field}")]
    NotFound {
        /// Entity, upper case.
        entity: &'static str,
        /// Field as in the request.
        field: &'static str,
    },
    /// It is still used.
    #[error("{entity} is in use")]
    InUse {
        /// Entity, upper case.
        entity: &'static str,
    },
    /// It is not any more what the caller saw.
    #[error("{entity} was changed meanwhile")]
    Changed {
        /// Entity, upper case.
        entity: &'static str,
    },
    /// The key of a repeatable create stands for another request.
    #[error("the idempotency key was used for another request")]
    OtherRequest,
    /// The database file can't be opened or made.
    #[error("registry file {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database failed.
    #[error("registry database: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed.
    #[error("registry migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A row that this program can't have written.
    #[error("registry row: {0}")]
    Row(String),
    /// The password hash could not be made.
    #[error("password hash: {0}")]
    Password(String),
    /// The program is being stopped, or the change panicked.
    #[error("registry change interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl RegistryError {
    /// Whether the disk has no space: nothing was changed, and it goes away by itself.
    pub fn is_shortage(&self) -> bool {
        let Self::Database(error) = self else { return false };
        let code = error.as_database_error().and_then(DatabaseError::code);
        // SQLITE_FULL; SQLITE_IOERR_SHMSIZE is what growing the index of the write-ahead log meets
        code.is_some_and(|code| code == "13" || code == "4874")
    }
}

/// Which unique constraint says what: columns as SQLite names them, entity and field as the contract does.
const UNIQUE: [(&str, &str, &str); 9] = [
    ("client.name", "CLIENT", "NAME"),
    ("client_vendor.vendor", "CLIENT_VENDOR", "VENDOR"),
    ("tracker.imei", "TRACKER", "IMEI"),
    ("device_group.name", "GROUP", "NAME"),
    ("device.uuid", "DEVICE", "DEVICEUUID"),
    ("device.tracker", "DEVICE", "IDTRACKER"),
    ("credential.username", "CREDENTIAL", "USERNAME"),
    ("client.instance", "CLIENT", "INSTANCE"),
    ("api_key.hash", "API_KEY", "SECRET"),
];

/// A failed statement as the registry's own error: the constraint decides.
pub(super) fn refused(error: sqlx::Error) -> RegistryError {
    if let Some(database) = error.as_database_error()
        && database.is_unique_violation()
        && let Some((_, entity, field)) = UNIQUE
            .iter()
            .find(|(column, ..)| database.message().contains(column))
    {
        return RegistryError::Exists { entity, field };
    }
    RegistryError::Database(error)
}

/// Whether a statement failed because something that it refers to is not there (or another client's).
pub(super) fn is_dangling(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(DatabaseError::is_foreign_key_violation)
}
