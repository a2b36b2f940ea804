//! OpenAPI 3.1 documents of both surfaces, made from the declarations that also make the routes.
//!
//! They are checked in (`api/openapi/*.json`) so that every change of the API shows in a diff; a test fails
//! when they differ from what the program serves. `FIXSTREAM_GOLDEN=write cargo nextest run -p fixstream-api
//! openapi` writes them anew.

mod field;
mod refusals;
mod ui;

use poem::http::Method;
use poem::{Endpoint, Response};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::codes;
use super::dialect::Dialect;
use super::envelope::json_text;
use super::operation::{Content, Operation};
use super::routes::operations;
use super::v1;

pub(super) use ui::ui;

/// Name of the security scheme.
const KEY: &str = "apikey";

/// Where a surface's document is served.
pub(super) const fn path(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::TrackerHub => "/openapi.json",
        Dialect::Resource => "/v1/openapi.json",
    }
}

/// Serves a surface's document, without a key: it holds no data.
pub(super) fn serve(dialect: Dialect) -> impl Endpoint {
    let text = bytes::Bytes::from(text(dialect));
    poem::endpoint::make_sync(move |_| -> Response { json_text(text.clone()) })
}

/// A surface's document as it is checked in and served.
pub(super) fn text(dialect: Dialect) -> String {
    let mut text = serde_json::to_string_pretty(&document(dialect)).unwrap_or_default();
    text.push('\n');
    text
}

/// A surface's document.
fn document(dialect: Dialect) -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .for_serialize();
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations()
        .iter()
        .filter(|operation| operation.dialect == dialect)
    {
        let Some(path) = operation.paths.first() else {
            continue;
        };
        let item = paths
            .entry(format!("{}{path}", prefix(dialect)))
            .or_insert_with(|| json!({}));
        item[method(&operation.method)] = describe(operation, &mut generator);
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Error".into(), refusals::schema(dialect));
    let (title, servers) = match dialect {
        Dialect::TrackerHub => (
            "fixstream: TrackerHub surface",
            json!([{ "url": "/" }, { "url": "/tracking/read" }, { "url": "/tracking/write" }]),
        ),
        Dialect::Resource => ("fixstream: resource surface", json!([{ "url": "/" }])),
    };
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": "Times are UTC, places WGS 84 degrees, speeds km/h, distances km unless a name says otherwise. \
                Every error code has a page: /docs/errors/{code}.",
        },
        "servers": servers,
        "security": [{ KEY: [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { KEY: { "type": "apiKey", "in": "header", "name": "apikey" } },
        },
    })
}

/// The documented prefix: the servers of the TrackerHub surface stand for its three.
const fn prefix(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::TrackerHub => "",
        Dialect::Resource => super::resource::PREFIX,
    }
}

fn method(method: &Method) -> String {
    method.as_str().to_ascii_lowercase()
}

fn describe(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let exact = operation.dialect == Dialect::Resource;
    let mut parameters: Vec<Value> = Vec::new();
    parameters.extend(
        operation
            .parameters
            .iter()
            .map(|field| field::parameter(field, "path", exact)),
    );
    parameters.extend(
        operation
            .query
            .iter()
            .map(|field| field::parameter(field, "query", exact)),
    );
    if operation.refusals.contains(&&codes::PRECONDITION_FAILED) {
        let says = "Done only while the entity has this ETag";
        parameters.push(field::header("If-Match", says, None));
    }
    if operation.refusals.contains(&&codes::IDEMPOTENCY_KEY_REUSED) {
        let says = "The same request with the same key is done once; its answer is repeated for a day";
        parameters.push(field::header("Idempotency-Key", says, Some(v1::create::MAX_KEY)));
    }
    let mut described = json!({
        "operationId": operation.name,
        "summary": operation.summary,
        "description": format!("Needs a key with the scope `{}`.", operation.scope.name()),
        "tags": [tag(operation)],
        "responses": responses(operation, generator),
    });
    if !parameters.is_empty() {
        described["parameters"] = Value::Array(parameters);
    }
    match (operation.body, operation.media) {
        (Some(body), _) => described["requestBody"] = field::body(body, &operation.method, exact),
        (None, Some(media)) => described["requestBody"] = field::file(media),
        (None, None) => {}
    }
    described
}

