//! What validation hands to an endpoint: the values by the names of their fields.

use fixstream_core::model::TimeMs;
use serde_json::{Map, Value};

/// The values of a request that broke no rule. A field that was given as null stands here as null.
#[derive(Debug)]
pub(super) struct Checked(Map<String, Value>);

impl Checked {
    /// Takes what was checked.
    pub(super) fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// A string, where given.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A string that the table requires.
    pub(super) fn required_text(&self, name: &str) -> String {
        debug_assert!(self.0.contains_key(name), "{name} is not a required text");
        self.text(name).unwrap_or_default().to_owned()
    }

    /// An id, where given.
    pub(super) fn id(&self, name: &str) -> Option<u32> {
        u32::try_from(self.0.get(name)?.as_u64()?).ok()
    }

    /// An id that the table requires. Never 0: that is no id.
    pub(super) fn required_id(&self, name: &str) -> u32 {
        debug_assert!(self.0.contains_key(name), "{name} is not a required id");
        self.id(name).unwrap_or_default()
    }

    /// What becomes of a string that can be emptied: `None` where it is not mentioned, `Some(None)` for null.
    #[allow(clippy::option_option)] // the registry's changes have this form
    pub(super) fn change(&self, name: &str) -> Option<Option<String>> {
        let value = self.0.get(name)?;
        Some(value.as_str().map(str::to_owned))
    }

    /// Strings, in the order given; empty where not given.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        let items = self.0.get(name).and_then(Value::as_array);
        items.map_or_else(Vec::new, |items| items.iter().filter_map(Value::as_str).collect())
    }

    /// Named texts, where given.
    pub(super) fn settings(&self, name: &str) -> Option<Vec<(String, String)>> {
        let object = self.0.get(name)?.as_object()?;
        let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        Some(object.iter().filter_map(text).collect())
    }

    /// A number, where given.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64()
    }

    /// A flag, where given.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name)?.as_bool()
    }

    /// A point in time, where given.
    pub(super) fn time(&self, name: &str) -> Option<TimeMs> {
        self.0.get(name)?.as_i64().map(TimeMs)
    }

    /// A whole number, where given.
    pub(super) fn long(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    /// Whole numbers, in the order given; empty where not given.
    pub(super) fn longs(&self, name: &str) -> Vec<u64> {
        let items = self.0.get(name).and_then(Value::as_array);
        items.map_or_else(Vec::new, |items| items.iter().filter_map(Value::as_u64).collect())
    }

    /// A whole number that may be below zero, where given.
    pub(super) fn signed(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_i64()
    }

    /// Numbers, in the order given; empty where not given.
    pub(super) fn numbers(&self, name: &str) -> Vec<f64> {
        let items = self.0.get(name).and_then(Value::as_array);
        items.map_or_else(Vec::new, |items| items.iter().filter_map(Value::as_f64).collect())
    }

    /// Ids, in the order given; empty where not given.
    pub(super) fn ids(&self, name: &str) -> Vec<u32> {
        let items = self
            .0
            .get(name)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        items
            .iter()
            .filter_map(|item| u32::try_from(item.as_u64()?).ok())
            .collect()
    }
}
