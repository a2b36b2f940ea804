//! The state of each part, for `/healthcheck`, `doctor` and operators.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// How a part is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// As it should.
    Ok,
    /// It works, but something is wrong; in words.
    Degraded(String),
    /// It does not work; in words.
    Down(String),
}

/// The state of all parts. Cheap to clone.
#[derive(Clone, Default)]
pub struct Health {
    parts: Arc<RwLock<BTreeMap<&'static str, Condition>>>,
    gauges: Family<PartLabel, Gauge>,
}

/// Which part a gauge is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartLabel {
    part: &'static str,
}

impl Health {
    /// Records how `part` is doing; a change is logged once.
    pub fn set(&self, part: &'static str, condition: Condition) {
        let level = match condition {
            Condition::Ok => 0,
            Condition::Degraded(_) => 1,
            Condition::Down(_) => 2,
        };
        self.gauges.get_or_create(&PartLabel { part }).set(level);
        let before = self.parts.write().insert(part, condition.clone());
        if before.as_ref() == Some(&condition) {
            return;
        }
        match condition {
            Condition::Ok if before.is_some() => tracing::info!(part, "recovered"),
            Condition::Ok => tracing::debug!(part, "up"),
            Condition::Degraded(why) => tracing::warn!(part, why, "degraded"),
            Condition::Down(why) => tracing::error!(part, why, "down"),
        }
    }

    /// Makes the state of the parts visible as gauges.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "fixstream_health_condition",
            "State of a part: 0 ok, 1 degraded, 2 down; /healthcheck says why",
            self.gauges.clone(),
        );
    }

    /// All parts, by name.
    pub fn parts(&self) -> Vec<(&'static str, Condition)> {
        self.parts
            .read()
            .iter()
            .map(|(part, condition)| (*part, condition.clone()))
            .collect()
    }

    /// Whether every part is as it should be or only degraded.
    pub fn is_up(&self) -> bool {
        self.parts
            .read()
            .values()
            .all(|condition| !matches!(condition, Condition::Down(_)))
    }
}
