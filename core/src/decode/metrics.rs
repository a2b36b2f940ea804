//! What the decode room counts, per plugin and per batch.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::message::{FailureKind, Outcome};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PluginLabel {
    plugin: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    plugin: String,
    kind: &'static str,
}

type Seconds = Counter<f64, AtomicU64>;

/// Counters of the decode room. A clone counts into the same numbers.
#[derive(Debug, Clone, Default)]
pub struct DecodeMetrics {
    messages: Family<PluginLabel, Counter>,
    positions: Family<PluginLabel, Counter>,
    warnings: Family<PluginLabel, Counter>,
    batches: Family<PluginLabel, Counter>,
    failures: Family<KindLabel, Counter>,
    aborts: Family<KindLabel, Counter>,
    cpu: Family<PluginLabel, Seconds>,
    instances: Family<PluginLabel, Counter>,
    bytes: Family<PluginLabel, Counter>,
    memory: Family<PluginLabel, Gauge>,
    breaker: Family<PluginLabel, Gauge>,
    generation: Family<PluginLabel, Gauge>,
    waiting: Gauge,
    cache_hits: Counter,
    cache_misses: Counter,
}

impl DecodeMetrics {
    /// Adds all of them to a registry.
    pub fn register(&self, registry: &mut Registry) {
        let mut family = |name: &str, help: &str, metric: &Family<PluginLabel, Counter>| {
            registry.register(format!("fixstream_decode_{name}"), help, metric.clone());
        };
        family("messages", "Messages handed to a plugin", &self.messages);
        family("positions", "Positions that plugins found", &self.positions);
        family("warnings", "Oddities that plugins reported", &self.warnings);
        family("batches", "Jobs that the workers ran", &self.batches);
        family("instances", "Sandboxes that were set up", &self.instances);
        family("payload_bytes", "Payload bytes handed to a plugin", &self.bytes);
        registry.register(
            "fixstream_decode_memory_bytes",
            "Linear memory of a sandbox of the plugin, at most so far",
            self.memory.clone(),
        );
        registry.register(
            "fixstream_decode_failures",
            "Messages without a decoded answer, by kind",
            self.failures.clone(),
        );
        registry.register(
            "fixstream_decode_aborted_calls",
            "Calls that ended in a trap, at the deadline or with a broken answer; a batch with one bad message counts twice, the second time for the message alone",
            self.aborts.clone(),
        );
        registry.register(
            "fixstream_decode_cpu_seconds",
            "CPU time inside plugins, extrapolated from one job in sixteen",
            self.cpu.clone(),
        );
        registry.register(
            "fixstream_decode_breaker_state",
            "0 in service, 1 trying again, 2 out of service",
            self.breaker.clone(),
        );
        registry.register(
            "fixstream_decode_generation",
            "How often the plugin was put into service since the start; 0: taken out",
            self.generation.clone(),
        );
        registry.register(
            "fixstream_decode_waiting_jobs",
            "Jobs that wait for a worker",
            self.waiting.clone(),
        );
        registry.register(
            "fixstream_decode_cache_hits",
            "Components that were compiled already",
            self.cache_hits.clone(),
        );
        registry.register(
            "fixstream_decode_cache_misses",
            "Components that had to be compiled",
            self.cache_misses.clone(),
        );
    }

    /// Components that were found compiled in the cache.
    pub fn cache_hits(&self) -> u64 {
        self.cache_hits.get()
    }

    /// Components that had to be compiled.
    pub fn cache_misses(&self) -> u64 {
        self.cache_misses.get()
    }

    pub(super) fn count_cache(&self, hit: bool) {
        if hit { &self.cache_hits } else { &self.cache_misses }.inc();
    }

    pub(super) fn waiting(&self) -> &Gauge {
        &self.waiting
    }

    /// Counts messages for which there is no plugin; the vendor's name is not a label, because anybody
    /// could invent one.
    pub(super) fn count_without_plugin(&self, messages: u64) {
        let label = KindLabel {
            plugin: String::new(),
            kind: FailureKind::NoPlugin.name(),
        };
        self.failures.get_or_create(&label).inc_by(messages);
    }

