//! The validator and the tables, without a server.

use serde_json::{Map, Value, json};

use super::variants;
use crate::rest::codes;
use crate::rest::error::ApiError;
use crate::rest::fields;
use crate::rest::validate::{self, Field, Rule, hundredths};
use crate::rest::{plugins, position_history, v1};

/// Code and field of all violations.
fn broken(table: &[Field], body: &Value) -> Vec<(&'static str, String)> {
    match validate::body(body.to_string().as_bytes(), table) {
        Ok(_) => Vec::new(),
        Err(ApiError::Violations(all)) => all.into_iter().map(|one| (one.code.name, one.field)).collect(),
        Err(other) => panic!("{other:?}"),
    }
}

fn with(base: &Value, field: &str, value: Value) -> Value {
    let mut body = base.as_object().unwrap().clone();
    body.insert(field.into(), value);
    Value::Object(body)
}

fn valid(table: &[Field]) -> Value {
    let mut body = Map::new();
    for field in table.iter().filter(|field| field.required) {
        let value = match field.rule {
            Rule::Text { .. } | Rule::Sized { .. } => json!("text"),
            Rule::Words(words) => json!([words[0]]),
            Rule::Time => json!("2025-02-12T10:00:00Z"),
            Rule::IdList { .. } => json!("1"),
            Rule::Ids { .. } | Rule::Records { .. } => json!([1]),
            _ => json!(1),
        };
        body.insert(field.name.into(), value);
    }
    Value::Object(body)
}

#[test]
fn there_are_nineteen_validation_and_ten_resource_codes() {
    assert_eq!(codes::VALIDATION.len(), 19);
    assert_eq!(codes::RESOURCE.len() + 1, 10);
    assert_eq!(
        codes::RESOURCE_FIELD_MUST_NOT_BE_EMPTY.name,
        codes::FIELD_MUST_NOT_BE_EMPTY.name
    );
    assert!(
        codes::VALIDATION
            .iter()
            .all(|code| code.status == 400 && code.template.contains("{fieldName}"))
    );
    let documented = |name: &str| {
        codes::VALIDATION
            .iter()
            .chain(codes::RESOURCE)
            .any(|code| code.name == name)
    };
    assert!(codes::OUTSIDE.iter().all(|code| !documented(code.name)));
}

#[test]
fn every_field_of_every_table_follows_its_rule() {
    let tables = [
        fields::TRACKER,
        fields::TRACKER_FILTERS,
        fields::DEVICE,
        fields::DEVICE_FILTERS,
        fields::POSITION,
        fields::TRACKER_CHANGE,
        fields::TRACKER_CHOICE,
        fields::DEVICE_CHANGE,
        fields::DEVICE_CHOICE,
        fields::CONFIG,
        fields::CONFIG_CHANGE,
        fields::CONFIG_CHOICE,
        fields::LATEST_OF_ALL,
        position_history::SELECTION,
        position_history::CHANGE,
        position_history::DELETION,
        fields::LATEST_OF_ONE_REQUIRED,
        fields::LATEST_OF_SOME,
        fields::DEAD_LETTER_PAGE,
        fields::DEAD_LETTER_REPLAY,
        fields::VENDOR_PATH,
    ];
    let resources = v1::TABLES.iter().chain(plugins::TABLES).copied();
    for table in tables.into_iter().chain(resources) {
        let base = valid(table);
        assert_eq!(broken(table, &base), []);
        for field in table {
            let name = field.name;
            let mut without = base.as_object().unwrap().clone();
            without.remove(name);
            assert_eq!(
                broken(table, &Value::Object(without)).first().map(|one| one.0),
                field.required.then_some("FIELD_MUST_BE_DEFINED"),
                "{name} missing"
            );
            for (value, code) in variants::of_body(field, false) {
                let expected: Vec<_> = code.into_iter().map(|code| (code, name.to_owned())).collect();
                let body = with(&base, name, value.clone());
                assert_eq!(broken(table, &body), expected, "{name} = {value}");
            }
        }
    }
}

