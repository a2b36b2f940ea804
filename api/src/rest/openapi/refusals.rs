//! The refusals that an endpoint may give, by status.

use std::collections::BTreeMap;

use poem::http::Method;
use serde_json::{Value, json};

use crate::rest::codes::{self, Code};
use crate::rest::dialect::Dialect;
use crate::rest::operation::Operation;

/// The answers to refused requests.
pub(super) fn responses(operation: &Operation) -> BTreeMap<u16, Value> {
    let mut by_status: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for code in all(operation) {
        let status = status(operation.dialect, code);
        let names = by_status.entry(status).or_default();
        let name = name(operation, code);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let content = json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } });
    by_status
        .into_iter()
        .map(|(status, names)| {
            let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            (
                status,
                json!({ "description": listed.join(", "), "content": content }),
            )
        })
        .collect()
}

/// What every endpoint of its kind may give, and what its declaration names.
fn all(operation: &Operation) -> Vec<&'static Code> {
    let mut all = vec![
        &codes::UNAUTHORIZED,
        &codes::FORBIDDEN,
        &codes::TOO_MANY_REQUESTS,
        &codes::INSTANCE_NOT_FOUND,
        &codes::REQUEST_TIMEOUT,
        &codes::REQUEST_FAILED,
    ];
    let has_fields =
        !operation.query.is_empty() || !operation.parameters.is_empty() || operation.body.is_some();
    if has_fields {
        all.push(&codes::INVALID_PARAMETERS);
    }
    if operation.method != Method::GET {
        all.extend([&codes::BODY_TOO_LARGE, &codes::QUERY_FAILED, &codes::OVERLOADED]);
    }
    all.extend(&operation.refusals);
    all
}

/// Not found is 400 on the TrackerHub surface, and 404 on the other.
fn status(dialect: Dialect, code: &Code) -> u16 {
    let is_missing = [&codes::ENTITY_NOT_FOUND, &codes::ENTITY_WITH_FIELD_NOT_FOUND].contains(&code);
    match dialect {
        Dialect::Resource if is_missing => 404,
        _ => code.status,
    }
}

/// What `code` is called in an answer. On the resource surface the entity is part of some names.
fn name(operation: &Operation, code: &Code) -> String {
    let is = |codes: &[&Code]| codes.contains(&code);
    match operation.dialect {
        Dialect::TrackerHub if *code == codes::INVALID_PARAMETERS => {
            "`INVALID_PARAMETERS`, or the code of the field that breaks a rule".replace('`', "")
        }
        Dialect::TrackerHub => code.name.to_owned(),
        Dialect::Resource if is(&[&codes::INVALID_PARAMETERS]) => {
            let with_body = operation.body.is_some();
            let names = [
                "constraint_violation",
                "constraint_violation`, `malformed_request",
            ];
            names[usize::from(with_body)].to_owned()
        }
        Dialect::Resource if is(&[&codes::ENTITY_NOT_FOUND, &codes::ENTITY_WITH_FIELD_NOT_FOUND]) => {
            "{entity}_not_found".to_owned()
        }
        Dialect::Resource
            if is(&[
                &codes::ENTITY_ALREADY_EXISTS,
                &codes::ENTITY_WITH_FIELD_ALREADY_EXISTS,
            ]) =>
        {
            "{entity}_already_exists".to_owned()
        }
        Dialect::Resource if is(&[&codes::ENTITY_IN_USE]) => "{entity}_in_use".to_owned(),
        Dialect::Resource => code.name.to_ascii_lowercase(),
    }
}

/// The error object of a surface.
pub(super) fn schema(dialect: Dialect) -> Value {
    match dialect {
        Dialect::TrackerHub => json!({
            "type": "object",
            "required": ["status", "error"],
            "properties": {
                "status": { "const": "error" },
                "error": violation(),
                "errors": { "type": "array", "items": violation(), "description": "All violations, the first of which is `error`" },
            },
        }),
        Dialect::Resource => json!({
            "type": "object",
            "required": ["status", "code", "message"],
            "properties": {
                "status": { "type": "integer", "description": "The HTTP status" },
                "code": { "type": "string" },
                "message": { "type": "string" },
                "violations": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["field", "code", "message"],
                        "properties": {
                            "field": { "type": "string" },
                            "code": { "type": "string" },
                            "message": { "type": "string" },
                        },
                    },
                },
            },
        }),
    }
}

fn violation() -> Value {
    json!({
        "type": "object",
        "required": ["error_code", "message"],
        "properties": {
            "error_code": { "type": "string" },
            "message": { "type": "string" },
            "field": { "type": "string" },
            "details": { "type": "object" },
        },
    })
}
