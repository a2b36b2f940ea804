//! Takes a plugin out of service that keeps failing, and lets it try again after a while.
//!
//! A pure state machine: time is passed in as the duration since any fixed moment. Only failures of
//! the plugin itself count (traps, deadline, broken contract); broken messages are its daily work.
//!
//! ```text
//!            `failures` within `window`                `pause` later
//!  Closed ───────────────────────────────► Open ───────────────────────► HalfOpen
//!    ▲  ▲        plugin fault in the probe  ▲ └────────────◄───────────────┘ │
//!    │  └────────────────────────────────────────── probe without fault ─────┘
//!    └ while `suspect` faults or more are within `window`: messages one at a time
//! ```

use std::collections::VecDeque;
use std::time::Duration;

/// When a plugin is taken out of service.
#[derive(Debug, Clone, Copy)]
pub struct BreakerOptions {
    /// So many plugin faults …
    pub failures: u32,
    /// … within this time open the breaker.
    pub window: Duration,
    /// How long it stays open before one batch is let through.
    pub pause: Duration,
    /// From so many faults within the window on, messages are decoded one at a time.
    pub suspect: u32,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            failures: 20,
            window: Duration::from_secs(60),
            pause: Duration::from_secs(30),
            suspect: 3,
        }
    }
}

/// Whether a plugin is in service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// In service.
    Closed,
    /// Out of service; one batch is trying.
    HalfOpen,
    /// Out of service.
    Open,
}

impl BreakerState {
    /// The name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }

    /// The value of the gauge: 0 closed, 1 half open, 2 open.
    pub const fn gauge(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

/// What may be done with a batch now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// Decode it as a whole.
    Whole,
    /// Decode its messages one at a time.
    Single,
    /// Decode its messages one at a time; the first fault ends it.
    Probe,
    /// Do not decode it.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Duration,
    },
    /// A probe that never reports back (its thread died) is replaced after `pause`.
    HalfOpen {
        until: Duration,
    },
}

/// See the module's comment.
#[derive(Debug)]
pub(super) struct Breaker {
    options: BreakerOptions,
    state: State,
    /// Times of the plugin faults within the window, oldest first; at most `failures`.
    faults: VecDeque<Duration>,
}

impl Breaker {
    pub(super) fn new(options: BreakerOptions) -> Self {
        Self {
            options,
            state: State::Closed,
            faults: VecDeque::new(),
        }
    }

    /// Asks for leave to decode a batch. After `Probe` the caller must say [`Breaker::succeeded`] or
    /// [`Breaker::failed`].
    pub(super) fn admit(&mut self, now: Duration) -> Admission {
        match self.state {
            State::Closed => {
                self.forget(now);
                if self.faults.len() >= self.options.suspect.max(1) as usize {
                    Admission::Single
                } else {
                    Admission::Whole
                }
            }
            State::Open { until } | State::HalfOpen { until } if now < until => Admission::Refused,
            State::Open { .. } | State::HalfOpen { .. } => {
                self.state = State::HalfOpen {
                    until: now.saturating_add(self.options.pause),
                };
                Admission::Probe
            }
        }
    }

    /// Whether a batch would be refused now. Changes nothing.
    pub(super) fn refuses(&self, now: Duration) -> bool {
        match self.state {
            State::Closed => false,
            State::Open { until } | State::HalfOpen { until } => now < until,
        }
    }

    /// Whether messages are decoded one at a time now, because of earlier faults.
    pub(super) fn suspects(&self, now: Duration) -> bool {
        let horizon = now.saturating_sub(self.options.window);
        let recent = self.faults.iter().filter(|&&at| at >= horizon).count();
        self.state != State::Closed || recent >= self.options.suspect.max(1) as usize
    }

    /// Counts a plugin fault. True when this one took the plugin out of service.
    pub(super) fn failed(&mut self, now: Duration) -> bool {
        match self.state {
            State::Closed => {
                self.forget(now);
                self.faults.push_back(now);
                if self.faults.len() < self.options.failures.max(1) as usize {
                    return false;
                }
            }
            // a straggler that was admitted before: the breaker is open already
            State::Open { .. } => return false,
            State::HalfOpen { .. } => {}
        }
        self.state = State::Open {
            until: now.saturating_add(self.options.pause),
        };
        true
    }

