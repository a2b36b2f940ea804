//! Changes of the small part: clients, vendors, links, keys, device types. The database first, then the view.

use std::sync::Arc;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteQueryResult;

use super::Registry;
use super::entities::{ApiKey, ApiKeyInfo, Client, DeviceType, Link, NewApiKey, Scope, UnknownTracker};
use super::error::{RegistryError, is_dangling, refused};
use super::secrets::{self, KeyHash};
use super::store::{Part, commit, detached};
use crate::clock;
use crate::model::{ClientId, LinkId, TimeMs};

impl Registry {
    /// New client.
    pub async fn create_client(&self, name: &str) -> Result<Arc<Client>, RegistryError> {
        let (inner, name) = (Arc::clone(&self.inner), name.to_owned());
        detached(async move {
            let instance = uuid::Uuid::new_v4();
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let inserted = sqlx::query("INSERT INTO client (name, instance, created_at) VALUES ($1, $2, $3)")
                .bind(&name)
                .bind(instance.to_string())
                .bind(clock::now().0)
                .execute(&mut *transaction)
                .await
                .map_err(refused)?;
            let id = row_id(&inserted)?;
            let result = commit(transaction, Part::Tenants).await;
            writer.committed(Part::Tenants, result)?;
            let client = Arc::new(Client {
                id: ClientId(id),
                name,
                instance,
            });
            inner.change_tenants(|tenants| {
                tenants.clients.insert(client.id, Arc::clone(&client));
            });
            Ok(client)
        })
        .await
    }

    /// New vendor; existing is fine.
    pub async fn create_vendor(&self, name: &str) -> Result<(), RegistryError> {
        let (inner, name) = (Arc::clone(&self.inner), name.to_owned());
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            sqlx::query("INSERT INTO vendor (name, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(&name)
                .bind(clock::now().0)
                .execute(&mut *transaction)
                .await
                .map_err(refused)?;
            let result = commit(transaction, Part::Tenants).await;
            writer.committed(Part::Tenants, result)?;
            inner.change_tenants(|tenants| tenants.add_vendor(&name));
            Ok(())
        })
        .await
    }

    /// New link.
    pub async fn create_link(
        &self,
        client: ClientId,
        vendor: &str,
        unknown: UnknownTracker,
    ) -> Result<Arc<Link>, RegistryError> {
        let (inner, vendor) = (Arc::clone(&self.inner), Arc::<str>::from(vendor));
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let inserted = sqlx::query(
                "INSERT INTO client_vendor (client, vendor, unknown, created_at) VALUES ($1, $2, $3, $4)",
            )
            .bind(client.0)
            .bind(&*vendor)
            .bind(unknown.name())
            .bind(clock::now().0)
            .execute(&mut *transaction)
            .await;
            let id = match inserted {
                Err(error) if is_dangling(&error) => {
                    client_exists(&mut transaction, client).await?;
                    return Err(RegistryError::NotFound {
                        entity: "VENDOR",
                        field: "vendor",
                    });
                }
                inserted => row_id(&inserted.map_err(refused)?)?,
            };
            let result = commit(transaction, Part::Tenants).await;
            writer.committed(Part::Tenants, result)?;
            let link = Arc::new(Link {
                id: LinkId(id),
                client,
                vendor,
                unknown,
                pin: None,
            });
            inner.show_links(|tenants| tenants.add_link(&link));
            Ok(link)
        })
        .await
    }

    /// New key that does not expire; returns the secret, shown once.
    pub async fn create_api_key(
        &self,
        name: &str,
        client: ClientId,
        link: Option<LinkId>,
        scopes: &[Scope],
    ) -> Result<(Arc<ApiKey>, String), RegistryError> {
        self.create_api_key_until(name, client, link, scopes, None).await
    }

    /// New key that is refused from `expires` on; returns the secret, shown once.
    pub async fn create_api_key_until(
        &self,
        name: &str,
        client: ClientId,
        link: Option<LinkId>,
        scopes: &[Scope],
        expires: Option<TimeMs>,
    ) -> Result<(Arc<ApiKey>, String), RegistryError> {
        let new = NewApiKey {
            name: name.to_owned(),
            link,
            scopes: scopes.to_vec(),
            expires,
            ..NewApiKey::default()
        };
        let (info, secret) = self.create_key(client, new).await?;
        Ok((Arc::new(info.key), secret))
    }

    /// New key; returns the secret, shown once.
    pub async fn create_key(
        &self,
        client: ClientId,
        new: NewApiKey,
    ) -> Result<(ApiKeyInfo, String), RegistryError> {
        let inner = Arc::clone(&self.inner);
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let made = insert_key(&mut transaction, client, new).await?;
            let result = commit(transaction, Part::Tenants).await;
            writer.committed(Part::Tenants, result)?;
            inner.change_tenants(|tenants| tenants.add_key(&made));
            Ok((made.info, made.secret))
        })
        .await
    }

    /// New device type.
    pub async fn create_device_type(&self, name: &str, code: &str) -> Result<Arc<DeviceType>, RegistryError> {
        let (inner, name, code) = (Arc::clone(&self.inner), name.to_owned(), code.to_owned());
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let inserted = sqlx::query("INSERT INTO device_type (name, code) VALUES ($1, $2)")
                .bind(&name)
                .bind(&code)
                .execute(&mut *transaction)
                .await
                .map_err(refused)?;
            let id = row_id(&inserted)?;
            let result = commit(transaction, Part::Tenants).await;
            writer.committed(Part::Tenants, result)?;
            let device_type = Arc::new(DeviceType { id, name, code });
            inner.change_tenants(|tenants| tenants.device_types.push(Arc::clone(&device_type)));
            Ok(device_type)
        })
        .await
    }
}

