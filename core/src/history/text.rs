//! Attribute values as text and back, without loss.
//!
//! Analysts see `true`, `12`, `1.5` and plain words. Text that would read as another kind of value, and
//! text that begins with a quotation mark, is written as a JSON string.

use crate::model::AttributeValue;

/// The text that stands in the `attributes` map.
pub(super) fn write(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Flag(flag) => flag.to_string(),
        AttributeValue::Integer(integer) => integer.to_string(),
        // Debug formatting always shows a point or an exponent, which tells it from an integer.
        AttributeValue::Real(real) => format!("{real:?}"),
        AttributeValue::Text(text) => match scalar(text) {
            None if !text.starts_with('"') => text.clone(),
            _ => serde_json::Value::String(text.clone()).to_string(),
        },
    }
}

/// The value that was written.
pub(super) fn read(text: String) -> AttributeValue {
    if text.starts_with('"')
        && let Ok(text) = serde_json::from_str::<String>(&text)
    {
        return AttributeValue::Text(text);
    }
    scalar(&text).unwrap_or(AttributeValue::Text(text))
}

/// The value that this text is, unless it is just text.
fn scalar(text: &str) -> Option<AttributeValue> {
    match text {
        "true" => return Some(AttributeValue::Flag(true)),
        "false" => return Some(AttributeValue::Flag(false)),
        _ => {}
    }
    text.parse()
        .map(AttributeValue::Integer)
        .or_else(|_| text.parse().map(AttributeValue::Real))
        .ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_survives(text in "\\PC*") {
            let value = AttributeValue::Text(text);
            prop_assert_eq!(read(write(&value)), value);
        }

        #[test]
        fn numbers_survive(integer in any::<i64>(), real in proptest::num::f64::NORMAL | proptest::num::f64::ZERO) {
            prop_assert_eq!(read(write(&AttributeValue::Integer(integer))), AttributeValue::Integer(integer));
            prop_assert_eq!(read(write(&AttributeValue::Real(real))), AttributeValue::Real(real));
        }
    }

    #[test]
    fn text_that_looks_like_another_value_stays_text() {
        for text in [
            "true", "12", "-0", "1e5", "NaN", "inf", "\"", "\"a\"", "", "null", " 1",
        ] {
            let value = AttributeValue::Text(text.into());
            assert_eq!(read(write(&value)), value, "{text:?}");
        }
        assert_eq!(write(&AttributeValue::Text("door".into())), "door");
        assert_eq!(write(&AttributeValue::Flag(true)), "true");
    }
}
