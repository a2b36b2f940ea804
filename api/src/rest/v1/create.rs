//! Creates: 201 with `Location` and ETag, and once only under an `Idempotency-Key`.

use fixstream_core::model::ClientId;
use fixstream_core::registry::{Begun, Created, Once, Registry, RegistryError, Remembered};
use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::etag;
use crate::rest::codes;
use crate::rest::error::ApiError;
use crate::rest::operation::Call;
use crate::rest::validate;

/// The header that makes a create repeatable.
const HEADER: &str = "Idempotency-Key";
/// Its longest value, characters.
pub(in crate::rest) const MAX_KEY: usize = 255;

/// The caller's key and what is asked for under it.
pub(super) struct Repeatable {
    key: String,
    request: [u8; 32],
}

impl Repeatable {
    /// What the head of the request says. `operation` is part of what is asked for.
    pub(super) fn of(call: &Call, operation: &str) -> Result<Option<Self>, ApiError> {
        let Some(value) = call.headers.get(HEADER) else {
            return Ok(None);
        };
        let broken = |code, values: &[(&str, &str)]| {
            Err(ApiError::Violations(vec![validate::violation(
                code, HEADER, values,
            )]))
        };
        let Ok(key) = value.to_str() else {
            return broken(&codes::FIELD_MUST_BE_STRING, &[]);
        };
        if key.is_empty() {
            return broken(&codes::FIELD_MUST_NOT_BE_EMPTY, &[]);
        }
        if key.len() > MAX_KEY {
            return broken(
                &codes::FIELD_MAX_LENGTH_EXCEEDED,
                &[("maxLength", &MAX_KEY.to_string())],
            );
        }
        let request = Sha256::new()
            .chain_update(operation)
            .chain_update([0])
            .chain_update(&call.body);
        Ok(Some(Self {
            key: key.to_owned(),
            request: request.finalize().into(),
        }))
    }

    /// For the registry, which keeps what `answer` makes of what is made.
    pub(super) fn once<T>(self, answer: impl FnOnce(&T) -> Remembered + Send + Sync + 'static) -> Once<T> {
        Once {
            key: self.key,
            request: self.request,
            answer: Box::new(answer),
        }
    }
}

impl Repeatable {
    /// For what is made outside of the registry.
    pub(super) async fn begin(self, registry: &Registry, client: ClientId) -> Result<Begun, RegistryError> {
        registry.begin_once(client, self.key, self.request).await
    }
}

/// The answer about something made at `location`.
pub(super) fn answer(location: String, view: &impl Serialize) -> Remembered {
    Remembered {
        status: StatusCode::CREATED.as_u16(),
        location,
        body: serde_json::to_string(view).unwrap_or_default(),
    }
}

/// What is answered to what was made, or what was answered before.
pub(super) fn settle<T>(created: Created<T>, made: impl FnOnce(T) -> Response) -> Response {
    match created {
        Created::Now(new) => made(new),
        Created::Before(before) => respond(before),
    }
}

/// The answer as a response.
pub(super) fn respond(answer: Remembered) -> Response {
    let tag = etag::tag_of(answer.body.as_bytes());
    let mut response = untagged(answer);
    etag::put(&mut response, &tag);
    response
}

/// The same about what changes by itself, so that no ETag is of use.
pub(super) fn untagged(answer: Remembered) -> Response {
    let mut response = Response::builder()
        .status(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::CREATED))
        .content_type("application/json; charset=utf-8")
        .body(answer.body);
    if let Ok(location) = HeaderValue::from_str(&answer.location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// 204.
pub(super) fn nothing() -> Response {
    Response::builder().status(StatusCode::NO_CONTENT).finish()
}
