//! The file of saved states: SQLite, one row for each session, one for the offset.

use std::path::Path;
use std::sync::Arc;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use super::{Session, State};
use crate::model::{ClientId, Offset};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS states (
    client INTEGER NOT NULL,
    vendor TEXT NOT NULL,
    sender TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (client, vendor, sender)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS saved (one INTEGER PRIMARY KEY CHECK (one = 1), before INTEGER NOT NULL);
";

/// The states can't be read or saved.
#[derive(Debug, thiserror::Error)]
#[error("the states of decoders: {0}")]
pub struct StateError(#[from] sqlx::Error);

pub(super) struct Store {
    connection: SqliteConnection,
}

impl Store {
    /// The open file, the offset below which messages have left their states in it, and these states.
    pub(super) async fn open(path: &Path) -> Result<(Self, Offset, Vec<(Session, State)>), StateError> {
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging()
            .connect()
            .await?;
        sqlx::raw_sql(SCHEMA).execute(&mut connection).await?;
        let saved = sqlx::query_scalar::<_, i64>("SELECT before FROM saved")
            .fetch_optional(&mut connection)
            .await?
            .unwrap_or_default();
        let rows = sqlx::query("SELECT client, vendor, sender, state FROM states WHERE length(state) > 0")
            .fetch_all(&mut connection)
            .await?;
        let states = rows
            .into_iter()
            .map(|row| {
                let session = Session {
                    client: ClientId(row.try_get("client")?),
                    vendor: Arc::from(row.try_get::<&str, _>("vendor")?),
                    sender: row.try_get("sender")?,
                };
                Ok((session, State::from(row.try_get::<&[u8], _>("state")?)))
            })
            .collect::<Result<Vec<_>, sqlx::Error>>()?;
        Ok((Self { connection }, Offset(saved.cast_unsigned()), states))
    }

    /// Replaces these states; on disk when this returns.
    pub(super) async fn write(
        &mut self,
        before: Offset,
        changed: &[(Session, State)],
    ) -> Result<(), StateError> {
        let mut transaction = self.connection.begin().await?;
        for (session, state) in changed {
            sqlx::query("INSERT OR REPLACE INTO states (client, vendor, sender, state) VALUES (?, ?, ?, ?)")
                .bind(session.client.0)
                .bind(&*session.vendor)
                .bind(&session.sender)
                .bind(&**state)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("INSERT OR REPLACE INTO saved (one, before) VALUES (1, ?)")
            .bind(before.0.cast_signed())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}
