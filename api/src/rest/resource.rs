//! Renders the resource surface: pages, and errors as `{status, code, message, violations}`.

use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::codes::{self, Code};
use super::envelope::json_response;
use super::error::ApiError;

/// Before all of its paths.
pub(super) const PREFIX: &str = "/v1";

/// Names from a request are echoed in messages up to so many characters.
const MAX_NAME: usize = 64;

/// One page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
// a name to live with in what is generated from the documents
#[schemars(rename = "{T}Page")]
pub(super) struct Page<T> {
    content: Vec<T>,
    total_elements: u64,
    total_pages: u64,
    number: u64,
    size: u64,
    number_of_elements: usize,
}

impl<T> Page<T> {
    /// The page `number` (from 0) of `total` elements in pages of `size` (from 1).
    pub(super) fn new(content: Vec<T>, total: u64, number: u64, size: u64) -> Self {
        Self {
            total_elements: total,
            total_pages: total.div_ceil(size.max(1)),
            number,
            size,
            number_of_elements: content.len(),
            content,
        }
    }
}

/// The error object.
pub(super) fn failure(error: &ApiError) -> Response {
    let from = |code: &Code, values: &[(&str, &str)]| {
        (code.status, code.name.to_ascii_lowercase(), code.message(values))
    };
    let mut violations: Vec<Value> = Vec::new();
    let (status, code, message) = match error {
        ApiError::Unauthorized => from(&codes::UNAUTHORIZED, &[]),
        ApiError::Forbidden(scope) => from(&codes::FORBIDDEN, &[("scope", scope.name())]),
        ApiError::KeptOut(code) => from(code, &[]),
        ApiError::Violations(all) => {
            let render = |one: &super::error::Violation| json!({ "field": one.field, "code": one.code.name.to_ascii_lowercase(), "message": one.message });
            violations = all.iter().map(render).collect();
            (400, "constraint_violation".into(), "Constraint violation".into())
        }
        ApiError::Malformed(reason) => (400, "malformed_request".into(), reason.clone()),
        ApiError::NothingChosen => from(&codes::NOTHING_CHOSEN, &[]),
        ApiError::Exists { entity, field } => (
            409,
            format!("{}_already_exists", entity.to_ascii_lowercase()),
            codes::ENTITY_WITH_FIELD_ALREADY_EXISTS.message(&[("entity", entity), ("field", field)]),
        ),
        ApiError::AlreadyThere { entity } => (
            409,
            format!("{}_already_exists", entity.to_ascii_lowercase()),
            codes::ENTITY_ALREADY_EXISTS.message(&[("entityName", entity)]),
        ),
        ApiError::InUse { entity } => (
            codes::ENTITY_IN_USE.status,
            format!("{}_in_use", entity.to_ascii_lowercase()),
            codes::ENTITY_IN_USE.message(&[("entity", entity)]),
        ),
        ApiError::Changed { entity } => from(&codes::PRECONDITION_FAILED, &[("entity", entity)]),
        ApiError::OtherRequest => from(&codes::IDEMPOTENCY_KEY_REUSED, &[]),
        ApiError::TooMany { .. } => from(&codes::TOO_MANY_REQUESTS, &[]),
        ApiError::NotFound { entity, field } => (
            404,
            format!("{}_not_found", entity.to_ascii_lowercase()),
            codes::ENTITY_WITH_FIELD_NOT_FOUND.message(&[("entity", entity), ("field", field)]),
        ),
        ApiError::UnknownName { entity, name } => {
            let name: String = name.chars().take(MAX_NAME).collect();
            (
                404,
                format!("{}_not_found", entity.to_ascii_lowercase()),
                codes::ENTITY_NOT_FOUND.message(&[("entityName", entity), ("entity", &name)]),
            )
        }
        ApiError::UnknownInstance => from(&codes::INSTANCE_NOT_FOUND, &[]),
        ApiError::Query => from(&codes::QUERY_FAILED, &[]),
        ApiError::Failed => from(&codes::REQUEST_FAILED, &[]),
        ApiError::Overloaded { .. } => from(&codes::OVERLOADED, &[]),
        ApiError::HistoryAway => from(&codes::HISTORY_AWAY, &[]),
        ApiError::TooLarge(most) => from(&codes::BODY_TOO_LARGE, &[("maxBytes", &most.to_string())]),
        ApiError::Because(code, reason) => from(code, &[("reason", reason)]),
        ApiError::TimedOut => from(&codes::REQUEST_TIMEOUT, &[]),
        ApiError::NoRoute => from(&codes::ROUTE_NOT_FOUND, &[]),
        ApiError::NoMethod => from(&codes::METHOD_NOT_ALLOWED, &[]),
    };
    let mut body = json!({ "status": status, "code": code, "message": message });
    if let (false, Some(body)) = (violations.is_empty(), body.as_object_mut()) {
        body.insert("violations".into(), Value::Array(violations));
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json_response(status, &body);
    if let Some(seconds) = error.retry_after() {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_how_many_there_are() {
        let pages = |total, size| Page::<u8>::new(vec![], total, 0, size).total_pages;
        assert_eq!(
            [pages(0, 20), pages(1, 20), pages(20, 20), pages(21, 20)],
            [0, 1, 1, 2]
        );
    }
}
