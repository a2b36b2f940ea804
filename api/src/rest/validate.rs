//! Declarative validation: a table of fields, one pass, all violations in table order.
//!
//! For each field, in this order: missing or null (only a violation where required), empty, type, length,
//! range. The first rule that a field breaks is its violation.

use serde_json::{Map, Value};

pub(super) use super::checked::Checked;
use super::codes::{self, Code};
use super::error::{ApiError, Violation};
use super::{formats, time};

/// The format that [`codes::INVALID_DATE_FORMAT`] names.
const DATE_FORMAT: &str = "YYYY-MM-DDTHH:mm:ss.sssZ";
/// Ids are 32 bit.
const MAX_ID: u64 = u32::MAX as u64;

/// Unknown fields that are named in an answer, and characters of their names, at most.
const MAX_UNKNOWN: usize = 20;
const MAX_NAME: usize = 64;
/// Numbers of journal records stay exact in JavaScript.
pub(super) const MAX_RECORD: u64 = (1 << 53) - 1;

/// One row of a field table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) required: bool,
    /// An optional field that may be left out but not be null.
    pub(super) never_null: bool,
    pub(super) rule: Rule,
}

/// What a field's value must be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    /// A non-empty string of at most so many characters.
    Text { max: usize },
    /// A whole number within inclusive bounds.
    Integer { min: u64, max: u64 },
    /// A number within bounds, kept as given.
    Number { min: Bound, max: Bound },
    /// A number within bounds, rounded half up (away from zero) to two places.
    Hundredths { min: Bound, max: Bound },
    /// True or false.
    Flag,
    /// A point in time; an empty string counts as absent.
    Time,
    /// A non-empty array of at most so many ids.
    Ids { max: usize },
    /// A non-empty array of at most so many numbers of journal records.
    Records { max: usize },
    /// At most so many ids, separated by commas: the form of a query.
    IdList { max: usize },
    /// A whole number within inclusive bounds, perhaps below zero.
    Signed { min: i64, max: i64 },
    /// West, south, east and north in degrees, separated by commas.
    Bounds,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A non-empty array of some of these words.
    Words(&'static [&'static str]),
    /// Some of these words, separated by commas, each perhaps after + or -.
    Sort(&'static [&'static str]),
    /// A string of so many characters.
    Sized { min: usize, max: usize },
    /// A number above 0 and at most this.
    Positive { max: f64 },
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// The address of a page.
    Url,
    /// A UUID.
    Uuid,
    /// An object of named texts.
    Settings,
}

/// A limit of a number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    Inclusive(f64),
    Exclusive(f64),
}

impl Field {
    pub(super) const fn new(name: &'static str, rule: Rule) -> Self {
        Self {
            name,
            required: false,
            never_null: false,
            rule,
        }
    }

    /// A string.
    pub(super) const fn text(name: &'static str, max: usize) -> Self {
        Self::new(name, Rule::Text { max })
    }

    /// An id of ours: ≥ 1.
    pub(super) const fn id(name: &'static str) -> Self {
        Self::new(name, Rule::Integer { min: 1, max: MAX_ID })
    }

    /// May be left out, but there is no "none" to change it to.
    pub(super) const fn never_null(self) -> Self {
        Self {
            never_null: true,
            ..self
        }
    }

    pub(super) const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }
}

/// Parses a JSON object and checks it. Fields outside the table are ignored.
pub(super) fn body(bytes: &[u8], table: &[Field]) -> Result<Checked, ApiError> {
    object_by(parse(bytes)?, table, Others::Ignored)
}

/// The same where a misspelt field would change what is meant: others are violations.
pub(super) fn exact_body(bytes: &[u8], table: &[Field]) -> Result<Checked, ApiError> {
    object_by(parse(bytes)?, table, Others::Refused)
}

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::Malformed("the body must be a json object".into())),
        Err(error) => Err(ApiError::Malformed(format!(
            "the body must be a json object: {error}"
        ))),
    }
}

/// Checks a query string (or path parameter) against the same kind of table.
pub(super) fn query(pairs: Vec<(String, String)>, table: &[Field]) -> Result<Checked, ApiError> {
    object_by(typed(pairs, table), table, Others::Ignored)
}

/// The same where a misspelt field would change what is meant: others are violations.
pub(super) fn exact_query(pairs: Vec<(String, String)>, table: &[Field]) -> Result<Checked, ApiError> {
    object_by(typed(pairs, table), table, Others::Refused)
}

