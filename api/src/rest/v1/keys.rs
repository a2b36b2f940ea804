//! `/v1/keys`: the client's API keys. A secret is shown once, in the answer that made it; only administrators
//! see keys at all.

use fixstream_core::clock;
use fixstream_core::model::{LinkId, TimeMs};
use fixstream_core::registry::{ApiKeyInfo, Contact, NewApiKey, Remembered, Scope};
use poem::Response;
use poem::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::create::{self, Repeatable};
use super::{etag, page};
use crate::rest::codes;
use crate::rest::envelope::json_response;
use crate::rest::error::ApiError;
use crate::rest::operation::{Call, Content, Operation};
use crate::rest::resource::Page;
use crate::rest::time::{self, Stamp};
use crate::rest::validate::{self, Field, Rule};

const SCOPES: &[&str] = &["read", "write", "admin"];
/// Longest life of a key that is given in days.
const MAX_DAYS: f64 = 36_500.0;
const DAY_MS: f64 = 86_400_000.0;

/// Query of the list.
pub(super) const LIST: &[Field] = &[
    Field::new("active", Rule::Flag),
    page::number(),
    page::size(),
    page::sort(&["id", "name", "createdAt", "lastUsedAt"]),
];

/// A new key. It ends at `expiresAt` or after so many days, whichever comes first.
pub(super) const NEW: &[Field] = &[
    Field::new("name", Rule::Sized { min: 3, max: 100 }).required(),
    Field::new("scopes", Rule::Words(SCOPES)).required(),
    Field::id("linkId"),
    Field::new("expiresAt", Rule::Time),
    Field::new("expiresInDays", Rule::Positive { max: MAX_DAYS }),
    Field::new("contactEmail", Rule::Email),
    Field::new("contactPhone", Rule::Phone),
];

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct KeyResource {
    id: u32,
    name: String,
    scopes: Vec<String>,
    /// The client-vendor link under which it registers devices and sends vendor messages.
    link_id: Option<u32>,
    created_at: Option<Stamp>,
    expires_at: Option<Stamp>,
    revoked_at: Option<Stamp>,
    last_used_at: Option<Stamp>,
    contact_email: Option<String>,
    contact_phone: Option<String>,
    /// What goes into the header `apikey`: only in the answer that made the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    const ALL: &[&str] = &["/keys"];
    const ONE: &[&str] = &["/keys/{id}"];
    vec![
        Operation::new(
            Method::GET,
            "list_keys",
            ALL,
            "The API keys, revoked and expired ones too",
            list,
        )
        .resource()
        .scope(Scope::Admin)
        .query(LIST)
        .answers::<Page<KeyResource>>(200, "One page"),
        Operation::new(Method::POST, "create_key", ALL, "Makes an API key", create)
            .resource()
            .scope(Scope::Admin)
            .body(NEW)
            .answers::<KeyResource>(
                201,
                "The key, at Location, with its secret; a repeated request is answered without the secret",
            )
            .refuses(&codes::ENTITY_NOT_FOUND)
            .refuses(&codes::IDEMPOTENCY_KEY_REUSED),
        Operation::new(Method::GET, "get_key", ONE, "An API key", get)
            .resource()
            .scope(Scope::Admin)
            .parameters(page::BY_ID)
            .answers::<KeyResource>(200, "It, with its ETag")
            .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND),
        Operation::new(
            Method::DELETE,
            "revoke_key",
            ONE,
            "Revokes an API key for good",
            revoke,
        )
        .resource()
        .scope(Scope::Admin)
        .parameters(page::BY_ID)
        .answers_with(204, "It is refused from now on", Content::Empty)
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::PRECONDITION_FAILED),
    ]
}

async fn list(mut call: Call) -> Result<Response, ApiError> {
    let query = validate::exact_query(std::mem::take(&mut call.query), LIST)?;
    let mut keys = call.rest.registry.api_keys(Some(call.client.id)).await?;
    let now = clock::now();
    keys.retain(|key| {
        query
            .flag("active")
            .is_none_or(|active| is_active(key, now) == active)
    });
    let page = page::of(
        keys,
        &query,
        |attribute, one, other| match attribute {
            "name" => one.key.name.cmp(&other.key.name),
            "createdAt" => one.created.cmp(&other.created),
            "lastUsedAt" => one.last_used.cmp(&other.last_used),
            _ => one.key.id.cmp(&other.key.id),
        },
        view,
    );
    Ok(json_response(StatusCode::OK, &page))
}

