//! A decoding thread: takes jobs, keeps an instance per plugin, tries the messages of a failed batch one by one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::breaker::{Admission, BreakerState};
use super::engine::Sandbox;
use super::instance::{Answers, Instance, thread_cpu_time};
use super::message::{Failure, FailureKind, Input, Outcome};
use super::plugin::Plugin;
use super::queue::Queue;
use crate::crash;

/// Instances that a worker keeps, at most; those unused for longest go first.
pub(super) const KEPT_INSTANCES: u32 = 64;
/// An instance is replaced after so many messages, because guests leak.
const RECYCLE_AFTER: u64 = 1_000_000;
/// CPU time is measured for one job in so many.
const SAMPLE: u64 = 16;

/// What all workers share.
pub(super) struct Shared {
    pub(super) sandbox: Sandbox,
    pub(super) queue: Queue,
    pub(super) started: Instant,
}

impl Shared {
    /// The breakers' clock.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Works until the queue is closed and empty.
pub(super) fn run(shared: &Shared) {
    let mut worker = Worker::new(shared, Vec::new());
    while let Some(job) = shared.queue.take(|| shared.now()) {
        let lane = job.plugin.lane;
        crash::point("decode-before");
        // a bug of the host must not take a thread away for good
        let outcomes = catch_unwind(AssertUnwindSafe(|| worker.job(&job.plugin, &job.inputs)));
        crash::point("decode-after");
        shared.queue.done(lane);
        drop(job.permit);
        if let Ok(outcomes) = outcomes {
            // the asker may have given up
            let _ = job.reply.send(outcomes);
        } else {
            tracing::error!(plugin = &*job.plugin.label, "decoding panicked in the host");
            worker.kept.clear();
        }
    }
}

/// An instance that is kept for the next batch.
pub(super) struct Kept {
    plugin: Arc<Plugin>,
    instance: Instance,
}

pub(super) struct Worker<'a> {
    shared: &'a Shared,
    /// Last used last.
    kept: Vec<Kept>,
    jobs: u64,
}

/// What has been found out about a job's messages so far.
#[derive(Default)]
struct Progress {
    outcomes: Vec<Outcome>,
    warnings: u64,
}

/// Why a call gave no answers.
enum Trouble {
    /// The plugin did something wrong.
    Call(Failure),
    /// The plugin could not even be set up.
    SetUp(Failure),
}

impl<'a> Worker<'a> {
    /// A worker with these instances at hand.
    pub(super) fn new(shared: &'a Shared, kept: Vec<Kept>) -> Self {
        Self {
            shared,
            kept,
            jobs: SAMPLE / 2,
        }
    }

    /// The instances that it leaves.
    pub(super) fn into_kept(self) -> Vec<Kept> {
        self.kept
    }

    /// Decodes a batch; one outcome per message, in order.
    pub(super) fn job(&mut self, plugin: &Arc<Plugin>, inputs: &[Input]) -> Vec<Outcome> {
        let admission = plugin.breaker(|breaker| breaker.admit(self.shared.now()));
        if admission == Admission::Refused {
            plugin.metrics.count_refused(inputs.len() as u64);
            return vec![out_of_service(); inputs.len()];
        }
        let bytes: usize = inputs.iter().map(|input| input.payload.len()).sum();
        plugin.metrics.count_bytes(bytes as u64);
        self.jobs += 1;
        let sampled = self.jobs.is_multiple_of(SAMPLE).then(thread_cpu_time);

        let mut progress = Progress {
            outcomes: Vec::with_capacity(inputs.len()),
            warnings: 0,
        };
        if admission == Admission::Whole {
            self.decode(plugin, inputs, &mut progress);
        } else {
            self.decode_singly(plugin, inputs, &mut progress);
        }

        if admission == Admission::Probe && plugin.breaker(super::breaker::Breaker::succeeded) {
            tracing::info!(plugin = &*plugin.label, "plugin is in service again");
        }
        if let Some(before) = sampled {
            let spent = thread_cpu_time().saturating_sub(before);
            plugin.metrics.count_cpu(spent.as_secs_f64() * SAMPLE as f64);
        }
        plugin.metrics.count(&progress.outcomes, progress.warnings);
        progress.outcomes
    }