#[test]
fn texts_of_a_certain_form_are_told_from_others() {
    let rows: &[(Rule, &[&str], &[&str])] = &[
        (
            Rule::Email,
            &["a@b.org", "first.last+tag@sub.example.com"],
            &["123456789", "@b.org", "a@", "a b@c.org", "a@b@c"],
        ),
        (
            Rule::Phone,
            &["+49 30 1234567", "12345", "(030) 123-45.67/8", "+123456789012345"],
            &[
                "+1234",
                "phone",
                "+1234567890123456",
                "12+345",
                "12345x",
                "+",
                "٣٣٣٣٣٣",
            ],
        ),
        (
            Rule::Url,
            &[
                "https://example.com",
                "http://localhost:8080/a?b#c",
                "https://[::1]/",
            ],
            &[
                "example.com",
                "ftp://example.com",
                "https://",
                "javascript:alert(1)",
                "/path",
            ],
        ),
        (
            Rule::Uuid,
            &[
                "67e55044-10b1-426f-9247-bb680e5fe0c8",
                "67E55044-10B1-426F-9247-BB680E5FE0C8",
            ],
            &[
                "123",
                "67e5504410b1426f9247bb680e5fe0c8",
                "67e55044-10b1-426f-9247-bb680e5fe0cg",
            ],
        ),
    ];
    for (rule, right, wrong) in rows {
        let table = [Field::new("text", *rule)];
        for text in *right {
            assert_eq!(broken(&table, &json!({ "text": text })), [], "{text}");
        }
        for text in *wrong {
            let expected = [(variants::form(*rule), "text".to_owned())];
            assert_eq!(broken(&table, &json!({ "text": text })), expected, "{text}");
        }
    }
    for (rule, max) in [(Rule::Email, 254), (Rule::Phone, 32), (Rule::Url, 2000)] {
        let table = [Field::new("text", rule)];
        let found = broken(&table, &json!({ "text": "1".repeat(max + 1) }));
        assert_eq!(found, [("FIELD_MAX_LENGTH_EXCEEDED", "text".to_owned())]);
    }
}

#[test]
fn settings_are_named_texts_and_the_one_that_is_not_is_named() {
    let table = [Field::new("context", Rule::Settings)];
    let of = |name: &str, value: Value| json!({ "context": { name: value } });
    let (long, longer) = ("ü".repeat(200), "ü".repeat(201));
    let rows = [
        (of("model", json!(long)), None),
        (
            of("model", json!(longer)),
            Some(("FIELD_MAX_LENGTH_EXCEEDED", "context.model")),
        ),
        (
            of("model", json!("")),
            Some(("FIELD_MUST_NOT_BE_EMPTY", "context.model")),
        ),
        (of("", json!("x")), Some(("FIELD_MUST_NOT_BE_EMPTY", "context."))),
        (
            of("model", json!(1)),
            Some(("FIELD_MUST_BE_OF_TYPE", "context.model")),
        ),
        (
            of("model", json!(null)),
            Some(("FIELD_MUST_BE_OF_TYPE", "context.model")),
        ),
        (of(&"k".repeat(64), json!("x")), None),
        (
            of(&"k".repeat(65), json!("x")),
            Some(("FIELD_MAX_LENGTH_EXCEEDED", "context")),
        ),
    ];
    for (body, expected) in rows {
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(code, field)| (code, field.to_owned()))
            .collect();
        assert_eq!(broken(&table, &body), expected, "{body}");
    }
    let many = |count: usize| {
        let all: Map<String, Value> = (0..count).map(|n| (n.to_string(), json!("x"))).collect();
        broken(&table, &json!({ "context": all }))
    };
    assert_eq!(many(32), []);
    assert_eq!(many(33), [("VALUE_ABOVE_MAXIMUM", "context".to_owned())]);
}

#[test]
fn numbers_of_a_position_keep_their_printed_bounds() {
    let (low, high) = (Some("VALUE_BELOW_MINIMUM"), Some("VALUE_ABOVE_MAXIMUM"));
    let rows: &[(&str, f64, Option<&str>)] = &[
        ("latitude", -90.0, None),
        ("latitude", 90.0, None),
        ("latitude", -90.000_001, low),
        ("latitude", 90.000_001, high),
        ("longitude", -180.0, None),
        ("longitude", 180.0, None),
        ("longitude", -180.1, low),
        ("longitude", 180.1, high),
        ("velocity", 0.0, None),
        ("velocity", -0.001, low),
        ("velocity", 99_999_999.99, None),
        ("velocity", 100_000_000.0, high),
        ("velocity", 99_999_999.995, high),
        ("odometer", 0.0, None),
        ("odometer", -1.0, low),
        ("odometer", 9_999_999_999_999.9, None),
        ("odometer", 1e13, high),
        ("direction", -999.99, None),
        ("direction", -1000.0, low),
        ("direction", 1000.0, None),
        ("direction", 1000.01, high),
        ("altitude", -99_999_999.0, None),
        ("altitude", -1e8, low),
        ("altitude", 1e8, high),
        ("rpm", 0.0, None),
        ("rpm", 2500.5, None),
        ("rpm", -1.0, low),
        ("rpm", 1e8, high),
        ("fuelLevel", -1e8, low),
        ("fuelLevel", 1e8, high),
        ("engineTemperature", -40.0, None),
        ("engineTemperature", 1e8, high),
        ("distanceDelta", -0.01, low),
        ("distanceDelta", 0.0, None),
        ("mobileSignalStrength", -113.0, None),
        ("mobileSignalStrength", 1e9, high),
        ("gpsAccuracy", 1e8, high),
        ("batteryVoltage", 12.5, None),
        ("batteryVoltage", -1e8, low),
    ];
    for &(name, value, code) in rows {
        let body = with(&valid(fields::POSITION), name, json!(value));
        let expected: Vec<_> = code.into_iter().map(|code| (code, name.to_owned())).collect();
        let found: Vec<(&str, String)> = broken(fields::POSITION, &body);
        assert_eq!(found, expected, "{name} = {value}");
    }
}

