//! Rules about the form of a text or of a small structure.

use email_address::EmailAddress;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::codes;
use super::error::Violation;
use super::validate::violation;

/// Longest e-mail address that a mail server takes, and longest address of a page, characters.
pub(super) const MAX_EMAIL: usize = 254;
pub(super) const MAX_URL: usize = 2000;
/// Longest phone number as written, characters.
pub(super) const MAX_PHONE: usize = 32;
/// Named texts of an object, and characters of a name and of a text, at most.
pub(super) const MAX_SETTINGS: usize = 32;
pub(super) const MAX_SETTING_NAME: usize = 64;
pub(super) const MAX_SETTING: usize = 200;
/// Attributes to sort by, at most.
pub(super) const MAX_SORT: usize = 8;

/// A string of `min` to `max` characters.
pub(super) fn sized(name: &str, value: Value, min: usize, max: usize) -> Result<Value, Violation> {
    let value = at_most(name, value, max)?;
    if text(&value).chars().count() < min {
        return Err(violation(
            &codes::FIELD_MIN_LENGTH_NOT_MET,
            name,
            &[("minLength", &min.to_string())],
        ));
    }
    Ok(value)
}

/// A number above 0 and at most `max`.
pub(super) fn positive(name: &str, value: &Value, max: f64) -> Result<Value, Violation> {
    match value.as_f64() {
        Some(number) if number > max => Err(violation(
            &codes::VALUE_ABOVE_MAXIMUM,
            name,
            &[("maxValue", &max.to_string())],
        )),
        Some(number) if number > 0.0 => Ok(Value::from(number)),
        Some(_) => Err(violation(&codes::NUMBER_MUST_BE_POSITIVE, name, &[])),
        None => Err(violation(&codes::FIELD_MUST_BE_NUMERIC, name, &[])),
    }
}

/// An e-mail address.
pub(super) fn email(name: &str, value: Value) -> Result<Value, Violation> {
    let value = at_most(name, value, MAX_EMAIL)?;
    if EmailAddress::is_valid(text(&value)) {
        Ok(value)
    } else {
        Err(violation(&codes::FIELD_MUST_BE_EMAIL, name, &[]))
    }
}

/// A phone number as people write it: 5 to 15 digits (E.164), perhaps after a plus, with the usual separators.
pub(super) fn phone(name: &str, value: Value) -> Result<Value, Violation> {
    let value = at_most(name, value, MAX_PHONE)?;
    let written = text(&value).trim_start();
    let number = written.strip_prefix('+').unwrap_or(written);
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let allowed = |c: char| c.is_ascii_digit() || " -./()".contains(c);
    if (5..=15).contains(&digits) && number.chars().all(allowed) {
        Ok(value)
    } else {
        Err(violation(&codes::FIELD_MUST_BE_PHONE_NUMBER, name, &[]))
    }
}

/// The address of a page: http or https, with a host.
pub(super) fn url(name: &str, value: Value) -> Result<Value, Violation> {
    let value = at_most(name, value, MAX_URL)?;
    let is_page = |url: Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    if Url::parse(text(&value)).is_ok_and(is_page) {
        Ok(value)
    } else {
        Err(violation(&codes::INVALID_URL_FORMAT, name, &[]))
    }
}

/// A UUID in its usual form.
pub(super) fn uuid(name: &str, value: Value) -> Result<Value, Violation> {
    match &value {
        Value::String(text) if text.len() == 36 && Uuid::try_parse(text).is_ok() => Ok(value),
        Value::String(_) => Err(violation(&codes::FIELD_MUST_BE_UUID, name, &[])),
        _ => Err(violation(&codes::FIELD_MUST_BE_STRING, name, &[])),
    }
}

/// A non-empty array of some of these words.
pub(super) fn words(name: &str, value: Value, known: &[&str]) -> Result<Value, Violation> {
    for item in items(name, &value, known.len())? {
        word(name, item, known)?;
    }
    Ok(value)
}

/// One of these words.
pub(super) fn word(name: &str, value: &Value, known: &[&str]) -> Result<(), Violation> {
    match value {
        Value::String(word) if known.contains(&word.as_str()) => Ok(()),
        Value::String(_) => Err(unsupported(name, known)),
        _ => Err(violation(&codes::FIELD_MUST_BE_STRING, name, &[])),
    }
}