    fn decode_singly(&mut self, plugin: &Arc<Plugin>, messages: &[Input], progress: &mut Progress) {
        for message in messages {
            self.decode(plugin, std::slice::from_ref(message), progress);
        }
    }

    /// Decodes messages; where that fails, one by one, so that only the one that is to blame fails. A plugin
    /// that fails often is asked one message at a time from the start.
    fn decode(&mut self, plugin: &Arc<Plugin>, messages: &[Input], progress: &mut Progress) {
        let now = self.shared.now();
        let (open, suspect) =
            plugin.breaker(|breaker| (breaker.state() == BreakerState::Open, breaker.suspects(now)));
        if open {
            progress
                .outcomes
                .extend(messages.iter().map(|_| out_of_service()));
            return;
        }
        if suspect && messages.len() > 1 {
            return self.decode_singly(plugin, messages, progress);
        }
        match self.call(plugin, messages) {
            Ok(answers) => {
                progress.warnings += answers.warnings;
                for outcome in &answers.outcomes {
                    if let Outcome::Failed(failure) = outcome
                        && failure.kind.is_plugin_fault()
                    {
                        plugin.fault(now, failure.kind, &failure.detail);
                    }
                }
                progress.outcomes.extend(answers.outcomes);
            }
            Err(Trouble::SetUp(failure)) => {
                plugin.fault(now, failure.kind, &failure.detail);
                let failure = Failure::new(
                    FailureKind::OutOfService,
                    format!("the plugin can not be started: {}", failure.detail),
                );
                progress
                    .outcomes
                    .extend(messages.iter().map(|_| Outcome::Failed(failure.clone())));
            }
            Err(Trouble::Call(failure)) if messages.len() <= 1 => {
                plugin.fault(now, failure.kind, &failure.detail);
                progress.outcomes.push(Outcome::Failed(failure));
            }
            // not in halves: a loop would use up the budget of each half that holds it, of 64 messages seven times
            // instead of twice
            Err(Trouble::Call(_)) => self.decode_singly(plugin, messages, progress),
        }
    }

    /// One call, with the instance that is kept or a new one. An instance that failed is dropped.
    fn call(&mut self, plugin: &Arc<Plugin>, messages: &[Input]) -> Result<Answers, Trouble> {
        let mut kept = match self.take_kept(plugin) {
            Some(kept) => kept,
            None => self.set_up(plugin).map_err(Trouble::SetUp)?,
        };
        let bytes = messages.iter().map(|message| message.payload.len()).sum();
        let budget = plugin.code.quota.budget(messages.len(), bytes);
        match kept.instance.decode(&self.shared.sandbox, messages, budget) {
            Ok(answers) => {
                plugin.metrics.saw_memory(kept.instance.memory());
                self.kept.push(kept);
                Ok(answers)
            }
            Err(failure) => {
                plugin.metrics.saw_memory(kept.instance.memory());
                plugin.metrics.count_abort(failure.kind);
                Err(Trouble::Call(failure))
            }
        }
    }

    fn take_kept(&mut self, plugin: &Plugin) -> Option<Kept> {
        let index = self
            .kept
            .iter()
            .rposition(|kept| kept.plugin.lane == plugin.lane)?;
        let kept = self.kept.remove(index);
        let usable = kept.plugin.generation == plugin.generation && kept.instance.decoded() < RECYCLE_AFTER;
        usable.then_some(kept)
    }

    fn set_up(&mut self, plugin: &Arc<Plugin>) -> Result<Kept, Failure> {
        self.kept.retain(|kept| !kept.plugin.is_retired());
        if self.kept.len() >= KEPT_INSTANCES as usize {
            self.kept.remove(0);
        }
        let (instance, _) = Instance::new(&self.shared.sandbox, &plugin.code.entry, &plugin.code.quota)?;
        plugin.metrics.count_instance();
        Ok(Kept {
            plugin: Arc::clone(plugin),
            instance,
        })
    }
}

/// What a message gets while its plugin is out of service.
pub(super) fn out_of_service() -> Outcome {
    Outcome::Failed(Failure::new(
        FailureKind::OutOfService,
        "the plugin keeps failing and is out of service for a while",
    ))
}