    pub(super) fn of_plugin(&self, name: &str) -> PluginMetrics {
        let label = PluginLabel {
            plugin: name.to_owned(),
        };
        let of_kind = |family: &Family<KindLabel, Counter>| {
            FailureKind::ALL.map(|kind| {
                family.get_or_create_owned(&KindLabel {
                    plugin: name.to_owned(),
                    kind: kind.name(),
                })
            })
        };
        PluginMetrics(Arc::new(Handles {
            messages: self.messages.get_or_create_owned(&label),
            positions: self.positions.get_or_create_owned(&label),
            warnings: self.warnings.get_or_create_owned(&label),
            batches: self.batches.get_or_create_owned(&label),
            failures: of_kind(&self.failures),
            aborts: of_kind(&self.aborts),
            cpu: self.cpu.get_or_create_owned(&label),
            instances: self.instances.get_or_create_owned(&label),
            bytes: self.bytes.get_or_create_owned(&label),
            memory: self.memory.get_or_create_owned(&label),
            breaker: self.breaker.get_or_create_owned(&label),
            generation: self.generation.get_or_create_owned(&label),
        }))
    }
}

/// One plugin's handles, so that nothing is looked up per batch.
#[derive(Debug, Clone)]
pub(super) struct PluginMetrics(Arc<Handles>);

#[derive(Debug)]
struct Handles {
    messages: Counter,
    positions: Counter,
    warnings: Counter,
    batches: Counter,
    failures: [Counter; FailureKind::ALL.len()],
    aborts: [Counter; FailureKind::ALL.len()],
    cpu: Seconds,
    instances: Counter,
    bytes: Counter,
    memory: Gauge,
    breaker: Gauge,
    generation: Gauge,
}

impl PluginMetrics {
    /// Counts a finished job.
    pub(super) fn count(&self, outcomes: &[Outcome], warnings: u64) {
        let mut positions = 0;
        let mut failures = [0u64; FailureKind::ALL.len()];
        for outcome in outcomes {
            match outcome {
                Outcome::Decoded(decoded) => positions += decoded.fixes.len() as u64,
                Outcome::Failed(failure) => failures[failure.kind as usize] += 1,
            }
        }
        let handles = &self.0;
        handles.batches.inc();
        handles.messages.inc_by(outcomes.len() as u64);
        handles.positions.inc_by(positions);
        if warnings > 0 {
            handles.warnings.inc_by(warnings);
        }
        for (counter, count) in handles.failures.iter().zip(failures) {
            if count > 0 {
                counter.inc_by(count);
            }
        }
    }

    pub(super) fn count_refused(&self, messages: u64) {
        self.0.failures[FailureKind::OutOfService as usize].inc_by(messages);
    }

    pub(super) fn count_abort(&self, kind: FailureKind) {
        self.0.aborts[kind as usize].inc();
    }

    pub(super) fn count_bytes(&self, bytes: u64) {
        self.0.bytes.inc_by(bytes);
    }

    /// Raises the mark of the most memory that an instance had.
    pub(super) fn saw_memory(&self, bytes: usize) {
        let bytes = bytes as i64;
        if bytes > self.0.memory.get() {
            self.0.memory.set(bytes);
        }
    }

    pub(super) fn count_instance(&self) {
        self.0.instances.inc();
    }

    pub(super) fn count_cpu(&self, seconds: f64) {
        self.0.cpu.inc_by(seconds);
    }

    pub(super) fn set_breaker(&self, state: i64) {
        self.0.breaker.set(state);
    }

    pub(super) fn set_generation(&self, generation: u64) {
        self.0.generation.set(generation as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_numbered_in_the_order_of_their_table() {
        for (index, kind) in FailureKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }

    #[test]
    fn every_metric_is_registered_once() {
        let metrics = DecodeMetrics::default();
        metrics.of_plugin("x").count(&[], 1);
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let mut text = String::new();
        assert!(prometheus_client::encoding::text::encode(&mut text, &registry).is_ok());
        assert!(
            text.contains("fixstream_decode_warnings_total{plugin=\"x\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("fixstream_decode_cpu_seconds_total{plugin=\"x\"}"),
            "{text}"
        );
    }
}