#[test]
fn exclusive_limits_are_named_as_printed() {
    let body = with(&valid(fields::POSITION), "velocity", json!(1e8));
    let Err(ApiError::Violations(all)) = validate::body(body.to_string().as_bytes(), fields::POSITION) else {
        panic!()
    };
    assert_eq!(
        all[0].message,
        "Value of field velocity is above the maximum allowed (100000000)"
    );
    let body = with(&valid(fields::POSITION), "direction", json!(-1000));
    let Err(ApiError::Violations(all)) = validate::body(body.to_string().as_bytes(), fields::POSITION) else {
        panic!()
    };
    assert_eq!(
        all[0].message,
        "Value of field direction is below the minimum allowed (-1000)"
    );
}

#[test]
fn all_violations_are_found_in_table_order() {
    let found = broken(
        fields::DEVICE,
        &json!({ "deviceUuid": 5, "status": "", "idTracker": 0, "idTeam": "x", "deviceName": null }),
    );
    let expected = [
        ("VALUE_BELOW_MINIMUM", "idTracker"),
        ("FIELD_MUST_BE_DEFINED", "idWorksite"),
        ("FIELD_MUST_BE_INTEGER", "idTeam"),
        ("FIELD_MUST_BE_DEFINED", "deviceName"),
        ("FIELD_MUST_BE_DEFINED", "idType"),
        ("FIELD_MUST_BE_STRING", "deviceUuid"),
        ("FIELD_MUST_NOT_BE_EMPTY", "status"),
    ];
    assert_eq!(found, expected.map(|(code, field)| (code, field.to_owned())));
}

#[test]
fn what_is_no_json_object_is_malformed() {
    let deep = "[".repeat(100_000);
    for body in [
        "",
        "nonsense",
        "[]",
        "1",
        "null",
        "\"text\"",
        "{",
        "{\"a\":1e999}",
        "{\"a\":1}x",
        "\u{feff}{}",
        deep.as_str(),
    ] {
        assert!(
            matches!(
                validate::body(body.as_bytes(), fields::TRACKER),
                Err(ApiError::Malformed(_))
            ),
            "{body:.20}"
        );
    }
    assert!(matches!(
        validate::body(b"{\"a\":\"\xff\"}", fields::TRACKER),
        Err(ApiError::Malformed(_))
    ));
}

#[test]
fn numbers_are_rounded_half_up_as_a_person_reads_them() {
    for (given, expected) in [
        (1.005, 1.01),
        (1.004_999, 1.0),
        (-1.005, -1.01),
        (0.0, 0.0),
        (-0.004, 0.0),
        (12.345, 12.35),
        (12.344_9, 12.34),
        (99.995, 100.0),
        (150_350.75, 150_350.75),
        (9_999_999_999_999.994, 9_999_999_999_999.99),
        (1e-300, 0.0),
        (2.675, 2.68),
        (-0.005, -0.01),
        (7.0, 7.0),
    ] {
        let rounded = hundredths(given);
        assert_eq!(
            rounded.to_bits(),
            f64::to_bits(expected),
            "{given} gave {rounded}"
        );
    }
}

#[test]
fn a_message_fills_its_placeholders() {
    assert_eq!(
        codes::ENTITY_NOT_FOUND.message(&[("entityName", "VENDOR"), ("entity", "acme")]),
        "VENDOR acme not found"
    );
}

#[test]
fn rounding_stays_within_half_a_hundredth_and_is_done_once() {
    for _ in 0..20_000 {
        let number = (rand::random::<f64>() - 0.5) * 10_f64.powi(rand::random_range(-4..12));
        let rounded = hundredths(number);
        assert!(
            (rounded - number).abs() <= 0.005 + number.abs() * 1e-15,
            "{number} gave {rounded}"
        );
        assert_eq!(
            hundredths(rounded).to_bits(),
            rounded.to_bits(),
            "{number} gave {rounded}"
        );
    }
}
