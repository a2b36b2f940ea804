//! Fixes that were corrected and could be mistaken for news when their device sends them again.
//!
//! History keeps what was corrected under a higher revision, so what is sent again collapses there. Memory has
//! to agree: a fix that is older than the newest trusted one can't become the latest position and needs no
//! memory of its own; the others are remembered here, and are duplicates whenever they come.

use super::content::{content_hash, sighting};
use super::ticket::Reading;
use crate::model::{Corrected, TimeMs};

/// So many are remembered of a device; then the oldest in time goes. More than one is rare: each stands for a
/// correction of what was newest at that time.
const MOST: usize = 64;

/// The corrected fixes of one device that are not older than its newest trusted one.
#[derive(Debug, Default)]
pub(super) struct CorrectedFixes(Vec<(TimeMs, u64)>);

impl CorrectedFixes {
    /// Notes a fix that was corrected, or that a correction made.
    pub(super) fn note(&mut self, fix: Corrected) {
        let entry = (fix.time.max(fix.stated), sighting(fix.content, fix.stated.0));
        if self.0.contains(&entry) {
            return;
        }
        self.0.push(entry);
        if self.0.len() > MOST
            && let Some(oldest) = (0..self.0.len()).min_by_key(|index| self.0.get(*index))
        {
            self.0.swap_remove(oldest);
        }
    }

    /// Forgets what is older than the newest trusted fix; whether nothing is left.
    pub(super) fn prune(&mut self, newest: TimeMs) -> bool {
        self.0.retain(|(time, _)| *time >= newest);
        self.0.is_empty()
    }

    /// Whether this reading says again what was corrected.
    pub(super) fn has(&self, reading: &Reading) -> bool {
        let stated = reading.fix.time.unwrap_or(reading.received);
        let sighting = sighting(content_hash(&reading.fix), stated.0);
        self.0.iter().any(|(_, known)| *known == sighting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::testing::{NOW, reading, row};

    #[test]
    fn what_is_noted_is_known_again_until_something_newer_is_trusted() {
        let mut corrected = CorrectedFixes::default();
        corrected.note((&row(5)).into());
        corrected.note((&row(5)).into());
        corrected.note((&row(7)).into());
        assert!(corrected.has(&reading(99, 5)) && corrected.has(&reading(99, 7)));
        assert!(!corrected.has(&reading(99, 6)));
        assert!(!corrected.prune(TimeMs(NOW + 6000)));
        assert!(!corrected.has(&reading(99, 5)) && corrected.has(&reading(99, 7)));
        assert!(corrected.prune(TimeMs(NOW + 7001)));
    }

    #[test]
    fn only_the_newest_are_kept() {
        let mut corrected = CorrectedFixes::default();
        for second in (0..100).rev() {
            corrected.note((&row(second)).into());
        }
        assert_eq!(corrected.0.len(), MOST);
        assert!(corrected.has(&reading(1, 99)) && !corrected.has(&reading(1, 0)));
    }
}
