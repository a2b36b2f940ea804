//! A JSON object with objects in it, as deep as decoded payloads are: `gpsLocation.1.latitude`.
//!
//! The depth is fixed, so that neither reading nor dropping can exhaust the guest's small stack.

use core::fmt;
use std::borrow::Cow;

use fixstream_decoder::json::{Scalar, next_name};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Levels of objects that are kept.
const LEVELS: u8 = 3;

/// The fields of an object in their order; `null` counts as absent and is left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Object<'text>(pub Vec<(Cow<'text, str>, Node<'text>)>);

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Node<'text> {
    /// A simple value. Arrays and what is too deep have no content here.
    Value(Scalar<'text>),
    /// Fields of its own.
    Object(Object<'text>),
}

impl<'text> Object<'text> {
    /// The simple values among the fields.
    pub fn values(&self) -> impl Iterator<Item = (&str, &Scalar<'text>)> {
        self.0.iter().filter_map(|(name, node)| match node {
            Node::Value(value) => Some((&**name, value)),
            Node::Object(_) => None,
        })
    }

    /// The objects among the fields.
    pub fn objects(&self) -> impl Iterator<Item = (&str, &Object<'text>)> {
        self.0.iter().filter_map(|(name, node)| match node {
            Node::Object(object) => Some((&**name, object)),
            Node::Value(_) => None,
        })
    }
}

impl<'text> Node<'text> {
    /// The object; `None` when it is anything else.
    pub fn into_object(self) -> Option<Object<'text>> {
        match self {
            Self::Object(object) => Some(object),
            Self::Value(_) => None,
        }
    }
}

impl Default for Node<'_> {
    fn default() -> Self {
        Self::Value(Scalar::Absent)
    }
}

// two lifetimes, because derived structs that hold a node live shorter than the payload
impl<'de: 'text, 'text> Deserialize<'de> for Node<'text> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Levels(LEVELS).deserialize(deserializer)
    }
}

/// Reads a value with at most so many levels of objects.
struct Levels(u8);

impl<'de> DeserializeSeed<'de> for Levels {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Levels {
    type Value = Node<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Value(Scalar::Absent))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node<'de>, E> {
        Ok(Node::Value(Scalar::Flag(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node<'de>, E> {
        Ok(Node::Value(Scalar::Integer(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node<'de>, E> {
        let scalar = i64::try_from(value).map_or(Scalar::Real(value as f64), Scalar::Integer);
        Ok(Node::Value(scalar))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node<'de>, E> {
        Ok(Node::Value(Scalar::Real(value)))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Value(Scalar::Text(Cow::Borrowed(value))))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node<'de>, E> {
        Ok(Node::Value(Scalar::Text(Cow::Owned(value.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Node::Value(Scalar::Nested))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node<'de>, A::Error> {
        let Some(below) = self.0.checked_sub(1) else {
            while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Node::Value(Scalar::Nested));
        };
        let mut fields = Vec::new();
        while let Some(name) = next_name(&mut entries)? {
            let node = entries.next_value_seed(Levels(below))?;
            if node != Node::Value(Scalar::Absent) {
                fields.push((name, node));
            }
        }
        Ok(Node::Object(Object(fields)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use fixstream_decoder::json;

    use super::*;

    fn object(text: &str) -> Object<'_> {
        json::parse::<Node<'_>>(text.as_bytes())
            .unwrap()
            .into_object()
            .unwrap()
    }

    #[test]
    fn three_levels_are_kept() {
        let object = object(r#"{"a":1,"n":null,"b":{"c":{"d":2,"e":{"f":3}},"l":[{"x":1}]}}"#);
        assert_eq!(object.values().collect::<Vec<_>>(), [("a", &Scalar::Integer(1))]);
        let (name, middle) = object.objects().next().unwrap();
        assert_eq!(name, "b");
        let (_, inner) = middle.objects().next().unwrap();
        assert_eq!(
            inner.values().collect::<Vec<_>>(),
            [("d", &Scalar::Integer(2)), ("e", &Scalar::Nested)]
        );
    }

    #[test]
    fn deep_nesting_is_no_deep_recursion() {
        let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
        assert!(json::parse::<Node<'_>>(deep.as_bytes()).is_ok());
        // either is fine as long as it returns
        let deeper = format!("{}{}", "{\"a\":[".repeat(100_000), "]}".repeat(100_000));
        let _ = json::parse::<Node<'_>>(deeper.as_bytes());
    }
}
