//! JSON as senders really write it: numbers in strings, flags as words, `null` for absent.
//!
//! Read an object as a [`Flat`] list of fields, or give a field of your own structure the type
//! [`Scalar`] (`#[serde(default, borrow)]`); then ask it for what it should be. Nothing nested is
//! kept, so that no input can exhaust the guest's small stack.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{DecodeError, Value, malformed};

mod paths;

pub use paths::parse_paths;

/// Reads a whole payload; errors name the place and never quote the input.
pub fn parse<'payload, T: Deserialize<'payload>>(payload: &'payload [u8]) -> Result<T, DecodeError> {
    if payload.trim_ascii().is_empty() {
        return Err(malformed("empty payload"));
    }
    serde_json::from_slice(payload).map_err(|error| {
        let problem = match error.classify() {
            serde_json::error::Category::Eof => "cut short",
            serde_json::error::Category::Data => "not of the expected shape",
            _ => "not valid",
        };
        malformed(format_args!(
            "JSON {problem} at line {} column {}",
            error.line(),
            error.column()
        ))
    })
}

/// One JSON value that is expected to be simple.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Scalar<'text> {
    /// Not there, or `null`.
    #[default]
    Absent,
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// A string.
    Text(Cow<'text, str>),
    /// An array; of its items only the strings are kept.
    Texts(Vec<Cow<'text, str>>),
    /// An object; its content is dropped.
    Nested,
}

/// The fields of an object, in their order. A `null` counts as absent and is left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flat<'text>(pub Vec<(Cow<'text, str>, Scalar<'text>)>);

impl<'text> Flat<'text> {
    /// The value of a field, the last one when it is there twice; [`Scalar::Absent`] when it is not.
    pub fn get(&self, name: &str) -> &Scalar<'text> {
        const ABSENT: &Scalar<'static> = &Scalar::Absent;
        self.0
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map_or(ABSENT, |(_, value)| value)
    }

    /// Adds a field, unless its value is absent.
    pub fn push(&mut self, name: Cow<'text, str>, value: Scalar<'text>) {
        if !value.is_absent() {
            self.0.push((name, value));
        }
    }
}

impl Scalar<'_> {
    /// Whether it is not there or `null`.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// A finite number, also one written as a string.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(integer) => Some(*integer as f64),
            Self::Real(real) => Some(*real),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Absent | Self::Flag(_) | Self::Texts(_) | Self::Nested => None,
        }
        .filter(|number: &f64| number.is_finite())
    }

    /// A finite number in this range.
    pub fn number_in(&self, range: impl core::ops::RangeBounds<f64>) -> Option<f64> {
        self.number().filter(|number| range.contains(number))
    }

    /// A number that must be there; `name` is for the error.
    pub fn required_number(&self, name: &str) -> Result<f64, DecodeError> {
        self.number().ok_or_else(|| {
            let problem = if self.is_absent() {
                "missing"
            } else {
                "not a number"
            };
            malformed(format_args!("{name} is {problem}"))
        })
    }

    /// True or false, also as 0 and 1 or as a word (`on`, `off`, `yes`, `no`).
    pub fn flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            Self::Integer(0) => Some(false),
            Self::Integer(1) => Some(true),
            Self::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "on" | "yes" => Some(true),
                "false" | "0" | "off" | "no" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The text when it is a string that is not empty.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// A string, or a whole number as text: identifiers are written both ways.
    pub fn identifier(&self) -> Option<String> {
        match self {
            Self::Integer(integer) => Some(integer.to_string()),
            Self::Text(text) => crate::text::device_id(text),
            _ => None,
        }
    }

    /// The value of an attribute; `None` for what is absent, empty or nested. Several texts are
    /// joined with `, `.
    pub fn into_value(self) -> Option<Value> {
        match self {
            Self::Flag(flag) => Some(Value::Flag(flag)),
            Self::Integer(integer) => Some(Value::Integer(integer)),
            Self::Real(real) => Some(Value::Real(real)),
            Self::Text(text) if !text.is_empty() => Some(Value::Text(text.into_owned())),
            Self::Texts(texts) if !texts.is_empty() => Some(Value::Text(texts.join(", "))),
            Self::Absent | Self::Nested | Self::Text(_) | Self::Texts(_) => None,
        }
    }
}

// two lifetimes, because derived structs that hold a scalar live shorter than the payload
impl<'de: 'text, 'text> Deserialize<'de> for Scalar<'text> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Absent)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Flag(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or(Scalar::Real(value as f64), Scalar::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Real(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(Item(item)) = items.next_element()? {
            texts.extend(item);
        }
        Ok(Scalar::Texts(texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nested)
    }
}

/// An item of an array: a string, or something that is passed over without recursion.
struct Item<'text>(Option<Cow<'text, str>>);

impl<'de> Deserialize<'de> for Item<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item<'de>;

    fn expecting(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("an item")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Item(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Item(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Item(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Item(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Item(None))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Item(Some(Cow::Borrowed(value))))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Item(Some(Cow::Owned(value.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Item(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Item(None))
    }
}

/// The key of a field, borrowed from the payload when it has no escapes.
struct Name<'text>(Cow<'text, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(value)))
            }

            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(value.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// Reads the next key of an object; for visitors that treat some fields specially.
pub fn next_name<'de, A: MapAccess<'de>>(entries: &mut A) -> Result<Option<Cow<'de, str>>, A::Error> {
    Ok(entries.next_key()?.map(|Name(name)| name))
}

// two lifetimes as for scalars
impl<'de: 'text, 'text> Deserialize<'de> for Flat<'text> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FlatVisitor;
        impl<'de> Visitor<'de> for FlatVisitor {
            type Value = Flat<'de>;

            fn expecting(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut fields = Flat(Vec::with_capacity(24));
                while let Some(name) = next_name(&mut entries)? {
                    let value = entries.next_value()?;
                    fields.push(name, value);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(FlatVisitor)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn scalar(json: &str) -> Scalar<'_> {
        parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn numbers_and_flags_are_taken_in_every_spelling() {
        assert_eq!(scalar("\" -22.5 \"").number(), Some(-22.5));
        assert_eq!(scalar("\"NaN\"").number(), None);
        assert_eq!(scalar("null"), Scalar::Absent);
        assert_eq!(scalar("\"off\"").flag(), Some(false));
        assert_eq!(scalar("1").flag(), Some(true));
        assert_eq!(scalar("{\"a\":[2]}"), Scalar::Nested);
        assert_eq!(
            scalar("[1,{\"a\":[2]},\"x\",null,[\"y\"],\"z\"]").into_value(),
            Some(Value::Text("x, z".to_owned()))
        );
        assert_eq!(
            scalar("861234056789014").identifier().as_deref(),
            Some("861234056789014")
        );
    }

    #[test]
    fn an_object_is_a_list_of_its_fields() {
        let fields: Flat<'_> = parse(br#"{"a":1,"b":null,"a":"2","c\n":{"d":1}}"#).unwrap();
        assert_eq!(fields.get("a").number(), Some(2.0));
        assert!(fields.get("b").is_absent());
        assert_eq!(fields.get("c\n"), &Scalar::Nested);
        assert!(parse::<Flat<'_>>(b"null").is_err());
    }

    #[test]
    fn deep_nesting_is_no_deep_recursion() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        // either is fine as long as it returns
        let _ = parse::<Scalar<'_>>(deep.as_bytes());
    }
}
