//! The running hub: every room started in the order that the data takes, stopped in the reverse.

use std::fs::File;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fixstream_core::broker::{Broker, BrokerError, BrokerOptions};
use fixstream_core::corrections::Corrections;
use fixstream_core::deadletter::{DeadLetters, release_held};
use fixstream_core::decode::{DecodeHost, PluginError};
use fixstream_core::device::{DeviceDirectory, DeviceError};
use fixstream_core::engine::{Access, Engine, EngineError, EngineOptions};
use fixstream_core::history::{History, HistoryError, HistoryOptions, Lag};
use fixstream_core::ingest::Ingest;
use fixstream_core::journal::{Journal, JournalError, JournalOptions};
use fixstream_core::latest::LatestStore;
use fixstream_core::model::Offset;
use fixstream_core::pipeline::{self, Pipeline, PipelineError, PipelineOptions, Rooms, StateError, States};
use fixstream_core::redecode::{self, RedecodeError, Redecoder};
use fixstream_core::registry::{Registry, RegistryError};
use fixstream_core::telemetry::{Condition, Health};
use poem::listener::Acceptor as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::door;
use crate::plugins::{InstallError, Installer, Plugins, Store};
use crate::rest::{Limit, Limits, Rest, cors, routes};
use crate::tls::TlsError;

