//! The handle to all plugins.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

use super::PluginError;
use super::breaker::BreakerOptions;
use super::bundle::Bundle;
use super::cache::Cache;
use super::engine::Sandbox;
use super::manifest::Manifest;
use super::message::{Batch, Failure, FailureKind, Input, Outcome};
use super::metrics::{DecodeMetrics, PluginMetrics};
use super::pinned::{KeptVersion, Pinned, Shelf, restock};
use super::plugin::{Code, Plugin, PluginInfo};
use super::queue::{Job, Queue};
use super::split::split;
use super::trial::Trial;
use super::worker::{self, KEPT_INSTANCES, Shared};

/// Sandboxes beyond those that the workers keep: for loads.
const SPARE_INSTANCES: u32 = 16;
const MAX_WORKERS: usize = 256;

/// Options of the decode host.
#[derive(Debug, Clone)]
pub struct DecodeOptions {
    /// Folder for compiled components (mode 0700; trusted only from here).
    pub cache: PathBuf,
    /// Decoding threads; 0 = one per core.
    pub workers: usize,
    /// Upper bounds for what manifests ask.
    pub max_memory_mib: u32,
    /// CPU time per call, milliseconds, at most.
    pub max_cpu_ms: u32,
}

impl DecodeOptions {
    /// A thread per core, 64 MiB and 100 ms at most.
    pub fn new(cache: PathBuf) -> Self {
        Self {
            cache,
            workers: 0,
            max_memory_mib: 64,
            max_cpu_ms: 100,
        }
    }
}

/// What normally stays as it is; tests shorten it.
#[derive(Debug, Clone, Copy, Default)]
pub struct DecodeTuning {
    /// When a plugin is taken out of service.
    pub breaker: BreakerOptions,
    /// Every decoder is asked in records, also those that can do with blocks of bytes.
    pub records_only: bool,
}

/// The host of all plugins. Cheap to clone; the last clone stops the workers.
#[derive(Clone)]
pub struct DecodeHost {
    inner: Arc<Inner>,
}

struct Inner {
    options: DecodeOptions,
    tuning: DecodeTuning,
    workers: usize,
    metrics: DecodeMetrics,
    shared: Arc<Shared>,
    /// By name. Read for every batch, replaced as a whole.
    slots: ArcSwap<HashMap<String, Arc<Slot>>>,
    /// Versions for those who pin them. Replaced as a whole.
    shelf: ArcSwap<Shelf>,
    loads: Mutex<Loads>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Held while a plugin is put into service or taken out.
#[derive(Default)]
struct Loads {
    lanes: u64,
    /// By name; survives an unload, so that a generation never comes twice.
    generations: HashMap<String, u64>,
}

/// A name under which a plugin is in service.
pub(super) struct Slot {
    lane: u64,
    current: ArcSwap<Plugin>,
    /// Jobs that may wait or run; further callers wait in line.
    permits: Arc<Semaphore>,
    metrics: PluginMetrics,
}

impl DecodeHost {
    /// Starts the engine, the ticker and the worker threads.
    pub fn start(options: DecodeOptions) -> Result<Self, PluginError> {
        Self::start_with(options, DecodeTuning::default())
    }

    /// Like [`DecodeHost::start`], with other timings of the breaker.
    pub fn start_with(options: DecodeOptions, tuning: DecodeTuning) -> Result<Self, PluginError> {
        let refuse = |what: &str| PluginError::Start {
            what: what.to_owned(),
        };
        if options.workers > MAX_WORKERS {
            return Err(refuse("workers must be 0 (one per core) to 256"));
        }
        if !(1..=1024).contains(&options.max_memory_mib) {
            return Err(refuse("max_memory_mib must be 1 to 1024"));
        }
        if !(1..=10_000).contains(&options.max_cpu_ms) {
            return Err(refuse("max_cpu_ms must be 1 to 10000"));
        }
        let workers = match options.workers {
            0 => std::thread::available_parallelism()
                .map_or(1, usize::from)
                .min(MAX_WORKERS),
            count => count,
        };
        let metrics = DecodeMetrics::default();
        let slots = workers as u32 * KEPT_INSTANCES + SPARE_INSTANCES;
        let memory = options.max_memory_mib as usize * (1 << 20);
        let cache = Cache::open(&options.cache);
        let sandbox = Sandbox::start(slots, memory, cache, metrics.clone(), !tuning.records_only)?;
        let queue = Queue::new(metrics.waiting().clone());
        let shared = Arc::new(Shared {
            sandbox,
            queue,
            started: Instant::now(),
        });
        let host = Self {
            inner: Arc::new(Inner {
                options,
                tuning,
                workers,
                metrics,
                shared: Arc::clone(&shared),
                slots: ArcSwap::default(),
                shelf: ArcSwap::default(),
                loads: Mutex::default(),
                threads: Mutex::default(),
            }),
        };
        for number in 0..workers {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new()
                .name(format!("decode-{number}"))
                .spawn(move || worker::run(&shared))
                // those that run already are stopped by the drop of `host`
                .map_err(|error| refuse(&format!("no thread for a worker: {error}")))?;
            host.inner.threads.lock().push(thread);
        }
        Ok(host)
    }

