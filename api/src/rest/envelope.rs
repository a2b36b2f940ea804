//! Renders answers in the documented envelopes.

use std::borrow::Cow;

use bytes::Bytes;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::codes::{self, Code};
use super::error::{ApiError, Violation};

/// Request bodies up to this size are echoed in `details.value`, bytes.
const MAX_ECHO: usize = 16 * 1024;
/// Names from a request are echoed in messages up to so many characters.
const MAX_NAME: usize = 64;
/// Items from which on a list is sent in pieces instead of being built as a whole.
const PIECE: usize = 256;

/// `{"status":"ok","message":…}`.
#[derive(Serialize, JsonSchema)]
pub(super) struct Success {
    status: Cow<'static, str>,
    message: Cow<'static, str>,
}

/// What the contract says to a change or a delete.
pub(super) const PROCESSED: &str = "Entity processed successfully";

/// The documented answer to what was done.
pub(super) fn success(status: StatusCode, message: &'static str) -> Response {
    let body = Success {
        status: "ok".into(),
        message: message.into(),
    };
    json_response(status, &body)
}

/// Any value as a JSON answer.
pub(super) fn json_response(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => respond(status, Body::from_vec(bytes)),
        Err(error) => {
            tracing::error!(%error, "an answer can not be written as json");
            respond(StatusCode::INTERNAL_SERVER_ERROR, Body::empty())
        }
    }
}

/// JSON that stands ready.
pub(super) fn json_text(text: Bytes) -> Response {
    respond(StatusCode::OK, Body::from_bytes(text))
}

