//! Rules of fields as JSON Schema.

use poem::http::Method;
use serde_json::{Map, Number, Value, json};

use crate::rest::formats::{
    MAX_EMAIL, MAX_PHONE, MAX_SETTING, MAX_SETTING_NAME, MAX_SETTINGS, MAX_SORT, MAX_URL,
};
use crate::rest::validate::{Bound, Field, Rule};

/// A parameter of the path or the query.
pub(super) fn parameter(field: &Field, place: &str, exact: bool) -> Value {
    let mut described = json!({
        "name": field.name,
        "in": place,
        "required": field.required || place == "path",
        "schema": lenient(field, exact, schema(field.rule)),
    });
    if matches!(field.rule, Rule::IdList { .. } | Rule::Bounds) {
        // one value with commas
        described["style"] = json!("form");
        described["explode"] = json!(false);
    }
    described
}

/// A header that a request may carry; without `max`, any text that a header may have.
pub(super) fn header(name: &str, says: &str, max: Option<usize>) -> Value {
    let schema = max.map_or_else(
        || json!({ "type": "string" }),
        |max| json!({ "type": "string", "minLength": 1, "maxLength": max }),
    );
    json!({ "name": name, "in": "header", "required": false, "description": says, "schema": schema })
}

/// A body that is a file.
pub(super) fn file(media: &str) -> Value {
    json!({ "required": true, "content": { media: { "schema": { "type": "string", "format": "binary" } } } })
}

/// A body; `exact`: others than its fields are refused. No fields: any payload, in whatever format its vendor speaks.
pub(super) fn body(fields: &[Field], method: &Method, exact: bool) -> Value {
    if fields.is_empty() {
        return json!({
            "required": true,
            "content": { "application/json": { "schema": {} }, "text/plain": { "schema": { "type": "string" } }, "application/octet-stream": {} },
        });
    }
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name.to_owned(), lenient(field, exact, nullable(field))))
        .collect();
    let mut object = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    if exact {
        object["additionalProperties"] = json!(false);
    }
    // what is deleted may be told without a body
    let wanted = *method != Method::DELETE || !required.is_empty();
    json!({ "required": wanted, "content": { "application/json": { "schema": object } } })
}

/// The documented surface takes an empty time for none.
fn lenient(field: &Field, exact: bool, mut schema: Value) -> Value {
    if !exact
        && !field.required
        && matches!(field.rule, Rule::Time)
        && let Some(object) = schema.as_object_mut()
    {
        let format = object.remove("format");
        object.insert("anyOf".into(), json!([{ "format": format }, { "maxLength": 0 }]));
    }
    schema
}

/// In a body, null is the same as leaving an optional field out.
fn nullable(field: &Field) -> Value {
    let mut schema = schema(field.rule);
    if !field.required && !field.never_null {
        if let Some(kind) = schema.get("type").cloned() {
            schema["type"] = json!([kind, "null"]);
        }
        if let Some(Value::Array(words)) = schema.get_mut("enum") {
            words.push(Value::Null);
        }
    }
    schema
}

fn schema(rule: Rule) -> Value {
    match rule {
        Rule::Text { max } => json!({ "type": "string", "minLength": 1, "maxLength": max }),
        Rule::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Rule::Number { min, max } => number(min, max),
        Rule::Hundredths { min, max } => {
            let mut schema = number(min, max);
            schema["description"] = json!("Rounded half up to two decimal places");
            schema
        }
        Rule::Flag => json!({ "type": "boolean" }),
        Rule::Time => json!({
            "type": "string",
            "format": "date-time",
            "description": "Also taken: YYYY-MM-DD HH:MM:SS[.fff] ±HHMM; UTC where no offset is given",
            "examples": ["2025-02-12T13:00:00.000Z", "2025-02-12 10:00:00.000 -0300"],
        }),
        Rule::Signed { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Rule::Bounds => json!({
            "type": "array",
            "minItems": 4,
            "maxItems": 4,
            "items": { "type": "number", "minimum": -180, "maximum": 180 },
            "description": "West, south, east, north in degrees; over the antimeridian where west is the greater",
            "examples": [[-70.8, -33.6, -70.5, -33.3]],
        }),
        Rule::Ids { max } | Rule::IdList { max } => numbers(max, u64::from(u32::MAX)),
        Rule::Records { max } => numbers(max, crate::rest::validate::MAX_RECORD),
        Rule::OneOf(words) => json!({ "type": "string", "enum": words }),
        Rule::Words(words) => json!({
            "type": "array",
            "minItems": 1,
            "maxItems": words.len(),
            "items": { "type": "string", "enum": words },
        }),
        Rule::Sort(words) => {
            let attribute = format!("[+-]?({})", words.join("|"));
            json!({
                "type": "string",
                "pattern": format!("^{attribute}(,{attribute}){{0,{}}}$", MAX_SORT - 1),
                "description": "Attributes in order of weight; - before those that fall",
            })
        }
        Rule::Sized { min, max } => json!({ "type": "string", "minLength": min, "maxLength": max }),
        Rule::Positive { max } => number(Bound::Exclusive(0.0), Bound::Inclusive(max)),
        Rule::Email => json!({ "type": "string", "format": "email", "maxLength": MAX_EMAIL }),
        Rule::Phone => json!({
            "type": "string",
            "pattern": "^[+]?[ ./()-]*([0-9][ ./()-]*){5,15}$",
            "maxLength": MAX_PHONE,
        }),
        // international names are taken too, which the format `uri` is not
        Rule::Url => {
            json!({ "type": "string", "pattern": "^https?://", "maxLength": MAX_URL })
        }
        Rule::Uuid => json!({ "type": "string", "format": "uuid" }),
        Rule::Settings => json!({
            "type": "object",
            "maxProperties": MAX_SETTINGS,
            "propertyNames": { "minLength": 1, "maxLength": MAX_SETTING_NAME },
            "additionalProperties": { "type": "string", "minLength": 1, "maxLength": MAX_SETTING },
        }),
    }
}

fn numbers(most: usize, greatest: u64) -> Value {
    json!({
        "type": "array",
        "minItems": 1,
        "maxItems": most,
        "items": { "type": "integer", "minimum": 1, "maximum": greatest },
    })
}

fn number(min: Bound, max: Bound) -> Value {
    let mut schema = Map::new();
    schema.insert("type".into(), "number".into());
    let (name, limit) = match min {
        Bound::Inclusive(limit) => ("minimum", limit),
        Bound::Exclusive(limit) => ("exclusiveMinimum", limit),
    };
    schema.insert(name.into(), plain(limit));
    let (name, limit) = match max {
        Bound::Inclusive(limit) => ("maximum", limit),
        Bound::Exclusive(limit) => ("exclusiveMaximum", limit),
    };
    schema.insert(name.into(), plain(limit));
    Value::Object(schema)
}

/// Whole limits without a decimal point.
fn plain(limit: f64) -> Value {
    if limit.fract() == 0.0 && limit.abs() < 1e15 {
        Value::from(limit as i64)
    } else {
        Number::from_f64(limit).map_or(Value::Null, Value::Number)
    }
}
