//! Metrics and health: one table, handles kept, counted per batch.

mod health;

pub use health::{Condition, Health};