/// Operations are listed by what they are about: the first segment of the path.
fn tag(operation: &Operation) -> &'static str {
    let path = operation.paths.first().copied().unwrap_or_default();
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

fn responses(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut responses: Map<String, Value> = Map::new();
    for answer in &operation.answers {
        let mut response = json!({ "description": answer.says });
        match answer.content {
            Content::Empty => {}
            Content::Json(schema) => {
                response["content"] = json!({ "application/json": { "schema": schema(generator) } });
            }
            Content::JsonAs(media, schema) => {
                response["content"] = json!({ media: { "schema": schema(generator) } });
            }
            Content::Text(types) => {
                let each = types
                    .iter()
                    .map(|name| ((*name).to_owned(), json!({ "schema": { "type": "string" } })));
                response["content"] = Value::Object(each.collect());
            }
        }
        // one status may come with several kinds of content
        match responses.get_mut(&answer.status.to_string()) {
            Some(known) => merge(known, &response),
            None => drop(responses.insert(answer.status.to_string(), response)),
        }
    }
    for (status, response) in refusals::responses(operation) {
        responses.entry(status.to_string()).or_insert(response);
    }
    Value::Object(responses)
}

/// Adds the content of another answer with the same status.
fn merge(known: &mut Value, other: &Value) {
    if let (Some(known), Some(Value::Object(other))) =
        (known["content"].as_object_mut(), other.get("content"))
    {
        known.extend(other.clone());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    const BOTH: [(Dialect, &str); 2] = [
        (Dialect::TrackerHub, "openapi/trackerhub.json"),
        (Dialect::Resource, "openapi/v1.json"),
    ];

    #[test]
    fn the_documents_are_those_that_are_checked_in() {
        for (dialect, file) in BOTH {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            let made = text(dialect);
            if std::env::var_os("FIXSTREAM_GOLDEN").is_some_and(|value| value == "write") {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &made).unwrap();
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            let difference = kept
                .lines()
                .zip(made.lines())
                .enumerate()
                .find(|(_, (kept, made))| kept != made);
            assert!(
                kept == made,
                "{} is not what the program serves; write it anew with FIXSTREAM_GOLDEN=write and look at the diff. First: {difference:?}",
                path.display()
            );
        }
    }

    #[test]
    fn every_operation_is_documented_once_and_every_reference_leads_somewhere() {
        let mut seen = BTreeSet::new();
        for (dialect, _) in BOTH {
            let document = document(dialect);
            let paths = document["paths"].as_object().unwrap();
            let described: usize = paths.values().map(|item| item.as_object().unwrap().len()).sum();
            let declared = operations()
                .into_iter()
                .filter(|operation| operation.dialect == dialect)
                .count();
            assert_eq!(described, declared);
            for item in paths.values().flat_map(|item| item.as_object().unwrap().values()) {
                let id = item["operationId"].as_str().unwrap().to_owned();
                assert!(seen.insert(id.clone()), "{id} twice");
                assert!(item["responses"]["401"].is_object(), "{id}");
            }
            let mut references = Vec::new();
            collect(&document, &mut references);
            for reference in references {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
        }
    }

    #[test]
    fn path_parameters_and_declared_fields_are_the_same() {
        for operation in operations() {
            let path = operation.paths.first().unwrap();
            let in_path: Vec<&str> = path
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            let declared: Vec<&str> = operation.parameters.iter().map(|field| field.name).collect();
            assert_eq!(in_path, declared, "{path}");
        }
    }

    fn collect(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(target) if name == "$ref" => into.push(target.clone()),
                        other => collect(other, into),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
            _ => {}
        }
    }
}
