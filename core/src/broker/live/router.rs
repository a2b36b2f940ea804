//! The embedded `rumqttd` router, and how to join it without ever hurting it.
//!
//! What goes into the router is ours alone: topics `c/<client>/<vendor>` made of digits and a checked
//! vendor name, one filter `c/<client>/#` per client, QoS 0, no will, no retained message, no shared
//! subscription, no persistent session. So the inputs that make it panic can not reach it, and its
//! memory is bounded by clients × vendors, not by devices: the router never forgets a topic or filter.
//! Should it die all the same, it is started again and nothing is lost: the journal has everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rumqttd::local::{LinkBuilder, LinkError, LinkRx, LinkTx};
use rumqttd::protocol::{Disconnect, DisconnectReasonCode, Packet};
use rumqttd::{Router, RouterConfig};

use super::super::metrics::BrokerMetrics;

/// Bytes of one segment of a commit log; a client with subscribers has up to [`SEGMENTS`] of them.
/// Small: whoever falls out of it reads the journal.
const SEGMENT_BYTES: usize = 2 << 20;
const SEGMENTS: usize = 4;
/// Links at most: the hub's and one per subscriber.
pub const MAX_LINKS: usize = 1_000;

type Join = dyn Fn(&str) -> Result<(LinkTx, LinkRx), LinkError> + Send + Sync;

/// The running router; replaced when it dies.
pub struct Routers {
    current: Mutex<(u64, Arc<Join>)>,
    ids: Arc<Mutex<Ids>>,
    metrics: BrokerMetrics,
}

/// Link names in use. They are used again, because the router remembers every name that it ever saw.
#[derive(Debug, Default)]
struct Ids {
    free: Vec<usize>,
    used: usize,
}

/// Distinguishes the threads of routers in a process.
static STARTED: AtomicUsize = AtomicUsize::new(0);

#[expect(clippy::result_large_err, reason = "the error is rumqttd's, and rare")]
fn start() -> Arc<Join> {
    let config = RouterConfig {
        max_connections: MAX_LINKS + 1,
        max_outgoing_packet_count: 200,
        max_segment_size: SEGMENT_BYTES,
        max_segment_count: SEGMENTS,
        ..RouterConfig::default()
    };
    let events = Router::new(STARTED.fetch_add(1, Ordering::Relaxed), config).spawn();
    Arc::new(move |name| {
        LinkBuilder::new(name, events.clone())
            .clean_session(true)
            .build()
            .map(|(tx, rx, _)| (tx, rx))
    })
}

impl Routers {
    /// Starts the first router.
    pub fn new(metrics: BrokerMetrics) -> Self {
        Self {
            current: Mutex::new((0, start())),
            ids: Arc::default(),
            metrics,
        }
    }

    /// Joins the running router. Blocks until it answers: not on an async thread.
    /// `None` when there are too many links or no router answers.
    pub fn join(&self) -> Option<Link> {
        let id = {
            let mut ids = self.ids.lock();
            match ids.free.pop() {
                Some(id) => id,
                None if ids.used < MAX_LINKS => {
                    ids.used += 1;
                    ids.used
                }
                None => return None,
            }
        };
        let name = LinkName {
            id,
            ids: self.ids.clone(),
        };
        // The second attempt meets the router that replaced a dead one.
        for _ in 0..2 {
            let (generation, join) = {
                let current = self.current.lock();
                (current.0, current.1.clone())
            };
            match join(&format!("link{id}")) {
                Ok((tx, rx)) => {
                    return Some(Link {
                        tx,
                        rx,
                        generation,
                        _name: name,
                    });
                }
                Err(error) => self.report_dead(generation, &error),
            }
        }
        None
    }

    /// Which router is in service.
    pub fn generation(&self) -> u64 {
        self.current.lock().0
    }

    /// A link of router `generation` failed: unless that was noticed before, another router is started.
    pub fn report_dead(&self, generation: u64, error: &LinkError) {
        let mut current = self.current.lock();
        if current.0 == generation {
            tracing::error!(%error, generation, "the embedded router died, another one is started");
            self.metrics.router_restarts.inc();
            *current = (generation + 1, start());
        }
    }
}

/// Gives the link's name back after the link has said good-bye.
struct LinkName {
    id: usize,
    ids: Arc<Mutex<Ids>>,
}

impl Drop for LinkName {
    fn drop(&mut self) {
        self.ids.lock().free.push(self.id);
    }
}

/// A link with the router, owned by one task. Dropping it says good-bye: without that the router would
/// keep its place for ever.
pub struct Link {
    /// Into the router.
    pub tx: LinkTx,
    /// Out of the router.
    pub rx: LinkRx,
    /// Which router it belongs to.
    pub generation: u64,
    // Dropped after `drop` below has run, so the name is free only when the router knows.
    _name: LinkName,
}

impl Drop for Link {
    fn drop(&mut self) {
        let good_bye = Packet::Disconnect(
            Disconnect {
                reason_code: DisconnectReasonCode::NormalDisconnection,
            },
            None,
        );
        // `send` never awaits anything: the first poll completes it.
        let _ = poll_once(self.tx.send(good_bye));
    }
}

/// The future's output, if it is ready at once.
pub fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use rumqttd::Notification;

    use super::*;

    #[test]
    fn a_link_that_is_dropped_gives_its_name_and_its_place_back() {
        let routers = Routers::new(BrokerMetrics::default());
        for _ in 0..3_000 {
            drop(routers.join().unwrap());
        }
        assert_eq!(routers.ids.lock().used, 1);
        assert_eq!(routers.metrics.router_restarts.get(), 0);
    }

    #[test]
    fn a_dead_router_is_replaced_once_and_can_be_joined_again() {
        let routers = Routers::new(BrokerMetrics::default());
        let (mut first, mut second) = (routers.join().unwrap(), routers.join().unwrap());
        first.tx.subscribe("c/1/#").unwrap();
        // The one input that is known to kill it, and that we never send otherwise.
        second.tx.publish(&b"\xc3\xa9"[..], &b"x"[..]).unwrap();
        let error = loop {
            match first.rx.recv() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        routers.report_dead(first.generation, &error);
        routers.report_dead(second.generation, &error);
        assert_eq!(routers.metrics.router_restarts.get(), 1);
        let mut third = routers.join().unwrap();
        third.tx.subscribe("c/1/#").unwrap();
        assert!(matches!(third.rx.recv(), Ok(Some(Notification::DeviceAck(_)))));
    }
}
