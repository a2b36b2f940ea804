//! The JSON that Traccar forwards, read in one pass.

use fixstream_decoder::json::{Flat, next_name};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// `{position, device}`, `{event, position, device, geofence …}`, or a bare position.
#[derive(Debug, Default)]
pub struct Document<'text> {
    /// The fields of the outermost object: a bare position has its values here.
    pub outer: Entity<'text>,
    pub position: Option<Entity<'text>>,
    pub device: Option<Entity<'text>>,
    pub event: Option<Entity<'text>>,
    pub geofence: Option<Entity<'text>>,
}

/// One of Traccar's objects: plain fields and the open map `attributes`.
#[derive(Debug, Default)]
pub struct Entity<'text> {
    pub fields: Flat<'text>,
    pub attributes: Flat<'text>,
}

impl<'de> Entity<'de> {
    fn read<A: MapAccess<'de>>(
        &mut self,
        name: std::borrow::Cow<'de, str>,
        entries: &mut A,
    ) -> Result<(), A::Error> {
        if name == "attributes" {
            self.attributes = entries.next_value::<Option<Flat<'de>>>()?.unwrap_or_default();
        } else {
            self.fields.push(name, entries.next_value()?);
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Entity<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntityVisitor;
        impl<'de> Visitor<'de> for EntityVisitor {
            type Value = Entity<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut entity = Entity::default();
                while let Some(name) = next_name(&mut entries)? {
                    entity.read(name, &mut entries)?;
                }
                Ok(entity)
            }
        }
        deserializer.deserialize_map(EntityVisitor)
    }
}

impl<'de> Deserialize<'de> for Document<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DocumentVisitor;
        impl<'de> Visitor<'de> for DocumentVisitor {
            type Value = Document<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut document = Document::default();
                while let Some(name) = next_name(&mut entries)? {
                    match &*name {
                        "position" => document.position = entries.next_value()?,
                        "device" => document.device = entries.next_value()?,
                        "event" => document.event = entries.next_value()?,
                        "geofence" => document.geofence = entries.next_value()?,
                        _ => document.outer.read(name, &mut entries)?,
                    }
                }
                Ok(document)
            }
        }
        deserializer.deserialize_map(DocumentVisitor)
    }
}
