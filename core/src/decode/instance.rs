//! A sandbox that is set up and can decode: one per worker and plugin version, kept between batches.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::component::InstancePre;
use wasmtime::{ResourceLimiter, Store, StoreLimits, StoreLimitsBuilder, Trap, UpdateDeadline};

use super::convert::{self, MAX_DECLARED_KEYS, MAX_WARNINGS, is_key};
use super::engine::{CORE_INSTANCES, Sandbox, TABLE_ELEMENTS, TABLES};
use super::message::{Failure, FailureKind, Input, Outcome};
use super::packed;
use super::split::MAX_JOB_BYTES;
use super::wit::packed_v1::{Packed, PackedIndices};
use super::wit::v1::fixstream::decoder::types as wit;
use super::wit::v1::{Decoder, DecoderIndices};

/// What a call gives.
#[derive(Debug)]
pub(super) struct Answers {
    /// One per message.
    pub(super) outcomes: Vec<Outcome>,
    pub(super) warnings: u64,
}

/// What one plugin may use, after the host's options have capped what its manifest asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quota {
    /// CPU time of a message alone, and of a full batch; see [`Quota::budget`].
    pub(super) cpu: Duration,
    /// Linear memory, bytes.
    pub(super) memory: usize,
    /// Messages in a call.
    pub(super) batch: usize,
}

/// CPU time that any call has: below some ticks the clock says little, and a new instance first has to get its pages.
const LEAST_BUDGET: Duration = Duration::from_millis(2);

impl Quota {
    /// CPU time of a call with so many messages and payload bytes: as large a part of the quota as they are of a full
    /// batch, by messages or by bytes, so that a loop in a small batch is found out early. A message alone has the
    /// whole quota: no batch gives it more than it has by itself, so it can't pass in company and fail on a replay.
    pub(super) fn budget(&self, messages: usize, bytes: usize) -> Duration {
        if messages <= 1 {
            return self.cpu;
        }
        let by_messages = messages as f64 / self.batch.max(1) as f64;
        let by_bytes = bytes as f64 / MAX_JOB_BYTES as f64;
        let part = by_messages.max(by_bytes).min(1.0);
        self.cpu.mul_f64(part).max(LEAST_BUDGET).min(self.cpu)
    }

    /// Bytes that the host may allocate for the answer to one call. The guest's own memory is no bound
    /// for that, because lists in it may overlap.
    fn answer_bytes(&self) -> usize {
        ((64 << 10) * self.batch + (1 << 20)).max(8 << 20)
    }
}

/// What a store carries: the limits, what was used of them, and the CPU time of the call that is running.
pub(super) struct Guard {
    limits: StoreLimits,
    /// Linear memory that it was given, bytes.
    memory: usize,
    budget: Duration,
    /// The thread's CPU clock at the first tick in the running call.
    since: Option<Duration>,
}

impl ResourceLimiter for Guard {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = self.limits.memory_growing(current, desired, maximum)?;
        if granted {
            self.memory = self.memory.max(desired);
        }
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.limits.table_growing(current, desired, maximum)
    }

    fn instances(&self) -> usize {
        self.limits.instances()
    }

    fn tables(&self) -> usize {
        self.limits.tables()
    }

    fn memories(&self) -> usize {
        self.limits.memories()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the CPU budget of {0:?} is used up")]
struct DeadlineExceeded(Duration);

/// What the plugin says about itself.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) max_batch: u32,
}

/// Compiled code, and where its functions are.
pub(super) struct Entry {
    code: InstancePre<Guard>,
    decoder: DecoderIndices,
    /// `None`: the decoder has no block form, or it is not wanted.
    packed: Option<PackedIndices>,
}

impl Entry {
    pub(super) fn new(code: InstancePre<Guard>, packs: bool) -> wasmtime::Result<Self> {
        Ok(Self {
            decoder: DecoderIndices::new(&code)?,
            packed: packs.then(|| PackedIndices::new(&code).ok()).flatten(),
            code,
        })
    }

    fn instantiate(&self, store: &mut Store<Guard>) -> wasmtime::Result<(Decoder, Option<Packed>)> {
        let instance = self.code.instantiate(&mut *store)?;
        let decoder = self.decoder.load(&mut *store, &instance)?;
        let packed = self.packed.as_ref();
        let packed = packed
            .map(|packed| packed.load(&mut *store, &instance))
            .transpose()?;
        Ok((decoder, packed))
    }
}

pub(super) struct Instance {
    store: Store<Guard>,
    decoder: Decoder,
    packed: Option<Packed>,
    /// Kept, so that a batch need not make it anew.
    block: Vec<u8>,
    keys: Vec<String>,
    decoded: u64,
}

