//! How many requests a key may send. Off where nothing is set.

use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::dialect::Dialect;

/// What a key may send, on average and at once.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Requests per second.
    pub per_second: NonZeroU32,
    /// Requests at once after a pause.
    pub burst: NonZeroU32,
}

/// The limit of each key. A key has one allowance for all that is limited.
#[derive(Default)]
pub struct Limits {
    keys: Option<DefaultKeyedRateLimiter<u32>>,
    documented_too: bool,
    clock: DefaultClock,
}

impl Limits {
    /// `limit` for the resource surface, and for the documented surface, whose clients know of no such answer,
    /// where `documented_too`.
    pub fn new(limit: Option<Limit>, documented_too: bool) -> Self {
        let quota = |limit: Limit| Quota::per_second(limit.per_second).allow_burst(limit.burst);
        Self {
            keys: limit.map(|limit| RateLimiter::keyed(quota(limit))),
            documented_too,
            clock: DefaultClock::default(),
        }
    }

    /// Lets a request of a key in; `Err`: after so many seconds another one may come.
    pub(super) fn admit(&self, dialect: Dialect, key: u32) -> Result<(), u32> {
        let limited = match dialect {
            Dialect::Resource => true,
            Dialect::TrackerHub => self.documented_too,
        };
        let Some(keys) = self.keys.as_ref().filter(|_| limited) else {
            return Ok(());
        };
        keys.check_key(&key).map_err(|refusal| {
            let wait = refusal.wait_time_from(self.clock.now());
            u32::try_from(wait.as_millis().div_ceil(1000))
                .unwrap_or(u32::MAX)
                .max(1)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn limits(documented_too: bool) -> Limits {
        let limit = Limit {
            per_second: NonZeroU32::MIN,
            burst: NonZeroU32::new(3).unwrap(),
        };
        Limits::new(Some(limit), documented_too)
    }

    #[test]
    fn a_key_may_send_its_burst_and_then_waits_about_a_second() {
        let limits = limits(false);
        for _ in 0..3 {
            assert_eq!(limits.admit(Dialect::Resource, 1), Ok(()));
        }
        assert_eq!(limits.admit(Dialect::Resource, 1), Err(1));
        assert_eq!(limits.admit(Dialect::Resource, 2), Ok(()));
    }

    #[test]
    fn the_documented_surface_is_limited_only_where_that_is_set() {
        for documented_too in [false, true] {
            let limits = limits(documented_too);
            let refused = (0..10).filter(|_| limits.admit(Dialect::TrackerHub, 1).is_err());
            assert_eq!(refused.count() > 0, documented_too);
        }
    }

    #[test]
    fn nothing_is_limited_by_default() {
        let limits = Limits::default();
        assert!((0..10_000).all(|_| limits.admit(Dialect::Resource, 1).is_ok()));
    }
}
