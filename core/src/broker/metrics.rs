//! What the broker counts.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::model::TimeMs;

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $field:ident: $kind:ty = $name:literal;)*) => {
        /// Metrics of the broker. Cheap to clone; clones share their values.
        #[derive(Debug, Clone, Default)]
        pub struct BrokerMetrics {
            $($(#[doc = $help])+ pub $field: $kind,)*
        }

        impl BrokerMetrics {
            /// Adds all of them to `registry`.
            pub fn register(&self, registry: &mut Registry) {
                $(registry.register($name, concat!($($help),+).trim(), self.$field.clone());)*
            }
        }
    };
}

metrics! {
    /// Connections now, logged in or not
    connections: Gauge = "fixstream_broker_connections";
    /// Connections accepted
    accepted: Counter = "fixstream_broker_accepted_connections";
    /// Connections closed at once because there were too many
    refused_connections: Counter = "fixstream_broker_refused_connections";
    /// Connections that did not send a valid CONNECT in time
    failed_connects: Counter = "fixstream_broker_failed_connects";
    /// Logins with an unknown user or a wrong password
    failed_logins: Counter = "fixstream_broker_failed_logins";
    /// Connections closed because the same client connected again
    takeovers: Counter = "fixstream_broker_takeovers";
    /// Connections closed because they were silent for too long
    silent: Counter = "fixstream_broker_keep_alive_expirations";
    /// Connections closed because they sent something that is not MQTT 3.1.1
    malformed: Counter = "fixstream_broker_malformed_packets";
    /// Uplinks handed to the journal
    uplinks: Counter = "fixstream_broker_uplinks";
    /// Payload bytes of these uplinks
    uplink_bytes: Counter = "fixstream_broker_uplink_payload_bytes";
    /// QoS 2 publishes received again and not journalled again
    repeated: Counter = "fixstream_broker_repeated_publishes";
    /// Publishes to a topic that the credential may not use
    refused_publishes: Counter = "fixstream_broker_refused_publishes";
    /// QoS 0 publishes dropped because the journal was full
    shed: Counter = "fixstream_broker_shed_publishes";
    /// Times that a connection had to hold its publishes because the journal was full
    held: Counter = "fixstream_broker_held_batches";
    /// Subscriptions refused
    refused_subscriptions: Counter = "fixstream_broker_refused_subscriptions";
    /// Apps subscribed to live uplinks now
    subscribers: Gauge = "fixstream_broker_live_subscribers";
    /// Uplinks sent to apps
    delivered: Counter = "fixstream_broker_live_messages";
    /// Of these, uplinks that were read back from the journal
    replayed: Counter = "fixstream_broker_live_replayed_messages";
    /// Holes in the live stream that were filled from the journal
    holes: Counter = "fixstream_broker_live_holes";
    /// Apps disconnected because the journal no longer has what they are owed
    lagging: Counter = "fixstream_broker_live_lagging_disconnects";
    /// Times that the embedded router had to be started again
    router_restarts: Counter = "fixstream_broker_router_restarts";
    /// Downlinks handed to a connected device
    downlinks: Counter = "fixstream_broker_downlinks";
    /// Downlinks given up, unacknowledged, because the device was not there
    undelivered: Counter = "fixstream_broker_undelivered_downlinks";
}

/// Lets one event through per interval and counts the others, for warnings that a client can cause.
#[derive(Debug, Default)]
pub struct Throttle {
    last: AtomicI64,
    suppressed: AtomicU64,
}

impl Throttle {
    const INTERVAL_MS: i64 = 10_000;

    /// `Some(number suppressed since the last)` when this one may be logged.
    pub fn pass(&self, now: TimeMs) -> Option<u64> {
        let last = self.last.load(Ordering::Relaxed);
        let due = last == 0 || now.0.saturating_sub(last) >= Self::INTERVAL_MS;
        if due
            && self
                .last
                .compare_exchange(last, now.0, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            return Some(self.suppressed.swap(0, Ordering::Relaxed));
        }
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttle_lets_one_through_per_interval_and_counts_the_rest() {
        let throttle = Throttle::default();
        assert_eq!(throttle.pass(TimeMs(1_000)), Some(0));
        assert_eq!(throttle.pass(TimeMs(2_000)), None);
        assert_eq!(throttle.pass(TimeMs(10_999)), None);
        assert_eq!(throttle.pass(TimeMs(11_000)), Some(2));
    }

    #[test]
    fn all_metrics_register_under_distinct_names() {
        let mut registry = Registry::default();
        BrokerMetrics::default().register(&mut registry);
        let mut text = String::new();
        assert!(prometheus_client::encoding::text::encode(&mut text, &registry).is_ok());
        let mut names: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(count, names.len());
        assert!(text.contains("fixstream_broker_uplinks_total 0"));
    }
}
