//! The JSON around a report, read in one pass into plain fields.

use std::borrow::Cow;

use fixstream_decoder::json::{Flat, Scalar, next_name};
use serde::Deserialize;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};

/// How deep objects and arrays of a report may lie in each other; deeper ones are refused, because each
/// level is a call on the guest's small stack.
const DEEPEST: u8 = 8;

/// The contract allows so many positions in an answer.
const MOST_REPORTS: usize = 1024;

/// The reports of a message: each the fields of its `datosActividad` and `datosCliente` side by side, what
/// lies in an object below them by `vehiculo.patente`.
///
/// A report may stand alone or in an array, inside `actividad` and `cargaActividades` or outside, and may
/// have its fields without `datosActividad` around them.
#[derive(Debug, Default)]
pub struct Reports<'text>(pub Vec<Flat<'text>>);

impl<'de> Deserialize<'de> for Reports<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut reports = Self::default();
        Collect {
            reports: &mut reports,
            depth: DEEPEST,
        }
        .deserialize(deserializer)?;
        Ok(reports)
    }
}

/// Reads a report, an array of them, or an object around them.
struct Collect<'into, 'text> {
    reports: &'into mut Reports<'text>,
    depth: u8,
}

impl<'de> DeserializeSeed<'de> for Collect<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Collect<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a report or an array of reports")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let depth = below(self.depth)?;
        while items
            .next_element_seed(Collect {
                reports: self.reports,
                depth,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let depth = below(self.depth)?;
        let mut fields = Flat::default();
        let mut is_envelope = false;
        while let Some(name) = next_name(&mut entries)? {
            match &*name {
                "cargaActividades" | "actividad" => {
                    is_envelope = true;
                    entries.next_value_seed(Collect {
                        reports: self.reports,
                        depth,
                    })?;
                }
                _ => entries.next_value_seed(Field {
                    fields: &mut fields,
                    name: if is_section(&name) {
                        Cow::Borrowed("")
                    } else {
                        name
                    },
                    depth,
                })?,
            }
        }
        if !is_envelope {
            if self.reports.0.len() >= MOST_REPORTS {
                return Err(A::Error::custom("too many reports"));
            }
            self.reports.0.push(fields);
        }
        Ok(())
    }
}

/// Whether an object of this name only groups the fields of a report.
fn is_section(name: &str) -> bool {
    matches!(name, "datosActividad" | "datosCliente")
}

/// Reads a value into the field of this name, the fields of an object into `name.field`. Items of arrays
/// are not kept.
struct Field<'into, 'text> {
    fields: &'into mut Flat<'text>,
    name: Cow<'text, str>,
    depth: u8,
}

impl<'de> Field<'_, 'de> {
    fn set<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        self.fields.push(self.name, Scalar::deserialize(value)?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Field<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.set(value.into_deserializer())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.set(value.into_deserializer())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.set(value.into_deserializer())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.set(value.into_deserializer())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.fields
            .push(self.name, Scalar::Text(Cow::Owned(value.to_owned())));
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<(), E> {
        self.set(BorrowedStrDeserializer::new(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let depth = below(self.depth)?;
        while let Some(name) = next_name(&mut entries)? {
            let name = match (&*self.name, &*name) {
                ("", _) => name,
                (outer, inner) => Cow::Owned(format!("{outer}.{inner}")),
            };
            entries.next_value_seed(Field {
                fields: self.fields,
                name,
                depth,
            })?;
        }
        Ok(())
    }
}

fn below<E: Error>(depth: u8) -> Result<u8, E> {
    depth.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))
}
