//! What operators list and withdraw. Read from the database, not from the view: it includes what is no
//! longer valid.

use std::sync::Arc;

use ahash::HashMap;
use sqlx::Row as _;

use super::Registry;
use super::entities::{ApiKey, ApiKeyInfo, Contact, CredentialInfo};
use super::error::RegistryError;
use super::load;
use super::store::{Part, commit, detached};
use crate::clock;
use crate::model::{ClientId, LinkId, TimeMs};

impl Registry {
    /// All API keys of a client, or of all clients, revoked ones too, by id. Without secrets.
    pub async fn api_keys(&self, client: Option<ClientId>) -> Result<Vec<ApiKeyInfo>, RegistryError> {
        let mut writer = self.inner.writer().await;
        let rows = sqlx::query(
            "SELECT id, name, client, link, scopes, created_at, expires_at, revoked_at, last_used_at, contact_email, \
             contact_phone FROM api_key WHERE $1 IS NULL OR client = $1 ORDER BY id",
        )
        .bind(client.map(|client| client.0))
        .fetch_all(&mut writer.connection)
        .await?;
        // with the writer still in hand: a use is either here or in the row
        let just_used: HashMap<u32, TimeMs> = self
            .inner
            .tenants
            .load()
            .keys
            .values()
            .filter_map(|entry| Some((entry.key.id, entry.last_used()?)))
            .collect();
        drop(writer);
        rows.iter()
            .map(|row| {
                let id = row.try_get(0)?;
                let written = row.try_get::<Option<i64>, _>(8)?.map(TimeMs);
                Ok(ApiKeyInfo {
                    key: ApiKey {
                        id,
                        name: row.try_get(1)?,
                        client: ClientId(row.try_get(2)?),
                        link: row.try_get::<Option<u32>, _>(3)?.map(LinkId),
                        scopes: load::scopes(row.try_get(4)?)?,
                    },
                    created: TimeMs(row.try_get(5)?),
                    expires: row.try_get::<Option<i64>, _>(6)?.map(TimeMs),
                    revoked: row.try_get::<Option<i64>, _>(7)?.map(TimeMs),
                    last_used: written.max(just_used.get(&id).copied()),
                    contact: Contact {
                        email: row.try_get(9)?,
                        phone: row.try_get(10)?,
                    },
                })
            })
            .collect()
    }

    /// All MQTT credentials of a client, or of all clients, by id. Without hashes.
    pub async fn credentials(&self, client: Option<ClientId>) -> Result<Vec<CredentialInfo>, RegistryError> {
        let mut writer = self.inner.writer().await;
        let rows = sqlx::query(
            "SELECT id, username, client, link, role, tracker, created_at FROM credential \
             WHERE $1 IS NULL OR client = $1 ORDER BY id",
        )
        .bind(client.map(|client| client.0))
        .fetch_all(&mut writer.connection)
        .await?;
        rows.iter()
            .map(|row| {
                let id = row.try_get(0)?;
                Ok(CredentialInfo {
                    id,
                    username: row.try_get(1)?,
                    client: ClientId(row.try_get(2)?),
                    link: row.try_get::<Option<u32>, _>(3)?.map(LinkId),
                    role: load::role(id, row.try_get(4)?, row.try_get(5)?)?,
                    created: TimeMs(row.try_get(6)?),
                })
            })
            .collect()
    }

    /// Withdraws an API key for good; from now on it is refused. Repeating it is fine.
    pub async fn revoke_api_key(&self, id: u32) -> Result<(), RegistryError> {
        self.revoke(None, id).await
    }

    /// The same for a key of this client.
    pub async fn revoke_api_key_of(&self, client: ClientId, id: u32) -> Result<(), RegistryError> {
        self.revoke(Some(client), id).await
    }

    async fn revoke(&self, client: Option<ClientId>, id: u32) -> Result<(), RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let changed = sqlx::query(
                "UPDATE api_key SET revoked_at = coalesce(revoked_at, $1) WHERE id = $2 AND ($3 IS NULL OR client = $3)",
            )
            .bind(clock::now().0)
            .bind(id)
            .bind(client.map(|client| client.0))
            .execute(&mut *transaction)
            .await?;
            if changed.rows_affected() == 0 {
                return Err(RegistryError::NotFound {
                    entity: "API_KEY",
                    field: "id",
                });
            }
            let result = commit(transaction, Part::Tenants).await;
            writer.committed(Part::Tenants, result)?;
            inner.change_tenants(|tenants| tenants.keys.retain(|_, entry| entry.key.id != id));
            Ok(())
        })
        .await
    }

    /// Withdraws an MQTT credential. Connections that it opened are the broker's to close.
    pub async fn delete_credential(&self, username: &str) -> Result<(), RegistryError> {
        let (inner, username) = (Arc::clone(&self.inner), username.to_owned());
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let changed = sqlx::query("DELETE FROM credential WHERE username = $1")
                .bind(&username)
                .execute(&mut *transaction)
                .await?;
            if changed.rows_affected() == 0 {
                return Err(RegistryError::NotFound {
                    entity: "CREDENTIAL",
                    field: "username",
                });
            }
            let result = commit(transaction, Part::Fleet).await;
            writer.committed(Part::Fleet, result)?;
            inner.fleet.load().remove_credential(&username);
            Ok(())
        })
        .await
    }
}
