//! Metrics of the device room, counted per batch.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::model::Verdict;

type VerdictLabel = [(&'static str, &'static str); 1];

/// Counters and gauges of the device room.
#[derive(Debug, Clone)]
pub struct DeviceMetrics {
    readings: Family<VerdictLabel, Counter>,
    /// Handles of `readings` by verdict, kept because a look-up by label costs ten times the count.
    by_verdict: [Counter; Verdict::ALL.len()],
    /// Candidates that turned out to be no jumps.
    pub(super) released: Counter,
    /// Actors now.
    pub(super) active: Gauge,
    /// Actors started for a device.
    pub(super) activations: Counter,
    /// Cores put back into their slots.
    pub(super) passivations: Counter,
    /// Corrections applied; one that moves a position to another device counts at both.
    pub(super) corrections: Counter,
    /// Readings on which the step function panicked.
    pub(super) panics: Counter,
}

impl Default for DeviceMetrics {
    fn default() -> Self {
        let readings = Family::<VerdictLabel, Counter>::default();
        let by_verdict =
            Verdict::ALL.map(|verdict| readings.get_or_create(&[("verdict", verdict.name())]).clone());
        Self {
            readings,
            by_verdict,
            released: Counter::default(),
            active: Gauge::default(),
            activations: Counter::default(),
            passivations: Counter::default(),
            corrections: Counter::default(),
            panics: Counter::default(),
        }
    }
}

impl DeviceMetrics {
    /// Names them in a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "fixstream_device_readings",
            "Readings judged",
            self.readings.clone(),
        );
        registry.register(
            "fixstream_device_released",
            "Fixes judged as jumps that later ones confirmed",
            self.released.clone(),
        );
        registry.register(
            "fixstream_device_active_actors",
            "Device or shard actors",
            self.active.clone(),
        );
        registry.register(
            "fixstream_device_activations",
            "Actors started for a device",
            self.activations.clone(),
        );
        registry.register(
            "fixstream_device_passivations",
            "Device actors drained into their slots",
            self.passivations.clone(),
        );
        registry.register(
            "fixstream_device_corrections",
            "Corrections of positions applied",
            self.corrections.clone(),
        );
        registry.register(
            "fixstream_device_panics",
            "Readings on which judging panicked",
            self.panics.clone(),
        );
    }

    /// Readings so far with this verdict.
    pub fn readings(&self, verdict: Verdict) -> u64 {
        self.counter(verdict).map_or(0, Counter::get)
    }

    pub(super) fn count(&self, tally: &Tally) {
        for (verdict, readings) in Verdict::ALL.iter().zip(tally.0) {
            if readings > 0
                && let Some(counter) = self.counter(*verdict)
            {
                counter.inc_by(readings);
            }
        }
    }

    fn counter(&self, verdict: Verdict) -> Option<&Counter> {
        self.by_verdict.get(verdict as usize)
    }
}

/// Readings of one batch by verdict.
#[derive(Default)]
pub(super) struct Tally([u64; Verdict::ALL.len()]);

impl Tally {
    pub fn add(&mut self, verdict: Verdict) {
        if let Some(readings) = self.0.get_mut(verdict as usize) {
            *readings += 1;
        }
    }
}