/// A key that was just inserted.
pub(super) struct MadeKey {
    pub(super) info: ApiKeyInfo,
    pub(super) hash: KeyHash,
    pub(super) secret: String,
}

/// Inserts a key with a new secret.
pub(super) async fn insert_key(
    connection: &mut SqliteConnection,
    client: ClientId,
    new: NewApiKey,
) -> Result<MadeKey, RegistryError> {
    let secret = secrets::new_key();
    let hash =
        secrets::key_hash(&secret).ok_or_else(|| RegistryError::Password("key can not be hashed".into()))?;
    let created = clock::now();
    let scopes: Vec<&str> = new.scopes.iter().map(|scope| scope.name()).collect();
    let inserted = sqlx::query(
        "INSERT INTO api_key (name, hash, client, link, scopes, created_at, expires_at, contact_email, contact_phone) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&new.name)
    .bind(&hash[..])
    .bind(client.0)
    .bind(new.link.map(|link| link.0))
    .bind(scopes.join(" "))
    .bind(created.0)
    .bind(new.expires.map(|expires| expires.0))
    .bind(&new.contact.email)
    .bind(&new.contact.phone)
    .execute(&mut *connection)
    .await;
    let id = match inserted {
        Err(error) if is_dangling(&error) => {
            client_exists(connection, client).await?;
            return Err(LINK_MISSING);
        }
        inserted => row_id(&inserted.map_err(refused)?)?,
    };
    let key = ApiKey {
        id,
        name: new.name,
        client,
        link: new.link,
        scopes: new.scopes,
    };
    Ok(MadeKey {
        info: ApiKeyInfo {
            key,
            created,
            expires: new.expires,
            revoked: None,
            last_used: None,
            contact: new.contact,
        },
        hash,
        secret,
    })
}

pub(super) const CLIENT_MISSING: RegistryError = RegistryError::NotFound {
    entity: "CLIENT",
    field: "idClient",
};
pub(super) const LINK_MISSING: RegistryError = RegistryError::NotFound {
    entity: "CLIENT_VENDOR",
    field: "link",
};

/// The id of an inserted row. Not `RETURNING id`: SQLite checks foreign keys when the statement ends, which
/// is after it has returned its row.
pub(super) fn row_id(inserted: &SqliteQueryResult) -> Result<u32, RegistryError> {
    let id = inserted.last_insert_rowid();
    u32::try_from(id).map_err(|_| RegistryError::Row(format!("row id {id} is out of range")))
}

// SQLite does not say which foreign key failed; these find out, in the same transaction.

pub(super) async fn client_exists(
    connection: &mut SqliteConnection,
    client: ClientId,
) -> Result<(), RegistryError> {
    let found: Option<u32> = sqlx::query_scalar("SELECT id FROM client WHERE id = $1")
        .bind(client.0)
        .fetch_optional(connection)
        .await?;
    found.map(drop).ok_or(CLIENT_MISSING)
}