    /// Loads a bundle (folder with `plugin.toml` and its component) and puts it into service, as
    /// [`DecodeHost::put`] does.
    pub fn load(&self, bundle: &Path) -> Result<Arc<Manifest>, PluginError> {
        self.put(&Bundle::read(bundle)?)
    }

    /// Puts a bundle into service; a running version of the same name is replaced between batches, and its breaker
    /// starts anew. Blocks while it compiles; decoding goes on meanwhile.
    pub fn put(&self, bundle: &Bundle) -> Result<Arc<Manifest>, PluginError> {
        let inner = &*self.inner;
        let code = Code::load(&inner.shared.sandbox, &inner.options, bundle)?;
        let manifest = Arc::clone(&code.manifest);

        let mut loads = inner.loads.lock();
        let generation = loads.generations.entry(manifest.name.clone()).or_insert(0);
        *generation += 1;
        let generation = *generation;
        let sha256 = code.sha256.clone();
        let running = inner.slots.load().get(&manifest.name).map(Arc::clone);
        if let Some(slot) = running {
            let plugin = Plugin::new(
                code,
                slot.lane,
                generation,
                inner.tuning.breaker,
                slot.metrics.clone(),
            );
            slot.current.swap(Arc::new(plugin)).retire();
        } else {
            let lane = loads.next_lane();
            let metrics = inner.metrics.of_plugin(&manifest.name);
            let slot = inner.slot_for(code, lane, generation, metrics);
            let mut slots = HashMap::clone(&inner.slots.load());
            slots.insert(manifest.name.clone(), Arc::new(slot));
            inner.slots.store(Arc::new(slots));
        }
        drop(loads);
        tracing::info!(plugin = manifest.name, version = %manifest.version, sha256, generation, "plugin is in service");
        Ok(manifest)
    }

    /// Reads, compiles and tries a bundle without putting it into service.
    pub fn check(&self, bundle: &Path) -> Result<PluginInfo, PluginError> {
        let code = Code::load(
            &self.inner.shared.sandbox,
            &self.inner.options,
            &Bundle::read(bundle)?,
        )?;
        Ok(PluginInfo {
            manifest: code.manifest,
            sha256: code.sha256,
            generation: 0,
            breaker: super::BreakerState::Closed,
        })
    }

    /// Compiles a bundle to be tried before it is live. Blocks while it compiles.
    pub fn trial(&self, bundle: &Bundle) -> Result<Trial, PluginError> {
        let code = Code::load(&self.inner.shared.sandbox, &self.inner.options, bundle)?;
        Ok(Trial::new(Arc::clone(&self.inner.shared), code))
    }

    /// Says which versions are kept for those who pin them; all others are let go. One that runs already goes on
    /// running if its bytes are the same; the others are compiled when the first message asks for them.
    pub fn keep(&self, versions: Vec<KeptVersion>) {
        let _loads = self.inner.loads.lock();
        let (next, gone) = restock(&self.inner.shelf.load(), versions);
        self.inner.shelf.store(Arc::new(next));
        for slot in gone.iter().filter_map(|pinned| pinned.running()) {
            slot.current.load().retire();
            slot.metrics.set_generation(0);
        }
    }