/// The elements of a non-empty array of at most `max`.
pub(super) fn items<'a>(name: &str, value: &'a Value, max: usize) -> Result<&'a [Value], Violation> {
    match value {
        Value::Array(items) if items.is_empty() => Err(violation(&codes::ARRAY_MUST_NOT_BE_EMPTY, name, &[])),
        Value::Array(items) if items.len() > max => Err(too_many(name, max)),
        Value::Array(items) => Ok(items),
        _ => Err(violation(&codes::FIELD_MUST_BE_ARRAY, name, &[])),
    }
}

/// Attributes to sort by: `name,-id`. A plus arrives as a blank where the client did not encode it.
pub(super) fn sort(name: &str, value: Value, known: &[&str]) -> Result<Value, Violation> {
    let Value::String(text) = &value else {
        return Err(violation(&codes::FIELD_MUST_BE_STRING, name, &[]));
    };
    if text.split(',').count() > MAX_SORT {
        return Err(too_many(name, MAX_SORT));
    }
    if text
        .split(',')
        .all(|attribute| known.contains(&attribute.trim_start_matches(['+', '-', ' '])))
    {
        Ok(value)
    } else {
        Err(unsupported(name, known))
    }
}

/// An object of named, non-empty texts. A violation names the one that breaks a rule.
pub(super) fn settings(name: &str, value: Value) -> Result<Value, Violation> {
    let of_type = |field: &str, kind| {
        violation(
            &codes::FIELD_MUST_BE_OF_TYPE,
            field,
            &[("field", field), ("type", kind)],
        )
    };
    let Value::Object(object) = &value else {
        return Err(of_type(name, "object"));
    };
    if object.len() > MAX_SETTINGS {
        return Err(too_many(name, MAX_SETTINGS));
    }
    for (key, setting) in object {
        if key.chars().count() > MAX_SETTING_NAME {
            return Err(too_long(name, MAX_SETTING_NAME));
        }
        let field = format!("{name}.{key}");
        match setting {
            Value::String(text) if text.is_empty() || key.is_empty() => {
                return Err(violation(
                    &codes::RESOURCE_FIELD_MUST_NOT_BE_EMPTY,
                    &field,
                    &[("field", &field)],
                ));
            }
            Value::String(text) if text.chars().count() > MAX_SETTING => {
                return Err(too_long(&field, MAX_SETTING));
            }
            Value::String(_) => {}
            _ => return Err(of_type(&field, "string")),
        }
    }
    Ok(value)
}

/// West, south, east and north in degrees, separated by commas; over the antimeridian where west is the greater.
pub(super) fn bounds(name: &str, value: &Value) -> Result<Value, Violation> {
    let Value::String(text) = value else {
        return Err(violation(&codes::FIELD_MUST_BE_STRING, name, &[]));
    };
    let degrees: Vec<f64> = text
        .split(',')
        .take(5)
        .filter_map(|part| part.trim().parse().ok())
        .collect();
    let meridian = |degrees: f64| (-180.0..=180.0).contains(&degrees);
    match degrees[..] {
        [west, south, east, north]
            if text.split(',').take(5).count() == 4
                && meridian(west)
                && meridian(east)
                && -90.0 <= south
                && south <= north
                && north <= 90.0 =>
        {
            Ok(Value::from(degrees))
        }
        _ => Err(violation(&codes::INVALID_BBOX, name, &[])),
    }
}

/// A string of at most `max` characters.
pub(super) fn at_most(name: &str, value: Value, max: usize) -> Result<Value, Violation> {
    match &value {
        Value::String(text) if text.chars().count() > max => Err(too_long(name, max)),
        Value::String(_) => Ok(value),
        _ => Err(violation(&codes::FIELD_MUST_BE_STRING, name, &[])),
    }
}

fn too_long(name: &str, max: usize) -> Violation {
    violation(
        &codes::FIELD_MAX_LENGTH_EXCEEDED,
        name,
        &[("maxLength", &max.to_string())],
    )
}

pub(super) fn too_many(name: &str, max: usize) -> Violation {
    violation(
        &codes::VALUE_ABOVE_MAXIMUM,
        name,
        &[("maxValue", &max.to_string())],
    )
}

fn unsupported(name: &str, known: &[&str]) -> Violation {
    violation(
        &codes::UNSUPPORTED_ENUM_VALUE,
        name,
        &[("enumValues", &known.join(", "))],
    )
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