/// Gives texts the type that their rule wants. What does not fit stays a text and fails as a wrong type.
fn typed(pairs: Vec<(String, String)>, table: &[Field]) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, text) in pairs {
        let rule = table
            .iter()
            .find(|field| field.name == name)
            .map(|field| field.rule);
        let value = match rule {
            Some(
                Rule::Integer { .. }
                | Rule::Signed { .. }
                | Rule::Number { .. }
                | Rule::Hundredths { .. }
                | Rule::Positive { .. },
            ) => text.parse().ok().map(Value::Number),
            Some(Rule::Flag) => text.parse().ok().map(Value::Bool),
            _ => None,
        };
        object.insert(name, value.unwrap_or(Value::String(text)));
    }
    object
}

/// What happens with fields outside the table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    Ignored,
    Refused,
}

fn object_by(mut object: Map<String, Value>, table: &[Field], others: Others) -> Result<Checked, ApiError> {
    let mut checked = Map::new();
    let mut violations = Vec::new();
    for field in table {
        let given = object.remove(field.name);
        let is_given = given.is_some();
        // the documented surface takes an empty time for none
        if others == Others::Refused && given.as_ref().and_then(Value::as_str) == Some("") {
            violations.push(violation(&codes::FIELD_MUST_NOT_BE_EMPTY, field.name, &[]));
            continue;
        }
        if field.never_null && given.as_ref().is_some_and(Value::is_null) {
            violations.push(violation(&codes::FIELD_MUST_BE_DEFINED, field.name, &[]));
            continue;
        }
        match check(field, given.unwrap_or(Value::Null)) {
            Ok(Value::Null) if !is_given => {}
            Ok(value) => {
                checked.insert(field.name.to_owned(), value);
            }
            Err(violation) => violations.push(violation),
        }
    }
    if others == Others::Refused {
        let unknown = object.keys().take(MAX_UNKNOWN).map(|name| {
            let name: String = name.chars().take(MAX_NAME).collect();
            violation(&codes::FIELD_IS_UNKNOWN, &name, &[])
        });
        violations.extend(unknown);
    }
    if violations.is_empty() {
        Ok(Checked::new(checked))
    } else {
        Err(ApiError::Violations(violations))
    }
}

/// A violation of `code` by a field.
pub(super) fn violation(code: &'static Code, field: &str, values: &[(&str, &str)]) -> Violation {
    let message = code.message(values).replace("{fieldName}", field);
    Violation {
        code,
        field: field.to_owned(),
        message,
    }
}

/// The value in its final form; null for absent.
fn check(field: &Field, value: Value) -> Result<Value, Violation> {
    let broken = |code| violation(code, field.name, &[]);
    if value.is_null() {
        return if field.required {
            Err(broken(&codes::FIELD_MUST_BE_DEFINED))
        } else {
            Ok(value)
        };
    }
    if value.as_str() == Some("") {
        return match field.rule {
            Rule::Time if !field.required => Ok(Value::Null),
            _ => Err(broken(&codes::FIELD_MUST_NOT_BE_EMPTY)),
        };
    }
    match field.rule {
        Rule::Text { max } => formats::at_most(field.name, value, max),
        Rule::Integer { min, max } => whole(field.name, &value, min, max).map(Value::from),
        Rule::Number { min, max } => {
            let number = value.as_f64().filter(|number| number.is_finite());
            let number = number.ok_or_else(|| broken(&codes::FIELD_MUST_BE_NUMERIC))?;
            within(field.name, number, min, max)?;
            Ok(Value::from(number))
        }
        Rule::Hundredths { min, max } => {
            let number = value.as_f64().filter(|number| number.is_finite());
            let number = number.ok_or_else(|| broken(&codes::FIELD_MUST_BE_NUMERIC))?;
            within(field.name, number, min, max)?;
            // Rounding may reach an exclusive limit.
            let rounded = hundredths(number);
            within(field.name, rounded, min, max)?;
            Ok(Value::from(rounded))
        }
        Rule::Flag => {
            if value.is_boolean() {
                Ok(value)
            } else {
                Err(broken(&codes::FIELD_MUST_BE_BOOLEAN))
            }
        }
        Rule::Time => {
            let parsed = match &value {
                Value::String(text) => time::parse(text),
                _ => return Err(broken(&codes::FIELD_MUST_BE_STRING)),
            };
            match parsed {
                Some(time) => Ok(Value::from(time.0)),
                None => Err(violation(
                    &codes::INVALID_DATE_FORMAT,
                    field.name,
                    &[("dateFormat", DATE_FORMAT)],
                )),
            }
        }
        Rule::Words(words) => formats::words(field.name, value, words),
        Rule::Sort(words) => formats::sort(field.name, value, words),
        Rule::Sized { min, max } => formats::sized(field.name, value, min, max),
        Rule::Positive { max } => formats::positive(field.name, &value, max),
        Rule::Email => formats::email(field.name, value),
        Rule::Phone => formats::phone(field.name, value),
        Rule::Url => formats::url(field.name, value),
        Rule::Uuid => formats::uuid(field.name, value),
        Rule::Settings => formats::settings(field.name, value),
        Rule::Ids { max } => numbers(field.name, &value, max, MAX_ID),
        Rule::Records { max } => numbers(field.name, &value, max, MAX_RECORD),
        Rule::IdList { max } => id_list(field.name, &value, max),
        Rule::Signed { min, max } => signed(field.name, &value, min, max),
        Rule::Bounds => formats::bounds(field.name, &value),
        Rule::OneOf(words) => formats::word(field.name, &value, words).map(|()| value),
    }
}