/// A JSON array of what `render` makes of each item (`None`: left out). Long ones are made while they are
/// sent, so that an answer for a million devices does not stand in memory.
pub(super) fn list<T, R>(items: Vec<T>, render: impl Fn(&T) -> Option<R> + Send + 'static) -> Response
where
    T: Send + 'static,
    R: Serialize,
{
    let total = items.len();
    let mut items = items.into_iter();
    let mut first = true;
    let mut open = true;
    let mut piece = move || {
        if !open {
            return None;
        }
        let mut bytes = Vec::with_capacity(items.len().min(PIECE) * 256 + 2);
        if first && bytes.is_empty() {
            bytes.push(b'[');
        }
        for _ in 0..PIECE {
            let Some(item) = items.next() else { break };
            let Some(view) = render(&item) else { continue };
            if !first {
                bytes.push(b',');
            }
            let before = bytes.len();
            first = false;
            if let Err(error) = serde_json::to_writer(&mut bytes, &view) {
                tracing::error!(%error, "an item can not be written as json");
                bytes.truncate(before);
                bytes.extend_from_slice(b"null");
            }
        }
        if items.len() == 0 {
            bytes.push(b']');
            open = false;
        }
        Some(bytes)
    };
    let body = if total <= PIECE {
        Body::from_vec(piece().unwrap_or_default())
    } else {
        let pieces =
            std::iter::from_fn(move || piece().map(|bytes| Ok::<_, std::io::Error>(Bytes::from(bytes))));
        Body::from_bytes_stream(futures_util::stream::iter(pieces))
    };
    respond(StatusCode::OK, body)
}

/// The error envelope. `request` is the request's body, echoed where the contract says so.
pub(super) fn failure(error: &ApiError, request: &[u8]) -> Response {
    let (code, content) = match error {
        ApiError::Unauthorized => plain(&codes::UNAUTHORIZED, &[]),
        ApiError::Forbidden(scope) => plain(&codes::FORBIDDEN, &[("scope", scope.name())]),
        ApiError::KeptOut(code) => plain(code, &[]),
        ApiError::Violations(violations) => return violated(violations),
        ApiError::Malformed(reason) => {
            detailed(&codes::INVALID_PARAMETERS, &[], &json!({ "reason": reason }))
        }
        ApiError::Exists { entity, field } => about(
            &codes::ENTITY_WITH_FIELD_ALREADY_EXISTS,
            &[("entity", entity), ("field", field)],
            entity,
            request,
        ),
        ApiError::AlreadyThere { entity } => about(
            &codes::ENTITY_ALREADY_EXISTS,
            &[("entityName", entity)],
            entity,
            request,
        ),
        ApiError::InUse { entity } => about(codes::IN_USE, &[], entity, request),
        ApiError::Changed { entity } => plain(&codes::PRECONDITION_FAILED, &[("entity", entity)]),
        ApiError::OtherRequest => plain(&codes::IDEMPOTENCY_KEY_REUSED, &[]),
        ApiError::TooMany { .. } => plain(&codes::TOO_MANY_REQUESTS, &[]),
        ApiError::NotFound { entity, field } => about(
            &codes::ENTITY_WITH_FIELD_NOT_FOUND,
            &[("entity", entity), ("field", field)],
            entity,
            request,
        ),
        ApiError::UnknownName { entity, name } => {
            let name: String = name.chars().take(MAX_NAME).collect();
            about(
                &codes::ENTITY_NOT_FOUND,
                &[("entityName", entity), ("entity", &name)],
                entity,
                request,
            )
        }
        ApiError::UnknownInstance => plain(&codes::INSTANCE_NOT_FOUND, &[]),
        ApiError::Query => plain(&codes::QUERY_FAILED, &[]),
        ApiError::Failed => plain(&codes::REQUEST_FAILED, &[]),
        ApiError::Overloaded { .. } => plain(&codes::OVERLOADED, &[]),
        ApiError::HistoryAway => plain(&codes::HISTORY_AWAY, &[]),
        ApiError::NothingChosen => plain(&codes::NOTHING_CHOSEN, &[]),
        ApiError::TooLarge(most) => plain(&codes::BODY_TOO_LARGE, &[("maxBytes", &most.to_string())]),
        ApiError::Because(code, reason) => plain(code, &[("reason", reason)]),
        ApiError::TimedOut => plain(&codes::REQUEST_TIMEOUT, &[]),
        ApiError::NoRoute => plain(&codes::ROUTE_NOT_FOUND, &[]),
        ApiError::NoMethod => plain(&codes::METHOD_NOT_ALLOWED, &[]),
    };
    let mut response = json_response(status(code), &json!({ "status": "error", "error": content }));
    if let Some(seconds) = error.retry_after() {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The first violation in the documented shape, all of them beside it.
fn violated(violations: &[Violation]) -> Response {
    let render = |violation: &Violation| json!({ "error_code": violation.code.name, "message": violation.message, "field": violation.field });
    let all: Vec<Value> = violations.iter().map(render).collect();
    json_response(
        StatusCode::BAD_REQUEST,
        &json!({ "status": "error", "error": all.first(), "errors": all }),
    )
}

type Rendered = (&'static Code, Value);

fn plain(code: &'static Code, values: &[(&str, &str)]) -> Rendered {
    (
        code,
        json!({ "error_code": code.name, "message": code.message(values) }),
    )
}

fn detailed(code: &'static Code, values: &[(&str, &str)], details: &Value) -> Rendered {
    (
        code,
        json!({ "error_code": code.name, "message": code.message(values), "details": details }),
    )
}

/// With `details.field` = the entity and `details.value` = the request, as the contract has it.
fn about(code: &'static Code, values: &[(&str, &str)], entity: &str, request: &[u8]) -> Rendered {
    let echo = if request.len() <= MAX_ECHO {
        serde_json::from_slice::<Value>(request).ok()
    } else {
        None
    };
    detailed(code, values, &json!({ "field": entity, "value": echo }))
}

fn status(code: &Code) -> StatusCode {
    StatusCode::from_u16(code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn respond(status: StatusCode, body: Body) -> Response {
    Response::builder()
        .status(status)
        .content_type("application/json; charset=utf-8")
        .body(body)
}
