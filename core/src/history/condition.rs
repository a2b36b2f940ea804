//! What stands behind WHERE; values are bound, never written into the text.

use clickhouse::query::Query;
use serde::Serialize;

use crate::model::ClientId;

/// Conditions that all hold, the first of which says whose rows are meant.
pub(super) struct Condition {
    /// With a `?` for each value.
    pub text: String,
    /// In the order of the text.
    pub values: Vec<Value>,
}

/// A value that is bound.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Value {
    Number(u64),
    Signed(i64),
    Numbers(Vec<u64>),
    Text(String),
    Texts(Vec<String>),
}

impl Condition {
    /// The rows of one client; `column` holds whose a row is.
    pub fn of(column: &str, client: ClientId) -> Self {
        Self {
            text: format!("{column} = ?"),
            values: vec![Value::Number(u64::from(client.0))],
        }
    }

    /// Adds a condition with one value.
    pub fn and(&mut self, text: &str, value: Value) {
        self.text.push_str(" AND ");
        self.text.push_str(text);
        self.values.push(value);
    }

    /// Binds the values to a query that contains the text.
    pub fn bind(&self, query: Query) -> Query {
        self.values.iter().fold(query, |query, value| query.bind(value))
    }
}