    /// Takes a plugin out. Batches that are running or waiting are still decoded by it.
    pub fn unload(&self, name: &str) -> bool {
        let _loads = self.inner.loads.lock();
        let mut slots = HashMap::clone(&self.inner.slots.load());
        let Some(slot) = slots.remove(name) else {
            return false;
        };
        self.inner.slots.store(Arc::new(slots));
        slot.current.load().retire();
        slot.metrics.set_generation(0);
        tracing::info!(plugin = name, "plugin was taken out of service");
        true
    }

    /// The manifest of a loaded plugin.
    pub fn manifest(&self, name: &str) -> Option<Arc<Manifest>> {
        self.slot(name)
            .map(|slot| Arc::clone(&slot.current.load().code.manifest))
    }

    /// All loaded plugins, by name.
    pub fn manifests(&self) -> Vec<Arc<Manifest>> {
        self.plugins().into_iter().map(|info| info.manifest).collect()
    }

    /// All loaded plugins, by name, with their state.
    pub fn plugins(&self) -> Vec<PluginInfo> {
        let mut all: Vec<PluginInfo> = self
            .inner
            .slots
            .load()
            .values()
            .map(|slot| slot.current.load().info())
            .collect();
        all.sort_by(|a, b| a.manifest.name.cmp(&b.manifest.name));
        all
    }

    /// A loaded plugin and its state.
    pub fn plugin(&self, name: &str) -> Option<PluginInfo> {
        self.slot(name).map(|slot| slot.current.load().info())
    }

    /// What this room counts.
    pub fn metrics(&self) -> DecodeMetrics {
        self.inner.metrics.clone()
    }

    /// The manifest by which a message was decoded: `label` is its [`Batch::plugin`]. That of the active version
    /// where this one is not here any more; `None` where there is none of that name.
    pub fn manifest_of(&self, label: &str) -> Option<Arc<Manifest>> {
        let (name, version) = label.split_once('@').unwrap_or((label, ""));
        let manifest = |slot: &Slot| Arc::clone(&slot.current.load().code.manifest);
        let active = self.slot(name);
        let is_active = active
            .as_ref()
            .is_some_and(|slot| *slot.current.load().label == *label);
        if !is_active
            && let Some(slot) = self
                .pinned(name, version)
                .and_then(|pinned| pinned.running().cloned())
        {
            return Some(manifest(&slot));
        }
        active.map(|slot| manifest(&slot))
    }

    /// Decodes messages of one vendor; never fails as a whole. Splits into batches, spreads them over the
    /// workers. All of them are decoded by the same version. Waits while the vendor has more jobs
    /// waiting than its share; other vendors are not affected by that.
    pub async fn decode(&self, vendor: &str, inputs: Vec<Input>) -> Batch {
        match self.slot(vendor) {
            Some(slot) => self.decode_by(&slot, inputs).await,
            None => self.without_plugin(inputs.len(), format!("no plugin named {vendor:?} is in service")),
        }
    }

    /// Like [`DecodeHost::decode`], by the version that `pin` says, else by the active one. A version that is not
    /// kept decodes nothing: another one was just what the pin rules out.
    pub async fn decode_pinned(&self, vendor: &str, pin: Option<&str>, inputs: Vec<Input>) -> Batch {
        let Some(version) = pin else {
            return self.decode(vendor, inputs).await;
        };
        if let Some(slot) = self.slot(vendor) {
            let current = slot.current.load_full();
            if current.version == version {
                return self.decode_by_version(&slot, current, inputs).await;
            }
        }
        let Some(pinned) = self.pinned(vendor, version) else {
            let detail = format!("version {version} of plugin {vendor:?} is pinned, but not installed");
            return self.without_plugin(inputs.len(), detail);
        };
        match pinned.slot.get_or_init(|| self.start_pinned(&pinned)).await {
            Ok(slot) => self.decode_by(slot, inputs).await,
            Err(why) => self.without_plugin(inputs.len(), why.clone()),
        }
    }

    async fn decode_by(&self, slot: &Slot, inputs: Vec<Input>) -> Batch {
        self.decode_by_version(slot, slot.current.load_full(), inputs)
            .await
    }

