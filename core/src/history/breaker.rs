//! The circuit breaker in front of ClickHouse: whether a batch may be sent, or only a question whether the
//! server answers at all.
//!
//! A batch is megabytes, read from the spool and sent again at each attempt; to a server that is away or
//! drowning, `SELECT 1` says as much. Time is passed in.

use std::time::{Duration, Instant};

/// Failures in a row that open it.
const THRESHOLD: u32 = 3;

/// How things are, as the gauge shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Batches are sent.
    Closed = 0,
    /// Only questions are.
    Open = 1,
    /// The server has answered a question: one attempt decides.
    HalfOpen = 2,
}

/// What may be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// Send a batch.
    Send,
    /// Ask whether the server answers.
    Probe,
    /// Nothing for so long.
    Wait(Duration),
}

/// The breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    failures: u32,
    /// Nothing before this.
    quiet_until: Option<Instant>,
    /// Since when no attempt has succeeded.
    failing_since: Option<Instant>,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self {
            state: State::Closed,
            failures: 0,
            quiet_until: None,
            failing_since: None,
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// For how long nothing has succeeded.
    pub(super) fn failing_for(&self, now: Instant) -> Duration {
        self.failing_since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    pub(super) fn may(&self, now: Instant) -> May {
        let left = self
            .quiet_until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        match self.state {
            _ if !left.is_zero() => May::Wait(left),
            State::Open => May::Probe,
            State::Closed | State::HalfOpen => May::Send,
        }
    }

    /// An attempt or a question failed; the next comes after `pause`.
    pub(super) fn failed(&mut self, now: Instant, pause: Duration) {
        self.failing_since.get_or_insert(now);
        self.failures = self.failures.saturating_add(1);
        if self.state == State::HalfOpen || self.failures >= THRESHOLD {
            self.state = State::Open;
        }
        self.quiet_until = Some(now + pause);
    }

    /// A question was answered.
    pub(super) fn answered(&mut self) {
        if self.state == State::Open {
            self.state = State::HalfOpen;
        }
        self.quiet_until = None;
    }

    /// An attempt succeeded.
    pub(super) fn succeeded(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_by_one_success_after_an_answer() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new();
        for _ in 1..THRESHOLD {
            breaker.failed(now, PAUSE);
            assert_eq!(
                (breaker.state(), breaker.may(now)),
                (State::Closed, May::Wait(PAUSE))
            );
            now += PAUSE;
            assert_eq!(breaker.may(now), May::Send);
        }
        breaker.failed(now, PAUSE);
        now += PAUSE;
        assert_eq!((breaker.state(), breaker.may(now)), (State::Open, May::Probe));
        breaker.answered();
        assert_eq!((breaker.state(), breaker.may(now)), (State::HalfOpen, May::Send));
        breaker.failed(now, PAUSE);
        assert_eq!(
            breaker.state(),
            State::Open,
            "one failure is enough when half open"
        );
        assert_eq!(breaker.failing_for(now), PAUSE * THRESHOLD);
        breaker.answered();
        breaker.succeeded();
        assert_eq!((breaker.state(), breaker.may(now)), (State::Closed, May::Send));
        assert_eq!(breaker.failing_for(now), Duration::ZERO);
    }

    proptest! {
        /// Whatever answers come: a server that has failed `THRESHOLD` times in a row gets no batch before it
        /// answered a question, then one; and between attempts the pause is kept.
        #[test]
        fn no_batch_goes_to_a_server_that_did_not_answer(steps in proptest::collection::vec((any::<bool>(), 0u64..3000, 0u64..2000), 1..200)) {
            let mut now = Instant::now();
            let mut breaker = Breaker::new();
            let (mut in_a_row, mut answered, mut not_before) = (0, true, now);
            for (good, elapsed, pause) in steps {
                now += Duration::from_millis(elapsed);
                let pause = Duration::from_millis(pause);
                let sent = match breaker.may(now) {
                    May::Wait(left) => {
                        prop_assert_eq!(now + left, not_before);
                        continue;
                    }
                    May::Send => true,
                    May::Probe => false,
                };
                prop_assert!(now >= not_before);
                prop_assert_eq!(sent, in_a_row < THRESHOLD || answered);
                match (good, sent) {
                    (true, true) => {
                        (in_a_row, answered, not_before) = (0, true, now);
                        breaker.succeeded();
                        prop_assert_eq!(breaker.state(), State::Closed);
                    }
                    (true, false) => {
                        (answered, not_before) = (true, now);
                        breaker.answered();
                        prop_assert_eq!(breaker.state(), State::HalfOpen);
                    }
                    (false, _) => {
                        in_a_row += 1;
                        (answered, not_before) = (false, now + pause);
                        breaker.failed(now, pause);
                    }
                }
            }
        }
    }
}
