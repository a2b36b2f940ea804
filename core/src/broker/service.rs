//! Starting and stopping the broker; what its connections share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::auth::Authenticator;
use super::listener;
use super::live::downlink::Downlinks;
use super::live::fanout::Fanout;
use super::live::router::Routers;
use super::metrics::{BrokerMetrics, Throttle};
use super::options::{BrokerError, BrokerOptions};
use super::sessions::Sessions;
use super::topics::TopicRules;
use crate::decode::Manifest;
use crate::journal::Journal;
use crate::registry::Registry;
use crate::telemetry::{Condition, Health};

/// What all connections share.
pub struct Shared {
    pub(super) options: BrokerOptions,
    pub(super) journal: Journal,
    pub(super) registry: Registry,
    pub(super) rules: ArcSwap<TopicRules>,
    pub(super) metrics: BrokerMetrics,
    pub(super) sessions: Sessions,
    pub(super) authenticator: Authenticator,
    pub(super) downlinks: Downlinks,
    pub(super) fanout: Arc<Fanout>,
    pub(super) bad_logins: Throttle,
    pub(super) refusals: Throttle,
    /// Cancelled when the broker stops: nothing more is accepted or read.
    pub(super) stop: CancellationToken,
}

/// The broker. Cheap to clone.
#[derive(Clone)]
pub struct Broker {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    /// Cancelled when the time for stopping is over.
    abort: CancellationToken,
    address: SocketAddr,
}

impl Broker {
    /// Binds and serves. Topic rules come from the manifests.
    ///
    /// # Errors
    /// When the address can't be bound.
    pub async fn start(
        options: BrokerOptions,
        journal: Journal,
        registry: Registry,
        manifests: &[Arc<Manifest>],
        health: Health,
    ) -> Result<Self, BrokerError> {
        let refused = |source| BrokerError::Listen {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (metrics, stop) = (BrokerMetrics::default(), CancellationToken::new());
        let fanout = Arc::new(Fanout::new(
            journal.clone(),
            Routers::new(metrics.clone()),
            stop.clone(),
        ));
        let runtime = tokio::runtime::Handle::current();
        let follower = fanout.clone();
        std::thread::Builder::new()
            .name("live".to_owned())
            .spawn(move || follower.run(&runtime))
            .map_err(refused)?;
        let parallel_logins = std::thread::available_parallelism().map_or(1, usize::from);
        let shared = Arc::new(Shared {
            sessions: Sessions::new(options.max_connections),
            authenticator: Authenticator::new(parallel_logins),
            rules: ArcSwap::from_pointee(TopicRules::new(manifests)),
            options,
            journal,
            registry,
            metrics,
            downlinks: Downlinks::default(),
            fanout,
            bad_logins: Throttle::default(),
            refusals: Throttle::default(),
            stop,
        });
        let (tasks, abort) = (TaskTracker::new(), CancellationToken::new());
        tokio::spawn(listener::run(
            shared.clone(),
            listener,
            tasks.clone(),
            abort.clone(),
        ));
        tracing::info!(%address, "devices can connect");
        health.set("broker", Condition::Ok);
        Ok(Self {
            shared,
            tasks,
            abort,
            address,
        })
    }

    /// New topic rules after a plugin change.
    pub fn set_manifests(&self, manifests: &[Arc<Manifest>]) {
        self.shared.rules.store(Arc::new(TopicRules::new(manifests)));
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections now.
    pub fn connections(&self) -> usize {
        usize::try_from(self.shared.metrics.connections.get()).unwrap_or_default()
    }

    /// What it counts.
    pub fn metrics(&self) -> BrokerMetrics {
        self.shared.metrics.clone()
    }

    /// Stops accepting, acknowledges what becomes durable within `timeout`, closes.
    pub async fn stop(&self, timeout: Duration) {
        self.shared.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(timeout, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                connections = self.connections(),
                "connections are closed with answers outstanding"
            );
            self.abort.cancel();
            self.tasks.wait().await;
        }
    }
}
