//! The wasmtime engine: one per host, set up so that a guest has nothing but memory and CPU time.

use wasmtime::component::Component;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::PluginError;
use super::cache::{self, Cache};
use super::metrics::DecodeMetrics;
use super::ticker::{Running, Ticker};

/// Guest calls on the worker's own stack, at most.
const WASM_STACK: usize = 256 << 10;
/// Memory that a freed slot keeps, so that the next instance finds its pages there.
const KEEP_RESIDENT: usize = 128 << 10;
/// Entries of a table; decoders call few functions indirectly.
pub(super) const TABLE_ELEMENTS: usize = 8192;
/// Tables of an instance.
pub(super) const TABLES: u32 = 4;
/// Core instances that make up a component instance.
pub(super) const CORE_INSTANCES: u32 = 8;

/// Engine, epoch ticker and compiled code.
pub(super) struct Sandbox {
    engine: Engine,
    ticker: Ticker,
    cache: Cache,
    metrics: DecodeMetrics,
    /// Whether decoders that can are asked in blocks of bytes.
    pub(super) packs: bool,
}

impl Sandbox {
    /// `slots`: instances that may exist at once; `memory`: bytes of linear memory of each, at most.
    pub(super) fn start(
        slots: u32,
        memory: usize,
        cache: Cache,
        metrics: DecodeMetrics,
        packs: bool,
    ) -> Result<Self, PluginError> {
        let refuse = |what: String| PluginError::Start { what };
        let engine = match Engine::new(&pooled(slots, memory)) {
            Ok(engine) => engine,
            // containers and small machines may not have the address space
            Err(error) => {
                tracing::warn!(slots, %error, "no pool of plugin instances, memory is mapped for each");
                Engine::new(&config()).map_err(|error| refuse(format!("no WASM engine: {error:#}")))?
            }
        };
        let ticker = Ticker::start(engine.clone()).map_err(|error| refuse(format!("no thread: {error}")))?;
        Ok(Self {
            engine,
            ticker,
            cache,
            metrics,
            packs,
        })
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// To be held while guest code runs.
    pub(super) fn running(&self) -> Running<'_> {
        self.ticker.enter()
    }

    /// The compiled form of a component whose SHA-256 is given.
    pub(super) fn compile(&self, component: &[u8], sha256: &[u8; 32]) -> wasmtime::Result<Component> {
        let key = cache::key(sha256, &self.engine.precompile_compatibility_hash());
        if let Some(code) = self.cache.get(&key) {
            // SAFETY: `deserialize` runs the bytes as machine code and so needs bytes that this engine
            // serialised. These do: the file lies in a folder of mode 0700 and has mode 0600, both of
            // this user, its digest is right, and its name is derived from the component's digest and
            // the engine's settings, under which only `put` below stores.
            match unsafe { Component::deserialize(&self.engine, &code) } {
                Ok(component) => {
                    self.metrics.count_cache(true);
                    return Ok(component);
                }
                Err(error) => tracing::warn!(%error, "compiled plugin does not fit, compiling again"),
            }
        }
        self.metrics.count_cache(false);
        let compiled = Component::from_binary(&self.engine, component)?;
        match compiled.serialize() {
            Ok(code) => self.cache.put(&key, &code),
            Err(error) => tracing::warn!(%error, "compiled plugin can not be kept"),
        }
        Ok(compiled)
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        // the same bytes must give the same answer on every machine
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        // nobody reads a guest's backtrace, and poison messages would pay for it
        .wasm_backtrace_max_frames(None)
        .allocation_strategy(InstanceAllocationStrategy::OnDemand);
    config
}

fn pooled(slots: u32, memory: usize) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES))
        .max_core_instances_per_component(CORE_INSTANCES)
        .total_memories(slots)
        .max_memories_per_component(1)
        .max_memories_per_module(1)
        .max_memory_size(memory)
        .total_tables(slots.saturating_mul(TABLES))
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .table_elements(TABLE_ELEMENTS)
        .linear_memory_keep_resident(KEEP_RESIDENT);
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}
