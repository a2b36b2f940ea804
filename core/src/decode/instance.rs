//! A sandbox that is set up and can decode: one per worker and plugin version, kept between batches.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{ResourceLimiter, Store, StoreLimits, StoreLimitsBuilder, Trap, UpdateDeadline};

use super::convert::{MAX_DECLARED_KEYS, is_key};
use super::engine::{CORE_INSTANCES, Sandbox, TABLE_ELEMENTS, TABLES};
use super::message::{Failure, FailureKind};
use super::split::MAX_JOB_BYTES;
use super::wit::v1::fixstream::decoder::types as wit;
use super::wit::v1::{Decoder, DecoderPre};

/// Answers in the contract's words, one per message.
pub(super) type Answers = Vec<Result<wit::Decoded, wit::DecodeError>>;

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

pub(super) struct Instance {
    store: Store<Guard>,
    decoder: Decoder,
    keys: Vec<String>,
    decoded: u64,
}

impl Instance {
    /// Sets a sandbox up and asks it to describe itself.
    pub(super) fn new(
        sandbox: &Sandbox,
        code: &DecoderPre<Guard>,
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
        let described = code.instantiate(&mut store).and_then(|decoder| {
            let descriptor = decoder.fixstream_decoder_plugin().call_describe(&mut store)?;
            Ok((decoder, descriptor))
        });
        drop(running);
        let (decoder, descriptor) = described.map_err(|error| failure(&error))?;
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
        messages: &[wit::Message],
        budget: Duration,
    ) -> Result<Answers, Failure> {
        self.decoded += messages.len() as u64;
        let guard = self.store.data_mut();
        guard.since = None;
        guard.budget = budget;
        self.store.set_epoch_deadline(1);
        let running = sandbox.running();
        let answers = self
            .decoder
            .fixstream_decoder_decode()
            .call_decode_batch(&mut self.store, messages);
        drop(running);
        match answers {
            Ok(answers) if answers.len() == messages.len() => Ok(answers),
            Ok(answers) => Err(Failure::new(
                FailureKind::Contract,
                format!("{} answers for {} messages", answers.len(), messages.len()),
            )),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Names behind the declared attribute keys.
    pub(super) fn keys(&self) -> &[String] {
        &self.keys
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