    async fn decode_by_version(&self, slot: &Slot, plugin: Arc<Plugin>, inputs: Vec<Input>) -> Batch {
        let count = inputs.len();
        let now = self.inner.shared.now();
        if plugin.breaker(|breaker| breaker.refuses(now)) {
            plugin.metrics.count_refused(count as u64);
            return Batch {
                plugin: Arc::clone(&plugin.label),
                outcomes: vec![worker::out_of_service(); count],
            };
        }
        let mut pending = Vec::new();
        for inputs in split(inputs, plugin.code.quota.batch, self.inner.workers) {
            let size = inputs.len();
            let (reply, answer) = oneshot::channel();
            // the semaphore is never closed
            if let Ok(permit) = Arc::clone(&slot.permits).acquire_owned().await {
                let job = Job {
                    plugin: Arc::clone(&plugin),
                    inputs,
                    reply,
                    permit,
                };
                // a job that is refused drops its end of the channel, as one does that panics
                let _ = self.inner.shared.queue.push(job);
            }
            pending.push((size, answer));
        }
        let mut outcomes = Vec::with_capacity(count);
        for (size, answer) in pending {
            match answer.await {
                Ok(answers) if answers.len() == size => outcomes.extend(answers),
                _ => {
                    let failure = Failure::new(FailureKind::OutOfService, "the decode host is stopping");
                    outcomes.resize(outcomes.len() + size, Outcome::Failed(failure));
                }
            }
        }
        Batch {
            plugin: Arc::clone(&plugin.label),
            outcomes,
        }
    }

    fn without_plugin(&self, count: usize, why: String) -> Batch {
        self.inner.metrics.count_without_plugin(count as u64);
        Batch {
            plugin: Arc::from(""),
            outcomes: vec![Outcome::Failed(Failure::new(FailureKind::NoPlugin, why)); count],
        }
    }

    /// Compiles a kept version for those who pin it. It has a lane, a breaker and numbers of its own.
    async fn start_pinned(&self, pinned: &Pinned) -> Result<Arc<Slot>, String> {
        let (inner, version) = (Arc::clone(&self.inner), pinned.version.clone());
        let label = format!("{}@{}", version.name, version.version);
        let started = tokio::task::spawn_blocking(move || {
            let bundle = Bundle::read(&version.folder).map_err(|error| error.to_string())?;
            if bundle.sums() != version.sums {
                return Err(format!("{} was changed on disk", version.folder.display()));
            }
            let code = Code::load(&inner.shared.sandbox, &inner.options, &bundle)
                .map_err(|error| error.to_string())?;
            let mut loads = inner.loads.lock();
            let lane = loads.next_lane();
            let generation = loads.generations.entry(label.clone()).or_insert(0);
            *generation += 1;
            let generation = *generation;
            drop(loads);
            let metrics = inner.metrics.of_plugin(&label);
            Ok(Arc::new(inner.slot_for(code, lane, generation, metrics)))
        })
        .await
        .unwrap_or_else(|_| Err("it could not be started".into()));
        let label = format!("{}@{}", pinned.version.name, pinned.version.version);
        match &started {
            Ok(_) => tracing::info!(plugin = label, "a pinned version is in service"),
            Err(why) => tracing::error!(plugin = label, why, "a pinned version can not be started"),
        }
        started
    }

    /// Stops the workers after what waits is decoded. Blocks until then; later batches are
    /// `OutOfService`.
    pub fn stop(&self) {
        self.inner.stop();
    }

    fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        self.inner.slots.load().get(name).map(Arc::clone)
    }

    fn pinned(&self, name: &str, version: &str) -> Option<Arc<Pinned>> {
        self.inner.shelf.load().get(name)?.get(version).map(Arc::clone)
    }
}

impl Loads {
    fn next_lane(&mut self) -> u64 {
        self.lanes += 1;
        self.lanes
    }
}

impl Inner {
    fn slot_for(&self, code: Code, lane: u64, generation: u64, metrics: PluginMetrics) -> Slot {
        let plugin = Plugin::new(code, lane, generation, self.tuning.breaker, metrics.clone());
        Slot {
            lane,
            current: ArcSwap::from_pointee(plugin),
            permits: Arc::new(Semaphore::new((self.workers * 4).max(8))),
            metrics,
        }
    }

    fn stop(&self) {
        self.shared.queue.close();
        for thread in std::mem::take(&mut *self.threads.lock()) {
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}
