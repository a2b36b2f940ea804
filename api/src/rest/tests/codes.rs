//! Every documented code is met by some request, with its message.

use std::collections::BTreeSet;

use fixstream_core::registry::Scope;
use poem::http::Method;
use serde_json::{Value, json};

use super::world::World;
use crate::rest::codes;
use crate::rest::dialect::Dialect;
use crate::rest::error::ApiError;

/// Codes that need another state of the world than a request can bring about: shown by other tests, or rendered
/// from the error that stands for them.
const RENDERED: &[(&str, ApiError, u16, &str)] = &[(
    "REQUEST_FAILED",
    ApiError::Failed,
    500,
    "Error processing request",
)];

#[tokio::test]
async fn every_documented_code_is_met_with_its_message() {
    let world = World::new().await;
    let device = world.device("1").await;
    let admin = world.key_for(&[Scope::Admin]).await;
    world.post("/config", &config()).await.ok(201);
    let mut met = BTreeSet::new();

    // the documented surface: method, path, body, code, message
    let long = "x".repeat(151);
    let rows: Vec<(Method, &str, Value, &str, &str, u16)> = vec![
        (
            Method::POST,
            "/tracker",
            json!({}),
            "FIELD_MUST_BE_DEFINED",
            "Field trackerName must be defined",
            400,
        ),
        (
            Method::POST,
            "/tracker",
            json!({ "trackerName": 1 }),
            "FIELD_MUST_BE_STRING",
            "Field trackerName must be a string",
            400,
        ),
        (
            Method::POST,
            "/tracker",
            json!({ "trackerName": "" }),
            "FIELD_MUST_NOT_BE_EMPTY",
            "Field trackerName must not be empty",
            400,
        ),
        (
            Method::POST,
            "/tracker",
            json!({ "trackerName": long }),
            "FIELD_MAX_LENGTH_EXCEEDED",
            "Field trackerName must have at most 150 characters",
            400,
        ),
        (
            Method::POST,
            "/tracker",
            json!({ "trackerName": "t", "imei": "1" }),
            "ENTITY_WITH_FIELD_ALREADY_EXISTS",
            "TRACKER already exists with this IMEI",
            409,
        ),
        (
            Method::DELETE,
            "/tracker",
            json!({ "imei": "1" }),
            "QUERY_FAILED",
            "Database query error occurred",
            422,
        ),
        (
            Method::DELETE,
            "/tracker",
            json!({ "imei": "1", "idTracker": 9 }),
            "ENTITY_NOT_FOUND",
            "TRACKER 9 with imei 1 not found",
            400,
        ),
        (
            Method::DELETE,
            "/device",
            json!({ "idDevice": 99 }),
            "ENTITY_WITH_FIELD_NOT_FOUND",
            "DEVICE not found with field idDevice",
            400,
        ),
        (
            Method::DELETE,
            "/device",
            json!({ "idDevice": 0 }),
            "VALUE_BELOW_MINIMUM",
            "Value of field idDevice is below the minimum allowed (1)",
            400,
        ),
        (
            Method::DELETE,
            "/device",
            json!({ "idDevice": "1" }),
            "FIELD_MUST_BE_INTEGER",
            "Field idDevice must be an integer",
            400,
        ),
        (
            Method::POST,
            "/latest-positions",
            json!({ "deviceIds": [] }),
            "ARRAY_MUST_NOT_BE_EMPTY",
            "Field deviceIds must not be empty",
            400,
        ),
        (
            Method::POST,
            "/latest-positions",
            json!({ "deviceIds": 1 }),
            "FIELD_MUST_BE_ARRAY",
            "Field deviceIds must be an array",
            400,
        ),
        (
            Method::POST,
            "/position/create",
            position("latitude", json!("x"), device),
            "FIELD_MUST_BE_NUMERIC",
            "Field latitude must be a number",
            400,
        ),
        (
            Method::POST,
            "/position/create",
            position("latitude", json!(91), device),
            "VALUE_ABOVE_MAXIMUM",
            "Value of field latitude is above the maximum allowed (90)",
            400,
        ),
        (
            Method::POST,
            "/position/create",
            position("engineStatus", json!("on"), device),
            "FIELD_MUST_BE_BOOLEAN",
            "Field engineStatus must be a boolean",
            400,
        ),
        (
            Method::POST,
            "/position/create",
            position("createdAt", json!("now"), device),
            "INVALID_DATE_FORMAT",
            "Field createdAt must be a valid date string in the format YYYY-MM-DDTHH:mm:ss.sssZ",
            400,
        ),
        (
            Method::GET,
            "/latest-position?instanceUuid=1",
            json!({}),
            "FIELD_MUST_BE_UUID",
            "Field instanceUuid must be a valid UUID",
            400,
        ),
        (
            Method::GET,
            "/latest-position?instanceUuid=00000000-0000-4000-8000-000000000000",
            json!({}),
            "INSTANCE_NOT_FOUND",
            "Instance not found",
            400,
        ),
        (
            Method::POST,
            "/config",
            config(),
            "ENTITY_ALREADY_EXISTS",
            "CONFIG already exists",
            409,
        ),
        (
            Method::POST,
            "/config",
            json!([]),
            "INVALID_PARAMETERS",
            "There were one or more validation errors in the request",
            400,
        ),
    ];
    for (method, path, body, code, message, status) in rows {
        let key = Some(world.key.as_str());
        let answer = world.send(method, path, key, body.to_string()).await;
        answer.error(status, code, message);
        met.insert(code.to_owned());
    }

    // the resource surface: what only its fields can break
    let rows: Vec<(&str, Value, &str, &str)> = vec![
        (
            "/v1/keys",
            json!({ "name": "ab", "scopes": ["read"] }),
            "FIELD_MIN_LENGTH_NOT_MET",
            "Field name must have at least 3 characters",
        ),
        (
            "/v1/keys",
            key("contactEmail", "123456789".into()),
            "FIELD_MUST_BE_EMAIL",
            "Field contactEmail must be a valid email",
        ),
        (
            "/v1/keys",
            key("contactPhone", "123".into()),
            "FIELD_MUST_BE_PHONE_NUMBER",
            "Field contactPhone must be a valid phone number",
        ),
        (
            "/v1/keys",
            key("expiresInDays", json!(-1)),
            "NUMBER_MUST_BE_POSITIVE",
            "Field expiresInDays must be a positive number",
        ),
        (
            "/v1/keys",
            key("scopes", json!(["root"])),
            "UNSUPPORTED_ENUM_VALUE",
            "Field scopes must be one of the following enum values: read, write, admin",
        ),
        (
            "/v1/groups",
            json!({ "name": "ab", "url": "example.com" }),
            "INVALID_URL_FORMAT",
            "Field url must be a valid URL",
        ),
        (
            "/v1/trackers",
            json!({ "name": "t", "context": { "model": 1 } }),
            "FIELD_MUST_BE_OF_TYPE",
            "context.model must be of type string",
        ),
        (
            "/v1/trackers",
            json!({ "name": "t", "context": { "model": "" } }),
            "FIELD_MUST_NOT_BE_EMPTY",
            "context.model must not be empty",
        ),
    ];
    for (path, body, code, message) in rows {
        let answer = world.with(Method::POST, path, &admin, &[], &body).await;
        answer.refused(400, "constraint_violation");
        let violation = &answer.body["violations"][0];
        assert_eq!(violation["code"], code.to_ascii_lowercase(), "{}", answer.body);
        assert_eq!(violation["message"], message, "{}", answer.body);
        met.insert(code.to_owned());
    }

    for (code, error, status, message) in RENDERED {
        let mut response = Dialect::TrackerHub.failure(error, &[]);
        let body: Value = response.take_body().into_json().await.unwrap();
        assert_eq!(response.status().as_u16(), *status);
        assert_eq!(body["error"], json!({ "error_code": code, "message": message }));
        met.insert((*code).to_owned());
    }
    let documented: BTreeSet<String> = codes::VALIDATION
        .iter()
        .chain(codes::RESOURCE)
        .map(|code| code.name.to_owned())
        .collect();
    assert_eq!(met, documented);
}

fn position(field: &str, value: Value, device: u32) -> Value {
    let mut body = json!({ "idDevice": device, "latitude": 1, "longitude": 2 });
    body[field] = value;
    body
}

fn key(field: &str, value: Value) -> Value {
    let mut body = json!({ "name": "key", "scopes": ["read"] });
    body[field] = value;
    body
}

fn config() -> Value {
    json!({ "maxSpeedKmh": 90, "minStopMinutes": 4, "maxStopSpeedKmh": 2, "maxStopDistanceMeters": 40,
            "minMovementSpeedKmh": 6, "minMovementDistanceMeters": 120, "gapThresholdSeconds": 900 })
}
