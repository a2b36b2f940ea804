//! Downlinks: from an app to the connections of a tracker, or of the gateway that speaks for it.
//!
//! Connected devices only, QoS 0 or 1. A downlink counts as handed over when it stands in the queue of
//! at least one connection; it is lost if that connection breaks before the device has read it.

use std::sync::Arc;

use ahash::AHashMap;
use bytes::Bytes;
use parking_lot::RwLock;
use tokio::sync::mpsc;

use super::super::frame::Qos;
use super::super::topics::OwnTopic;
use crate::model::ClientId;

/// Downlinks that wait for one connection, and unacknowledged ones on it.
pub const DOWNLINK_QUEUE: usize = 16;

/// A message for a device.
#[derive(Debug, Clone)]
pub struct Downlink {
    /// Topic as the app published it.
    pub topic: Arc<str>,
    /// Payload.
    pub payload: Bytes,
    /// At most once or at least once.
    pub qos: Qos,
}

#[derive(Debug)]
struct Listener {
    connection: u64,
    qos: Qos,
    queue: mpsc::Sender<Downlink>,
}

/// Which connection listens to which downlink filter. Tenants are apart: the client is part of the key.
#[derive(Debug, Default)]
pub struct Downlinks {
    listeners: RwLock<AHashMap<(ClientId, String), Vec<Listener>>>,
}

impl Downlinks {
    /// Adds a connection. `filter` was allowed before.
    pub fn subscribe(
        &self,
        client: ClientId,
        filter: &str,
        connection: u64,
        qos: Qos,
        queue: &mpsc::Sender<Downlink>,
    ) {
        let mut listeners = self.listeners.write();
        let of_filter = listeners.entry((client, filter.to_owned())).or_default();
        // Also whoever was taken over and could not take leave of all its filters.
        of_filter.retain(|listener| listener.connection != connection && !listener.queue.is_closed());
        of_filter.push(Listener {
            connection,
            qos,
            queue: queue.clone(),
        });
    }

    /// Removes a connection from a filter.
    pub fn unsubscribe(&self, client: ClientId, filter: &str, connection: u64) {
        let mut listeners = self.listeners.write();
        let key = (client, filter.to_owned());
        if let Some(of_filter) = listeners.get_mut(&key) {
            of_filter.retain(|listener| listener.connection != connection && !listener.queue.is_closed());
            if of_filter.is_empty() {
                listeners.remove(&key);
            }
        }
    }

    /// Hands `downlink` to all connections that listen; whether there was one with room.
    pub fn send(&self, client: ClientId, own: &OwnTopic<'_>, downlink: &Downlink) -> bool {
        let filters = [
            downlink.topic.to_string(),
            format!("trackers/{}/+/down", own.vendor),
        ];
        let listeners = self.listeners.read();
        let mut handed_over = false;
        for filter in filters {
            for listener in listeners.get(&(client, filter)).into_iter().flatten() {
                let qos = downlink.qos.min(listener.qos);
                handed_over |= listener
                    .queue
                    .try_send(Downlink {
                        qos,
                        ..downlink.clone()
                    })
                    .is_ok();
            }
        }
        handed_over
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const TOPIC: &str = "trackers/gt06/111/down";

    fn send(downlinks: &Downlinks, client: u32) -> bool {
        let downlink = Downlink {
            topic: Arc::from(TOPIC),
            payload: Bytes::from_static(b"x"),
            qos: Qos::AtLeastOnce,
        };
        downlinks.send(ClientId(client), &OwnTopic::parse(TOPIC).unwrap(), &downlink)
    }

    #[test]
    fn a_downlink_reaches_the_tracker_and_its_gateway_with_the_lower_qos() {
        let downlinks = Downlinks::default();
        let ((tracker, mut at_tracker), (gateway, mut at_gateway)) = (mpsc::channel(4), mpsc::channel(4));
        downlinks.subscribe(ClientId(1), TOPIC, 1, Qos::AtMostOnce, &tracker);
        downlinks.subscribe(ClientId(1), "trackers/gt06/+/down", 2, Qos::AtLeastOnce, &gateway);
        assert!(send(&downlinks, 1));
        assert_eq!(at_tracker.try_recv().unwrap().qos, Qos::AtMostOnce);
        assert_eq!(at_gateway.try_recv().unwrap().qos, Qos::AtLeastOnce);
    }

    #[test]
    fn another_clients_device_with_the_same_name_hears_nothing() {
        let downlinks = Downlinks::default();
        let (queue, mut arriving) = mpsc::channel(4);
        downlinks.subscribe(ClientId(2), TOPIC, 1, Qos::AtLeastOnce, &queue);
        assert!(!send(&downlinks, 1));
        assert!(arriving.try_recv().is_err());
    }

    #[test]
    fn nobody_there_or_a_full_queue_is_not_handed_over() {
        let downlinks = Downlinks::default();
        let (queue, _arriving) = mpsc::channel(1);
        downlinks.subscribe(ClientId(1), TOPIC, 1, Qos::AtLeastOnce, &queue);
        assert!(send(&downlinks, 1) && !send(&downlinks, 1));
        downlinks.unsubscribe(ClientId(1), TOPIC, 1);
        assert!(!send(&downlinks, 1) && downlinks.listeners.read().is_empty());
    }
}