async fn create(call: Call) -> Result<Response, ApiError> {
    let fields = validate::exact_body(&call.body, NEW)?;
    let after_days = fields
        .number("expiresInDays")
        .map(|days| TimeMs(clock::now().0 + (days * DAY_MS) as i64));
    let scopes = fields.texts("scopes").into_iter().filter_map(Scope::parse);
    let new = NewApiKey {
        name: fields.required_text("name"),
        link: fields.id("linkId").map(LinkId),
        scopes: scopes.collect(),
        expires: fields.time("expiresAt").into_iter().chain(after_days).min(),
        contact: Contact {
            email: fields.text("contactEmail").map(str::to_owned),
            phone: fields.text("contactPhone").map(str::to_owned),
        },
    };
    let (registry, client) = (&call.rest.registry, call.client.id);
    match Repeatable::of(&call, "create_key")? {
        None => {
            let (key, secret) = registry.create_key(client, new).await?;
            Ok(first(&key, secret))
        }
        Some(repeatable) => {
            let once = repeatable.once(|key| made(key, None));
            let created = registry.create_key_once(client, new, once).await?;
            Ok(create::settle(created, |(key, secret)| first(&key, secret)))
        }
    }
}

async fn get(call: Call) -> Result<Response, ApiError> {
    let key = owned(&call).await?;
    let mut response = json_response(StatusCode::OK, &view(&key));
    etag::put(&mut response, &etag::tag(&tagged(&key)));
    Ok(response)
}

async fn revoke(call: Call) -> Result<Response, ApiError> {
    let key = owned(&call).await?;
    // Nothing but the revocation itself changes a key, and repeating that is fine.
    etag::demanded(&call.headers, "API_KEY", &tagged(&key))?;
    call.rest
        .registry
        .revoke_api_key_of(call.client.id, key.key.id)
        .await?;
    Ok(create::nothing())
}

/// The client's key of the id in the path.
async fn owned(call: &Call) -> Result<ApiKeyInfo, ApiError> {
    let id = page::id(call)?;
    let keys = call.rest.registry.api_keys(Some(call.client.id)).await?;
    keys.into_iter()
        .find(|key| key.key.id == id)
        .ok_or(ApiError::NotFound {
            entity: "API_KEY",
            field: "id",
        })
}

fn is_active(key: &ApiKeyInfo, now: TimeMs) -> bool {
    key.revoked.is_none() && key.expires.is_none_or(|expires| expires > now)
}

/// The only answer with the secret.
fn first(key: &ApiKeyInfo, secret: String) -> Response {
    let mut response = create::respond(made(key, Some(secret)));
    etag::put(&mut response, &etag::tag(&tagged(key)));
    response
}

fn made(key: &ApiKeyInfo, secret: Option<String>) -> Remembered {
    let view = KeyResource { secret, ..view(key) };
    create::answer(format!("/v1/keys/{}", key.key.id), &view)
}

/// What a key's tag is made of: not its last use, which changes by the very question.
fn tagged(key: &ApiKeyInfo) -> KeyResource {
    KeyResource {
        last_used_at: None,
        ..view(key)
    }
}

fn view(info: &ApiKeyInfo) -> KeyResource {
    let time = |time: Option<TimeMs>| time.and_then(time::format);
    KeyResource {
        id: info.key.id,
        name: info.key.name.clone(),
        scopes: info
            .key
            .scopes
            .iter()
            .map(|scope| scope.name().to_owned())
            .collect(),
        link_id: info.key.link.map(|link| link.0),
        created_at: time(Some(info.created)),
        expires_at: time(info.expires),
        revoked_at: time(info.revoked),
        last_used_at: time(info.last_used),
        contact_email: info.contact.email.clone(),
        contact_phone: info.contact.phone.clone(),
        secret: None,
    }
}
