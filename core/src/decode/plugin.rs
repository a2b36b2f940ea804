//! A plugin in memory: compiled, checked, ready to be set up by any worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};

use super::PluginError;
use super::breaker::{Breaker, BreakerOptions, BreakerState};
use super::bundle::Bundle;
use super::engine::Sandbox;
use super::host::DecodeOptions;
use super::instance::{Entry, Instance, Quota};
use super::manifest::Manifest;
use super::message::FailureKind;
use super::metrics::PluginMetrics;

/// A loaded plugin, for people and for the registry.
#[derive(Debug, Clone)]
pub struct PluginInfo {
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// SHA-256 of the component, 64 hexadecimal digits.
    pub sha256: String,
    /// How often a plugin of this name was put into service since the start; 0: only checked.
    pub generation: u64,
    /// Whether it is in service.
    pub breaker: BreakerState,
}

/// Code and manifest of one plugin version.
pub(super) struct Code {
    pub(super) manifest: Arc<Manifest>,
    pub(super) sha256: String,
    pub(super) quota: Quota,
    pub(super) entry: Entry,
}

impl Code {
    /// Compiles and tries a bundle. Takes up to seconds; nothing else waits for it.
    pub(super) fn load(
        sandbox: &Sandbox,
        options: &DecodeOptions,
        bundle: &Bundle,
    ) -> Result<Self, PluginError> {
        let path = bundle.path.join(&bundle.manifest.component);
        let refuse = |what: String| PluginError::Refused {
            path: path.clone(),
            what,
        };
        let component = sandbox
            .compile(&bundle.component, &bundle.sha256)
            .map_err(|error| refuse(format!("can not be compiled: {error:#}")))?;
        check_interface(sandbox.engine(), &component).map_err(refuse)?;
        let entry = Linker::new(sandbox.engine())
            .instantiate_pre(&component)
            .and_then(|pre| Entry::new(pre, sandbox.packs))
            .map_err(|error| refuse(format!("does not have the decoder's interface: {error:#}")))?;

        let manifest = bundle.manifest.clone();
        let asked = manifest.limits;
        let mut quota = Quota {
            cpu: Duration::from_millis(asked.cpu_ms.min(options.max_cpu_ms).into()),
            memory: asked.memory_mib.min(options.max_memory_mib) as usize * (1 << 20),
            batch: asked.batch as usize,
        };
        if asked.cpu_ms > options.max_cpu_ms || asked.memory_mib > options.max_memory_mib {
            tracing::warn!(
                plugin = manifest.name,
                asked_cpu_ms = asked.cpu_ms,
                max_cpu_ms = options.max_cpu_ms,
                asked_memory_mib = asked.memory_mib,
                max_memory_mib = options.max_memory_mib,
                "plugin asks for more than the configuration allows"
            );
        }
        let (_, description) = Instance::new(sandbox, &entry, &quota).map_err(|failure| {
            refuse(format!(
                "can not be started: {} ({})",
                failure.detail, failure.kind
            ))
        })?;
        let version = manifest.version.to_string();
        if description.name != manifest.name || description.version != version {
            return Err(refuse(format!(
                "says that it is {:?} version {:?}, but its manifest says {:?} version {version:?}",
                description.name, description.version, manifest.name
            )));
        }
        quota.batch = quota.batch.min(description.max_batch.max(1) as usize);
        Ok(Self {
            manifest: Arc::new(manifest),
            sha256: hex::encode(bundle.sha256),
            quota,
            entry,
        })
    }
}

/// Refuses what could reach out of the sandbox and what speaks another version of the contract.
fn check_interface(engine: &Engine, component: &Component) -> Result<(), String> {
    let interface = component.component_type();
    // a component that uses the contract's types imports an instance of nothing but types
    for (name, item) in interface.imports(engine) {
        let only_types = match item.ty {
            ComponentItem::ComponentInstance(instance) => instance
                .exports(engine)
                .all(|(_, item)| matches!(item.ty, ComponentItem::Type(_))),
            _ => false,
        };
        if !only_types {
            return Err(format!(
                "it imports {name}; a decoder may import nothing (build it for wasm32-unknown-unknown, without WASI)"
            ));
        }
    }
    for wanted in ["plugin", "decode"] {
        let prefix = format!("fixstream:decoder/{wanted}@");
        let version = interface
            .exports(engine)
            .find_map(|(name, _)| name.strip_prefix(&prefix).map(semver::Version::parse))
            .ok_or_else(|| format!("it does not export fixstream:decoder/{wanted}"))?
            .map_err(|error| {
                format!("it exports fixstream:decoder/{wanted} in an unreadable version: {error}")
            })?;
        if version.major != 1 {
            return Err(format!(
                "it speaks version {version} of the contract, this program speaks 1.x"
            ));
        }
    }
    Ok(())
}

/// A plugin version in service.
pub(super) struct Plugin {
    pub(super) code: Code,
    /// `teltonika@1.0.0`.
    pub(super) label: Arc<str>,
    /// `1.0.0`.
    pub(super) version: String,
    /// Which plugin it is a version of.
    pub(super) lane: u64,
    pub(super) generation: u64,
    pub(super) metrics: PluginMetrics,
    breaker: Mutex<Breaker>,
    retired: AtomicBool,
}

impl Plugin {
    pub(super) fn new(
        code: Code,
        lane: u64,
        generation: u64,
        breaker: BreakerOptions,
        metrics: PluginMetrics,
    ) -> Self {
        let version = code.manifest.version.to_string();
        let label = format!("{}@{version}", code.manifest.name).into();
        metrics.set_generation(generation);
        metrics.set_breaker(BreakerState::Closed.gauge());
        Self {
            code,
            label,
            version,
            lane,
            generation,
            metrics,
            breaker: Mutex::new(Breaker::new(breaker)),
            retired: AtomicBool::new(false),
        }
    }

    pub(super) fn info(&self) -> PluginInfo {
        PluginInfo {
            manifest: Arc::clone(&self.code.manifest),
            sha256: self.code.sha256.clone(),
            generation: self.generation,
            breaker: self.breaker.lock().state(),
        }
    }

    /// Reads or moves the breaker; the gauge follows.
    pub(super) fn breaker<R>(&self, act: impl FnOnce(&mut Breaker) -> R) -> R {
        let mut breaker = self.breaker.lock();
        let before = breaker.state();
        let result = act(&mut breaker);
        let after = breaker.state();
        if before != after && !self.is_retired() {
            self.metrics.set_breaker(after.gauge());
        }
        result
    }

    /// Counts a fault of the plugin, and says so when it is the last straw.
    pub(super) fn fault(&self, now: Duration, kind: FailureKind, detail: &str) {
        if self.breaker(|breaker| breaker.failed(now)) {
            tracing::warn!(
                plugin = &*self.label,
                sha256 = self.code.sha256,
                %kind,
                detail,
                "plugin keeps failing and is out of service for a while"
            );
        }
    }

    /// Another version took over, or the plugin was taken out.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }
}
