//! Nested objects as one flat list: `{"a":{"b":1}}` has the fields `a` and `a.b`.

use core::fmt;
use std::borrow::Cow;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Flat, Scalar, ScalarVisitor, next_name, parse};
use crate::DecodeError;

/// Objects in objects that are opened; what is deeper stays [`Scalar::Nested`]. Each level takes a
/// little of the guest's small stack.
const DEEPEST: usize = 6;

/// Reads a payload that is one object. Fields of nested objects come under the names on the way to
/// them, joined with dots; the object itself is there as [`Scalar::Nested`].
pub fn parse_paths(payload: &[u8]) -> Result<Flat<'_>, DecodeError> {
    parse::<Paths<'_>>(payload).map(|paths| paths.0)
}

struct Paths<'text>(Flat<'text>);

impl<'de> Deserialize<'de> for Paths<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Flat(Vec::with_capacity(24));
        deserializer.deserialize_map(Level {
            path: Cow::Borrowed(""),
            depth: 0,
            fields: &mut fields,
        })?;
        Ok(Self(fields))
    }
}

/// The value at a path: a field, or an object with fields below it.
struct Level<'fields, 'text> {
    path: Cow<'text, str>,
    depth: usize,
    fields: &'fields mut Flat<'text>,
}

impl<'de> DeserializeSeed<'de> for Level<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.fields.push(self.path, Scalar::Flag(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.fields.push(self.path, Scalar::Integer(value));
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.fields.push(self.path, ScalarVisitor.visit_u64(value)?);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.fields.push(self.path, Scalar::Real(value));
        Ok(())
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<(), E> {
        self.fields.push(self.path, Scalar::Text(Cow::Borrowed(value)));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.fields
            .push(self.path, Scalar::Text(Cow::Owned(value.to_owned())));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        self.fields.push(self.path, ScalarVisitor.visit_seq(items)?);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Self { path, depth, fields } = self;
        if depth > DEEPEST {
            fields.push(path, ScalarVisitor.visit_map(entries)?);
            return Ok(());
        }
        if depth > 0 {
            fields.push(path.clone(), Scalar::Nested);
        }
        while let Some(name) = next_name(&mut entries)? {
            entries.next_value_seed(Level {
                path: if depth == 0 {
                    name
                } else {
                    Cow::Owned(format!("{path}.{name}"))
                },
                depth: depth + 1,
                fields: &mut *fields,
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_nested_objects_have_the_whole_path_as_name() {
        let fields =
            parse_paths(br#"{"a":1,"b":{"c":"x","d":{"e":true,"f":null},"g":{}},"h":["y"]}"#).unwrap();
        let names: Vec<_> = fields.0.iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(names, ["a", "b", "b.c", "b.d", "b.d.e", "b.g", "h"]);
        assert_eq!(fields.get("b.d"), &Scalar::Nested);
        assert_eq!(fields.get("b.d.e"), &Scalar::Flag(true));
        assert!(fields.get("b.d.f").is_absent());
    }

    #[test]
    fn only_an_object_is_taken_and_only_so_deep() {
        for wrong in ["[]", "1", "null", "\"a\"", "{\"a\":{}", "{} {}"] {
            assert!(parse_paths(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let deep = format!("{}1{}", "{\"a\":".repeat(9), "}".repeat(9));
        let fields = parse_paths(deep.as_bytes()).unwrap();
        assert_eq!(fields.0.len(), 7);
        assert_eq!(fields.get("a.a.a.a.a.a.a"), &Scalar::Nested);
        let deeper = format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000));
        // either is fine as long as it returns
        let _ = parse_paths(deeper.as_bytes());
    }
}
