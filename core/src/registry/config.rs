//! What each client sets for its reports.

use std::sync::Arc;

use sqlx::SqliteConnection;

use super::Registry;
use super::changes::{CLIENT_MISSING, row_id};
use super::error::{RegistryError, is_dangling, refused};
use super::load::{self, configs};
use super::store::{Part, commit, detached};
use crate::model::ClientId;

/// The thresholds of the movements and speeding reports. The defaults hold where a client has set none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Speed limit, km/h; above it a position is speeding.
    pub max_speed_kmh: u32,
    /// Least duration of a stop, minutes.
    pub min_stop_minutes: u32,
    /// Greatest speed within a stop, km/h.
    pub max_stop_speed_kmh: u32,
    /// Greatest distance between two positions of a stop, m.
    pub max_stop_distance_meters: u32,
    /// Least speed of a movement, km/h.
    pub min_movement_speed_kmh: u32,
    /// Least distance between two positions of a movement, m.
    pub min_movement_distance_meters: u32,
    /// Time between two positions from which on it is a gap, s.
    pub gap_threshold_seconds: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            max_speed_kmh: 80,
            min_stop_minutes: 5,
            max_stop_speed_kmh: 3,
            max_stop_distance_meters: 50,
            min_movement_speed_kmh: 5,
            min_movement_distance_meters: 100,
            gap_threshold_seconds: 600,
        }
    }
}

/// A client's own thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportConfig {
    /// Id.
    pub id: u32,
    /// Client.
    pub client: ClientId,
    /// What it set.
    pub thresholds: Thresholds,
}

/// A client has none.
pub const CONFIG_MISSING: RegistryError = RegistryError::NotFound {
    entity: "CONFIG",
    field: "idConfig",
};

impl Registry {
    /// A client's own thresholds, where it has set them.
    pub fn config(&self, client: ClientId) -> Option<Arc<ReportConfig>> {
        self.inner.tenants.load().configs.get(&client).cloned()
    }

    /// The thresholds that hold for a client.
    pub fn thresholds(&self, client: ClientId) -> Thresholds {
        self.config(client)
            .map_or_else(Thresholds::default, |config| config.thresholds)
    }

    /// Sets what `next` makes of what there is, or refuses as it does. `seen`: refuse with
    /// [`RegistryError::Changed`] unless that is still so.
    pub async fn set_config(
        &self,
        client: ClientId,
        seen: Option<Arc<ReportConfig>>,
        next: impl FnOnce(Option<&ReportConfig>) -> Result<Thresholds, RegistryError> + Send + 'static,
    ) -> Result<Arc<ReportConfig>, RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let now = stored(&mut transaction, client).await?;
            if seen.is_some_and(|seen| Some(*seen) != now) {
                return Err(RegistryError::Changed { entity: "CONFIG" });
            }
            let thresholds = next(now.as_ref())?;
            let id = if let Some(now) = now {
                let update = "UPDATE report_config SET client = $1, max_speed_kmh = $2, min_stop_minutes = $3, \
                              max_stop_speed_kmh = $4, max_stop_distance_meters = $5, min_movement_speed_kmh = $6, \
                              min_movement_distance_meters = $7, gap_threshold_seconds = $8 WHERE id = $9";
                bound(update, client, thresholds)
                    .bind(now.id)
                    .execute(&mut *transaction)
                    .await?;
                now.id
            } else {
                let insert = "INSERT INTO report_config (client, max_speed_kmh, min_stop_minutes, \
                              max_stop_speed_kmh, max_stop_distance_meters, min_movement_speed_kmh, \
                              min_movement_distance_meters, gap_threshold_seconds) \
                              VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
                match bound(insert, client, thresholds).execute(&mut *transaction).await {
                    Err(error) if is_dangling(&error) => return Err(CLIENT_MISSING),
                    inserted => row_id(&inserted.map_err(refused)?)?,
                }
            };
            let result = commit(transaction, Part::Tenants).await;
            writer.committed(Part::Tenants, result)?;
            let config = Arc::new(ReportConfig {
                id,
                client,
                thresholds,
            });
            inner.change_tenants(|tenants| {
                tenants.configs.insert(client, Arc::clone(&config));
            });
            Ok(config)
        })
        .await
    }

    /// Forgets a client's thresholds (`id`: only these); reports fall back to the defaults.
    pub async fn delete_config(
        &self,
        client: ClientId,
        id: Option<u32>,
        seen: Option<Arc<ReportConfig>>,
    ) -> Result<(), RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let now = stored(&mut transaction, client).await?;
            let now = now
                .filter(|now| id.is_none_or(|id| id == now.id))
                .ok_or(CONFIG_MISSING)?;
            if seen.is_some_and(|seen| *seen != now) {
                return Err(RegistryError::Changed { entity: "CONFIG" });
            }
            sqlx::query("DELETE FROM report_config WHERE id = $1")
                .bind(now.id)
                .execute(&mut *transaction)
                .await?;
            let result = commit(transaction, Part::Tenants).await;
            writer.committed(Part::Tenants, result)?;
            inner.change_tenants(|tenants| {
                tenants.configs.remove(&client);
            });
            Ok(())
        })
        .await
    }
}

async fn stored(
    connection: &mut SqliteConnection,
    client: ClientId,
) -> Result<Option<ReportConfig>, RegistryError> {
    let row = sqlx::query(concat!(configs!(), " WHERE client = $1"))
        .bind(client.0)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(load::config).transpose()
}

/// The statement with the client and the seven thresholds bound, in this order.
fn bound(
    statement: &'static str,
    client: ClientId,
    thresholds: Thresholds,
) -> sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
    sqlx::query(statement)
        .bind(client.0)
        .bind(thresholds.max_speed_kmh)
        .bind(thresholds.min_stop_minutes)
        .bind(thresholds.max_stop_speed_kmh)
        .bind(thresholds.max_stop_distance_meters)
        .bind(thresholds.min_movement_speed_kmh)
        .bind(thresholds.min_movement_distance_meters)
        .bind(thresholds.gap_threshold_seconds)
}