    /// Says that a probe ended without a fault. True when the plugin is in service again by it.
    pub(super) fn succeeded(&mut self) -> bool {
        if !matches!(self.state, State::HalfOpen { .. }) {
            return false;
        }
        self.state = State::Closed;
        self.faults.clear();
        true
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn forget(&mut self, now: Duration) {
        let horizon = now.saturating_sub(self.options.window);
        while self.faults.front().is_some_and(|&at| at < horizon) {
            self.faults.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(BreakerOptions::default());
        for i in 0..20 {
            assert_eq!(breaker.failed(seconds(i)), i == 19);
        }
        breaker
    }

    #[test]
    fn three_faults_in_a_minute_mean_one_message_at_a_time_until_they_are_old() {
        let mut breaker = Breaker::new(BreakerOptions::default());
        breaker.failed(seconds(1));
        breaker.failed(seconds(2));
        assert_eq!(breaker.admit(seconds(2)), Admission::Whole);
        breaker.failed(seconds(3));
        assert!(breaker.suspects(seconds(3)));
        assert_eq!(breaker.admit(seconds(3)), Admission::Single);
        assert_eq!(breaker.admit(seconds(61)), Admission::Single);
        assert_eq!(breaker.admit(seconds(62)), Admission::Whole);
        assert!(!breaker.suspects(seconds(62)));
    }

    #[test]
    fn twenty_faults_in_a_minute_open_it_and_slow_ones_do_not() {
        assert_eq!(opened().state(), BreakerState::Open);
        let mut slow = Breaker::new(BreakerOptions::default());
        for i in 0..200 {
            assert!(!slow.failed(seconds(i * 4)));
        }
    }

    #[test]
    fn after_the_pause_exactly_one_batch_is_let_through() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(seconds(48)), Admission::Refused);
        assert_eq!(breaker.admit(seconds(49)), Admission::Probe);
        assert_eq!(breaker.admit(seconds(50)), Admission::Refused);
        assert!(breaker.succeeded());
        assert_eq!(breaker.admit(seconds(50)), Admission::Whole);
    }

    #[test]
    fn a_fault_in_the_probe_opens_it_again() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(seconds(49)), Admission::Probe);
        assert!(breaker.failed(seconds(50)));
        assert_eq!(breaker.admit(seconds(79)), Admission::Refused);
        assert_eq!(breaker.admit(seconds(80)), Admission::Probe);
    }

    #[test]
    fn a_lost_probe_is_replaced() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(seconds(49)), Admission::Probe);
        assert_eq!(breaker.admit(seconds(78)), Admission::Refused);
        assert_eq!(breaker.admit(seconds(79)), Admission::Probe);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Admit,
        Fail,
        Succeed,
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => Just(Step::Admit),
            3 => Just(Step::Fail),
            1 => Just(Step::Succeed),
            2 => (0u64..20).prop_map(Step::Wait),
        ];
        proptest::collection::vec(step, 0..400)
    }

    proptest! {
        #[test]
        fn it_opens_and_closes_only_for_the_stated_reasons(steps in steps()) {
            let options = BreakerOptions::default();
            let mut breaker = Breaker::new(options);
            let mut now = seconds(1000);
            // the model: all faults counted while closed, and when the last opening or probe was
            let mut faults: Vec<Duration> = Vec::new();
            let mut blocked_until = Duration::ZERO;
            for step in steps {
                let before = breaker.state();
                match step {
                    Step::Wait(s) => now += seconds(s),
                    Step::Admit => {
                        let refuses = breaker.refuses(now);
                        let admission = breaker.admit(now);
                        prop_assert_eq!(refuses, admission == Admission::Refused);
                        match before {
                            BreakerState::Closed => {
                                let recent = faults.iter().filter(|&&at| at + options.window >= now).count();
                                prop_assert!(recent < 20);
                                prop_assert_eq!(admission, if recent >= 3 { Admission::Single } else { Admission::Whole });
                            }
                            _ if now < blocked_until => prop_assert_eq!(admission, Admission::Refused),
                            _ => {
                                prop_assert_eq!(admission, Admission::Probe);
                                blocked_until = now + options.pause;
                            }
                        }
                    }
                    Step::Fail => {
                        let opened = breaker.failed(now);
                        if before == BreakerState::Closed {
                            faults.push(now);
                            let recent = faults.iter().filter(|&&at| at + options.window >= now).count();
                            prop_assert_eq!(opened, recent >= 20);
                        } else {
                            prop_assert_eq!(opened, before == BreakerState::HalfOpen);
                        }
                        if opened {
                            blocked_until = now + options.pause;
                        }
                    }
                    Step::Succeed => {
                        let closed = breaker.succeeded();
                        prop_assert_eq!(closed, before == BreakerState::HalfOpen);
                        if closed {
                            faults.clear();
                        }
                    }
                }
            }
        }
    }
}
