//! What waits for the workers: a lane per plugin, served in turn.
//!
//! A plugin that has been failing gets one worker at a time, so that its loops can not take all
//! threads away from its neighbours. The number of jobs in a lane is bounded by the permits that its
//! jobs carry.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::message::{Input, Outcome};
use super::plugin::Plugin;

/// Messages of one plugin that are decoded together.
pub(super) struct Job {
    pub(super) plugin: Arc<Plugin>,
    pub(super) inputs: Vec<Input>,
    pub(super) reply: oneshot::Sender<Vec<Outcome>>,
    /// A place in the lane, given back when the job is done.
    pub(super) permit: OwnedSemaphorePermit,
}

struct Lane {
    id: u64,
    jobs: VecDeque<Job>,
    running: usize,
}

#[derive(Default)]
struct State {
    /// Served from the front; a lane that was served goes to the back. Empty idle lanes are removed.
    lanes: VecDeque<Lane>,
    closed: bool,
}

pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    waiting: Gauge,
}

impl Queue {
    pub(super) fn new(waiting: Gauge) -> Self {
        Self {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            waiting,
        }
    }

    /// Adds a job; gives it back when the queue is closed.
    pub(super) fn push(&self, job: Job) -> Result<(), Job> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(job);
        }
        let id = job.plugin.lane;
        match state.lanes.iter_mut().find(|lane| lane.id == id) {
            Some(lane) => lane.jobs.push_back(job),
            None => state.lanes.push_back(Lane {
                id,
                jobs: VecDeque::from([job]),
                running: 0,
            }),
        }
        drop(state);
        self.waiting.inc();
        self.changed.notify_one();
        Ok(())
    }

    /// The next job; waits for one. `None`: closed, and nothing is left. [`Queue::done`] must follow.
    pub(super) fn take(&self, now: impl Fn() -> Duration) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.next(now()) {
                drop(state);
                self.waiting.dec();
                return Some(job);
            }
            if state.closed && state.lanes.iter().all(|lane| lane.jobs.is_empty()) {
                return None;
            }
            self.changed.wait(&mut state);
        }
    }

    /// Says that a job of this lane was done.
    pub(super) fn done(&self, lane: u64) {
        let mut state = self.state.lock();
        let Some(index) = state.lanes.iter().position(|l| l.id == lane) else {
            return;
        };
        let Some(found) = state.lanes.get_mut(index) else {
            return;
        };
        found.running = found.running.saturating_sub(1);
        if !found.jobs.is_empty() {
            // somebody may have passed it by because it was being served
            self.changed.notify_one();
        } else if found.running == 0 {
            state.lanes.remove(index);
        }
        if state.closed {
            self.changed.notify_all();
        }
    }

    /// Refuses further jobs; those that wait are still done.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }
}

impl State {
    fn next(&mut self, now: Duration) -> Option<Job> {
        let index = self.lanes.iter().position(|lane| {
            lane.jobs
                .front()
                .is_some_and(|job| lane.running == 0 || !job.plugin.breaker(|breaker| breaker.suspects(now)))
        })?;
        let mut lane = self.lanes.remove(index)?;
        let job = lane.jobs.pop_front();
        lane.running += usize::from(job.is_some());
        self.lanes.push_back(lane);
        job
    }
}