impl Instance {
    /// Sets a sandbox up and asks it to describe itself.
    pub(super) fn new(
        sandbox: &Sandbox,
        code: &Entry,
        quota: &Quota,
    ) -> Result<(Self, Description), Failure> {
        let limits = StoreLimitsBuilder::new()
            .memory_size(quota.memory)
            .memories(1)
            .tables(TABLES as usize)
            .table_elements(TABLE_ELEMENTS)
            .instances(CORE_INSTANCES as usize)
            .build();
        let mut store = Store::new(
            sandbox.engine(),
            Guard {
                limits,
                memory: 0,
                budget: quota.cpu,
                since: None,
            },
        );
        store.limiter(|guard| guard);
        store.set_hostcall_fuel(quota.answer_bytes());
        store.epoch_deadline_callback(|mut context| {
            // an epoch is wall time, and on a busy machine an innocent call may wait through many of
            // them: what counts is the CPU time of this thread
            let now = thread_cpu_time();
            let guard = context.data_mut();
            let since = *guard.since.get_or_insert(now);
            if now.saturating_sub(since) < guard.budget {
                Ok(UpdateDeadline::Continue(1))
            } else {
                Err(wasmtime::Error::new(DeadlineExceeded(guard.budget)))
            }
        });
        let running = sandbox.running();
        store.set_epoch_deadline(1);
        let described = code.instantiate(&mut store).and_then(|(decoder, packed)| {
            let descriptor = decoder.fixstream_decoder_plugin().call_describe(&mut store)?;
            Ok((decoder, packed, descriptor))
        });
        drop(running);
        let (decoder, packed, descriptor) = described.map_err(|error| failure(&error))?;
        let keys = descriptor.attribute_keys;
        if keys.len() > MAX_DECLARED_KEYS || !keys.iter().all(|key| is_key(key)) {
            return Err(Failure::new(
                FailureKind::Contract,
                format!("at most {MAX_DECLARED_KEYS} attribute keys of 1 to 128 bytes may be declared"),
            ));
        }
        let description = Description {
            name: descriptor.name,
            version: descriptor.version,
            max_batch: descriptor.max_batch,
        };
        Ok((
            Self {
                store,
                decoder,
                packed,
                block: Vec::new(),
                keys,
                decoded: 0,
            },
            description,
        ))
    }

    /// Decodes messages within a CPU budget. After an error the instance is in an unknown state and must be dropped.
    pub(super) fn decode(
        &mut self,
        sandbox: &Sandbox,
        messages: &[Input],
        budget: Duration,
    ) -> Result<Answers, Failure> {
        self.decoded += messages.len() as u64;
        let guard = self.store.data_mut();
        guard.since = None;
        guard.budget = budget;
        if let Some(called) = &self.packed {
            packed::write(messages, &mut self.block);
            self.store.set_epoch_deadline(1);
            let running = sandbox.running();
            let answers = called
                .fixstream_packed_decode()
                .call_decode_packed(&mut self.store, &self.block);
            drop(running);
            let answers = answers.map_err(|error| failure(&error))?;
            let (outcomes, warnings) = packed::read(&answers, messages.len(), &self.keys)?;
            return Ok(Answers { outcomes, warnings });
        }
        let messages: Vec<wit::Message> = messages.iter().map(convert::message).collect();
        self.store.set_epoch_deadline(1);
        let running = sandbox.running();
        let answers = self
            .decoder
            .fixstream_decoder_decode()
            .call_decode_batch(&mut self.store, &messages);
        drop(running);
        let answers = answers.map_err(|error| failure(&error))?;
        if answers.len() != messages.len() {
            return Err(convert::miscounted(answers.len(), messages.len()));
        }
        let warned = |answer: &Result<wit::Decoded, _>| {
            answer
                .as_ref()
                .map_or(0, |decoded| decoded.warnings.len().min(MAX_WARNINGS) as u64)
        };
        let warnings = answers.iter().map(warned).sum();
        let outcomes = answers
            .into_iter()
            .map(|answer| convert::outcome(answer, &self.keys))
            .collect();
        Ok(Answers { outcomes, warnings })
    }

    /// Linear memory that it has, bytes.
    pub(super) fn memory(&self) -> usize {
        self.store.data().memory
    }

    /// Messages that it has seen.
    pub(super) fn decoded(&self) -> u64 {
        self.decoded
    }
}

/// CPU time that this thread has used.
pub(super) fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// What an error of a call means. Everything that is neither the deadline nor a trap went wrong while
/// the answer was read: too large, no UTF-8, pointers out of bounds.
fn failure(error: &wasmtime::Error) -> Failure {
    if let Some(exceeded) = error.downcast_ref::<DeadlineExceeded>() {
        Failure::new(FailureKind::Deadline, exceeded.to_string())
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        Failure::new(FailureKind::Trapped, trap.to_string())
    } else {
        Failure::new(FailureKind::Contract, format!("{error:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_a_budget_of_its_size_and_never_more_than_a_message_alone() {
        let quota = Quota {
            cpu: Duration::from_millis(10),
            memory: 0,
            batch: 64,
        };
        let micros = |messages, bytes| quota.budget(messages, bytes).as_micros();
        assert_eq!(micros(1, 10), 10_000);
        assert_eq!(micros(2, 10), 2_000);
        assert_eq!(micros(32, 10), 5_000);
        assert_eq!(micros(64, 10), 10_000);
        assert_eq!(micros(2, MAX_JOB_BYTES / 2), 5_000);
        assert_eq!(micros(500, 2 * MAX_JOB_BYTES), 10_000);
        let tight = Quota {
            cpu: Duration::from_millis(1),
            ..quota
        };
        assert_eq!(tight.budget(2, 10), tight.cpu);
    }
}
