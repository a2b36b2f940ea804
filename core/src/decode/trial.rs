//! A plugin that is tried, not in service: no message of a device reaches it.

use std::sync::Arc;
use std::time::Duration;

use super::breaker::BreakerOptions;
use super::manifest::Manifest;
use super::message::{Input, Outcome};
use super::metrics::DecodeMetrics;
use super::plugin::{Code, Plugin};
use super::worker::{Kept, Shared, Worker};

/// Decodes on the caller's thread, in the sandbox and with the limits that the plugin would have in service; its
/// breaker never opens and nothing is counted.
pub struct Trial {
    shared: Arc<Shared>,
    plugin: Arc<Plugin>,
    kept: Vec<Kept>,
}

impl Trial {
    pub(super) fn new(shared: Arc<Shared>, code: Code) -> Self {
        let never = BreakerOptions {
            failures: u32::MAX,
            window: Duration::ZERO,
            pause: Duration::ZERO,
            suspect: u32::MAX,
        };
        // numbers that nobody reads
        let metrics = DecodeMetrics::default().of_plugin(&code.manifest.name);
        Self {
            shared,
            plugin: Arc::new(Plugin::new(code, 0, 0, never, metrics)),
            kept: Vec::new(),
        }
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.plugin.code.manifest
    }

    /// SHA-256 of the component, 64 hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.plugin.code.sha256
    }

    /// Messages of the largest batch that it would get in service.
    pub fn batch(&self) -> usize {
        self.plugin.code.quota.batch
    }

    /// Decodes in batches of at most `batch` messages (never more than [`Trial::batch`]); one outcome per input, in
    /// order. Blocks for as long as that takes.
    pub fn decode(&mut self, inputs: Vec<Input>, batch: usize) -> Vec<Outcome> {
        let most = batch.clamp(1, self.batch().max(1));
        let mut worker = Worker::new(&self.shared, std::mem::take(&mut self.kept));
        let mut outcomes = Vec::with_capacity(inputs.len());
        let mut inputs = inputs.into_iter();
        loop {
            let group: Vec<Input> = inputs.by_ref().take(most).collect();
            if group.is_empty() {
                break;
            }
            outcomes.extend(worker.job(&self.plugin, &group));
        }
        self.kept = worker.into_kept();
        outcomes
    }

    /// The next batch gets a new instance.
    pub fn renew(&mut self) {
        self.kept.clear();
    }
}