/// A non-empty array of at most `max` whole numbers from 1 on.
fn numbers(name: &str, value: &Value, max: usize, greatest: u64) -> Result<Value, Violation> {
    let items = formats::items(name, value, max)?;
    let numbers: Result<Vec<u64>, _> = items.iter().map(|item| whole(name, item, 1, greatest)).collect();
    Ok(Value::from(numbers?))
}

/// At most `max` ids, separated by commas.
fn id_list(name: &str, value: &Value, max: usize) -> Result<Value, Violation> {
    let Value::String(text) = value else {
        return Err(violation(&codes::FIELD_MUST_BE_STRING, name, &[]));
    };
    if text.split(',').take(max + 1).count() > max {
        return Err(formats::too_many(name, max));
    }
    let ids: Result<Vec<u64>, _> = text
        .split(',')
        .map(|id| id.trim().parse().map_or(Value::Null, Value::Number))
        .map(|id| whole(name, &id, 1, MAX_ID))
        .collect();
    Ok(Value::from(ids?))
}

/// A whole number within inclusive bounds, perhaps below zero.
fn signed(name: &str, value: &Value, min: i64, max: i64) -> Result<Value, Violation> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0);
    let number = number.ok_or_else(|| violation(&codes::FIELD_MUST_BE_INTEGER, name, &[]))?;
    within(
        name,
        number,
        Bound::Inclusive(min as f64),
        Bound::Inclusive(max as f64),
    )?;
    Ok(Value::from(number as i64))
}

/// A whole number within inclusive bounds. `5.0` is whole.
fn whole(name: &str, value: &Value, min: u64, max: u64) -> Result<u64, Violation> {
    let number = value
        .as_f64()
        .filter(|number| number.is_finite() && number.fract() == 0.0);
    let Some(number) = number else {
        return Err(violation(&codes::FIELD_MUST_BE_INTEGER, name, &[]));
    };
    let exact = value
        .as_u64()
        .or_else(|| (0.0..9e15).contains(&number).then_some(number as u64));
    match exact {
        Some(exact) if exact < min => Err(violation(
            &codes::VALUE_BELOW_MINIMUM,
            name,
            &[("minValue", &min.to_string())],
        )),
        Some(exact) if exact <= max => Ok(exact),
        None if number < 0.0 => Err(violation(
            &codes::VALUE_BELOW_MINIMUM,
            name,
            &[("minValue", &min.to_string())],
        )),
        _ => Err(violation(
            &codes::VALUE_ABOVE_MAXIMUM,
            name,
            &[("maxValue", &max.to_string())],
        )),
    }
}

fn within(name: &str, number: f64, min: Bound, max: Bound) -> Result<(), Violation> {
    match min {
        Bound::Inclusive(limit) if number < limit => Some(limit),
        Bound::Exclusive(limit) if number <= limit => Some(limit),
        _ => None,
    }
    .map_or(Ok(()), |limit| {
        Err(violation(
            &codes::VALUE_BELOW_MINIMUM,
            name,
            &[("minValue", &limit.to_string())],
        ))
    })?;
    match max {
        Bound::Inclusive(limit) if number > limit => Some(limit),
        Bound::Exclusive(limit) if number >= limit => Some(limit),
        _ => None,
    }
    .map_or(Ok(()), |limit| {
        Err(violation(
            &codes::VALUE_ABOVE_MAXIMUM,
            name,
            &[("maxValue", &limit.to_string())],
        ))
    })
}

/// Rounds half up (away from zero) to two decimal places, on the decimal digits as a person reads them:
/// 1.005 is 1.01, although the nearest binary number lies below the half.
pub(super) fn hundredths(number: f64) -> f64 {
    let text = number.to_string();
    let Some((whole, fraction)) = text.split_once('.') else {
        return number;
    };
    let Some(&third) = fraction.as_bytes().get(2) else {
        return number;
    };
    let Some(kept) = fraction
        .get(..2)
        .and_then(|two| format!("{whole}.{two}").parse::<f64>().ok())
    else {
        return number;
    };
    let rounded = if third >= b'5' {
        // Exact enough: one hundredth more, then the nearest number with two places.
        let away = kept + 0.01_f64.copysign(number);
        format!("{away:.2}").parse().unwrap_or(away)
    } else {
        kept
    };
    // No negative zero.
    rounded + 0.0
}