/// Why the hub could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error("data folder {path}: {source}")]
    Data {
        /// Folder or file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// Another fixstream runs on this data folder.
    #[error("data folder {0} is in use by another fixstream; stop it, or set another `data`")]
    InUse(PathBuf),
    /// A port.
    #[error("can not listen on {address} ({what}): {source}; stop what uses it, or set another address")]
    Port {
        /// Address.
        address: SocketAddr,
        /// What for.
        what: &'static str,
        /// Cause.
        source: std::io::Error,
    },
    /// The journal ends before history does.
    #[error(
        "the journal ends at record {journal}, but history was sealed up to {history}: the journal folder was lost or replaced; restore it, or start with a new data folder"
    )]
    JournalLost {
        /// End of the journal.
        journal: Offset,
        /// End of history.
        history: Offset,
    },
    /// Registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Plugins.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// Certificate of the REST server.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Installed plugins.
    #[error(transparent)]
    Plugins(#[from] InstallError),
    /// Embedded engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// History.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Devices.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Pipeline.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// States of decoders.
    #[error(transparent)]
    States(#[from] StateError),
    /// Re-decodings that are not through.
    #[error(transparent)]
    Redecode(#[from] RedecodeError),
    /// Broker.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// What an API key may send.
fn limits(config: &config::Rest) -> Limits {
    let limit = NonZeroU32::new(config.rate_limit_per_second).map(|per_second| Limit {
        per_second,
        burst: NonZeroU32::new(config.rate_limit_burst).unwrap_or(per_second),
    });
    Limits::new(limit, config.rate_limit_trackerhub)
}

/// How often health, plugins and registry are looked at.
const TICK: Duration = Duration::from_millis(250);
/// The engine of a hub that was killed gives its port back within this.
const ENGINE_ENDS: Duration = Duration::from_secs(10);

/// The running hub.
pub struct Server {
    registry: Registry,
    journal: Journal,
    decode: DecodeHost,
    devices: DeviceDirectory,
    history: History,
    pipeline: Pipeline,
    broker: Broker,
    engine: Option<Engine>,
    access: Access,
    rest_address: SocketAddr,
    rest: JoinHandle<std::io::Result<()>>,
    watch: JoinHandle<()>,
    release: JoinHandle<()>,
    redecode: Redecoder,
    stop: CancellationToken,
    health: Health,
    // held for its lock
    _lock: File,
}

impl Server {
    /// Starts everything; returns when devices and clients can connect. Latest positions and device states
    /// are rebuilt from history and the journal before any listener opens.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let lock = lock(&config.data)?;
        // bind early: a taken port should not cost the user the wait for everything else
        probe(config.mqtt.listen, "mqtt.listen")?;
        if config.history.url.is_empty() {
            let address = SocketAddr::from(([127, 0, 0, 1], config.clickhouse.http_port));
            probe_clickhouse(address, config.data.join("clickhouse").exists()).await?;
        }
        let acceptor = door::open(&config.rest).await?;
        let rest_address = acceptor
            .local_addr()
            .first()
            .and_then(|address| address.as_socket_addr().copied())
            .unwrap_or(config.rest.listen);

        let health = Health::default();
        let registry = Registry::open(&config.registry()).await?;
        let journal = Journal::open(JournalOptions {
            path: config.data.join("journal"),
            segment_bytes: config.journal.segment_mib << 20,
            max_bytes: config.journal.max_mib << 20,
            min_free_bytes: config.min_free_mib << 20,
            sync: config.journal.sync,
        })?;
        let decode = DecodeHost::start(config.decode_options())?;
        let plugins = {
            let store = Store::open(config.plugin_folder())?;
            let policy = config.plugin_policy().map_err(InstallError::Signature)?;
            let installer = Installer::new(decode.clone(), store, policy);
            Arc::new(Plugins::start(installer, decode.clone(), health.clone()))
        };

        let (engine, access) = engine(config).await?;
        let history = History::start(
            HistoryOptions {
                url: access.url.clone(),
                user: access.user.clone(),
                password: access.password.clone(),
                database: config.history.database.clone(),
                spool: config.data.join("spool"),
                batch_rows: config.history.batch_rows,
                batch_age: Duration::from_millis(config.history.batch_ms),
                max_spool_bytes: config.history.max_spool_mib << 20,
                // the other half is the embedded engine's
                min_free_bytes: (config.min_free_mib << 20) / 2,
            },
            journal.id(),
        )?;
        let from = history.resume_from(journal.first());
        let end = journal.durable();
        if from > end {
            return Err(StartError::JournalLost {
                journal: end,
                history: from,
            });
        }

        let latest = Arc::new(LatestStore::new());
        let judging = config.device_options();
        let devices = DeviceDirectory::start(judging.clone(), Arc::clone(&latest)).await?;
        let newest = history.newest().await?;
        tracing::info!(devices = newest.len(), from = %from, to = %end, "rebuilding latest positions");
        for row in &newest {
            devices.restore(row);
        }
        drop(newest);
        let options = PipelineOptions {
            keep_raw: config.history.raw,
            ..PipelineOptions::default()
        };
        let states = States::open(&config.data.join("states.db")).await?;
        pipeline::recall(&journal, &decode, &registry, &states, from).await?;
        let rooms = Rooms {
            journal: journal.clone(),
            decode: decode.clone(),
            devices: devices.clone(),
            registry: registry.clone(),
            history: history.clone(),
            states,
        };
        let pipeline = Pipeline::start(rooms, from, &options, health.clone());
        pipeline.wait_applied(end).await?;

        let metrics = Arc::new(parking_lot::Mutex::new(
            prometheus_client::registry::Registry::default(),
        ));
        let broker = Broker::start(
            BrokerOptions {
                listen: config.mqtt.listen,
                max_connections: config.mqtt.max_connections,
                max_packet_bytes: config.mqtt.max_packet_bytes,
                connect_timeout: Duration::from_secs(config.mqtt.connect_timeout_s),
                max_inflight: config.mqtt.max_inflight,
            },
            journal.clone(),
            registry.clone(),
            &decode.manifests(),
            health.clone(),
        )
        .await?;
        {
            let mut table = metrics.lock();
            health.register(&mut table);
            journal.metrics().register(&mut table);
            broker.metrics().register(&mut table);
            decode.metrics().register(&mut table);
            devices.metrics().register(&mut table);
            pipeline.metrics().register(&mut table);
            history.metrics().register(&mut table);
        }
        let stop = CancellationToken::new();
        let ingest = Ingest::new(journal.clone());
        let dead_letters = DeadLetters::new(history.letters(), ingest.clone());
        let corrections = Corrections::new(history.positions(), ingest.clone(), Arc::clone(&latest));
        let release = tokio::spawn(release_held(
            registry.clone(),
            history.clone(),
            dead_letters.clone(),
        ));
        let redecode = Redecoder::start(
            redecode::Rooms {
                history: history.clone(),
                decode: decode.clone(),
                registry: registry.clone(),
                corrections: corrections.clone(),
                ingest: ingest.clone(),
                devices: judging,
            },
            config.data.join("redecode"),
        )?;
        redecode.metrics().register(&mut metrics.lock());
        let endpoint = routes(Rest {
            registry: registry.clone(),
            presence: Box::new(corrections.clone()),
            limits: limits(&config.rest),
            ingest,
            corrections,
            tracks: history.tracks(),
            dead_letters,
            redecode: redecode.clone(),
            decode: decode.clone(),
            plugins: Arc::clone(&plugins),
            latest,
            health: health.clone(),
            started: fixstream_core::clock::now(),
            metrics,
        });
        let closing = stop.clone();
        let rest = tokio::spawn(
            poem::Server::new_with_acceptor(acceptor)
                .name("fixstream")
                .run_with_graceful_shutdown(
                    cors(endpoint, &config.rest.cors_origins),
                    async move { closing.cancelled().await },
                    Some(Duration::from_millis(300)),
                ),
        );
        plugins.tell(&broker);
        let watch = tokio::spawn(watch(Watch {
            plugins,
            registry: registry.clone(),
            journal: journal.clone(),
            history: history.clone(),
            health: health.clone(),
        }));
        tracing::info!(mqtt = %broker.address(), rest = %rest_address, clickhouse = %access.url, "fixstream is up");
        Ok(Self {
            registry,
            journal,
            decode,
            devices,
            history,
            pipeline,
            broker,
            engine,
            access,
            rest_address,
            rest,
            watch,
            release,
            redecode,
            stop,
            health,
            _lock: lock,
        })
    }

    /// Where devices connect.
    pub fn mqtt_address(&self) -> SocketAddr {
        self.broker.address()
    }

    /// Where REST clients connect.
    pub fn rest_address(&self) -> SocketAddr {
        self.rest_address
    }

    /// How to reach ClickHouse.
    pub fn clickhouse(&self) -> &Access {
        &self.access
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// How far history is behind.
    pub fn lag(&self) -> Lag {
        self.history.lag()
    }

    /// Journal records written and applied so far.
    pub fn progress(&self) -> (Offset, Offset) {
        (self.journal.durable(), self.pipeline.applied())
    }

    /// Device connections now.
    pub fn connections(&self) -> usize {
        self.broker.connections()
    }

    /// The state of all parts.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Stops everything in the order of the data, so that nothing acknowledged is left behind unsealed.
    /// Takes at most about five seconds; what ClickHouse did not take yet waits in the spool.
    pub async fn stop(self) {
        self.redecode.close();
        self.stop.cancel();
        self.watch.abort();
        self.release.abort();
        // both doors at once
        let ((), rest) = tokio::join!(self.broker.stop(Duration::from_millis(500)), self.rest);
        match rest {
            Ok(Err(error)) => tracing::warn!(%error, "the REST server ended with an error"),
            Err(error) => tracing::warn!(%error, "the REST server failed"),
            Ok(Ok(())) => {}
        }
        tracing::debug!("doors closed");
        if tokio::time::timeout(Duration::from_secs(1), self.pipeline.stop())
            .await
            .is_err()
        {
            tracing::warn!(
                "the pipeline did not run empty in time; the rest is replayed from the journal at the next start"
            );
        }
        self.devices.drain(Duration::from_millis(500)).await;
        tracing::debug!("pipeline empty");
        self.history.stop(Duration::from_secs(1)).await;
        self.journal.close();
        self.decode.stop();
        tracing::debug!("history sealed");
        if let Some(engine) = &self.engine {
            engine.stop().await;
        }
        tracing::info!("fixstream has stopped");
    }
}

/// Whether the embedded ClickHouse can have its port. Where one `ran_before`, that may still be with it: when a hub is
/// killed, its engine sees that it is alone and ends, but needs a moment longer than the next hub to get here.
async fn probe_clickhouse(address: SocketAddr, ran_before: bool) -> Result<(), StartError> {
    let began = tokio::time::Instant::now();
    let mut said = false;
    loop {
        let probed = probe(address, "clickhouse.http_port");
        if probed.is_ok() || !ran_before || began.elapsed() >= ENGINE_ENDS {
            return probed;
        }
        if !std::mem::replace(&mut said, true) {
            tracing::info!(%address, "the port of ClickHouse is taken, waiting for an earlier engine to end");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether `address` can be bound now.
fn probe(address: SocketAddr, what: &'static str) -> Result<(), StartError> {
    match std::net::TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(source) => Err(StartError::Port {
            address,
            what,
            source,
        }),
    }
}

/// Creates the data folder and takes its lock.
fn lock(data: &Path) -> Result<File, StartError> {
    let error = |path: &Path| {
        let path = path.to_owned();
        move |source| StartError::Data { path, source }
    };
    std::fs::create_dir_all(data).map_err(error(data))?;
    let path = data.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(error(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::InUse(data.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(StartError::Data { path, source }),
    }
}

/// The ClickHouse to write to: the configured one, else the embedded engine.
async fn engine(config: &Config) -> Result<(Option<Engine>, Access), StartError> {
    if !config.history.url.is_empty() {
        let access = Access {
            url: config.history.url.clone(),
            user: config.history.user.clone(),
            password: config.history.password.clone(),
            analyst_user: config.history.user.clone(),
            analyst_password: String::new(),
        };
        return Ok((None, access));
    }
    let engine = Engine::start(EngineOptions {
        library: (!config.clickhouse.library.as_os_str().is_empty())
            .then(|| config.clickhouse.library.clone()),
        data: config.data.join("clickhouse"),
        http_port: config.clickhouse.http_port,
        tcp_port: (config.clickhouse.tcp_port != 0).then_some(config.clickhouse.tcp_port),
        max_memory: config.clickhouse.max_memory_mib << 20,
    })
    .await?;
    let access = engine.access().clone();
    Ok((Some(engine), access))
}

struct Watch {
    plugins: Arc<Plugins>,
    registry: Registry,
    journal: Journal,
    history: History,
    health: Health,
}

/// Follows what changes outside: plugins installed, registry changed by `fixstream admin`, disk and
/// ClickHouse in trouble.
async fn watch(at: Watch) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        if at.plugins.may_have_changed() {
            let plugins = Arc::clone(&at.plugins);
            // compiling takes a while: not on an async worker
            if tokio::task::spawn_blocking(move || plugins.follow())
                .await
                .is_err()
            {
                tracing::error!("following the installed plugins failed");
            }
        }
        if let Err(error) = at.registry.refresh().await {
            tracing::warn!(%error, "registry not refreshed");
        }
        // the gauges follow: age grows also while nothing moves
        at.history.lag();
        at.health.set(
            "journal",
            at.journal.refusing().map_or(Condition::Ok, Condition::Down),
        );
        at.health.set(
            "history",
            at.history.trouble().map_or(Condition::Ok, Condition::Degraded),
        );
    }
}
