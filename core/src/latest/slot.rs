//! One seqlock slot made of atomics, in safe Rust.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::record::WORDS;

/// Words beside version and cells; more than [`WORDS`] so that a slot fills two cache lines exactly.
const CAPACITY: usize = 14;
const _: () = assert!(WORDS <= CAPACITY && size_of::<Slot>() == 128);

/// Tries of a reader or second writer before it lets other threads run.
const SPINS: u32 = 64;

/// Of the version: the words are being written.
const WRITING: u64 = 1;
/// Of the version: a writer is at work, though the words may be at rest already.
const OWNED: u64 = 2;
/// What a write adds to the version.
const STEP: u64 = 4;

/// A reader copies the words between two looks at the version and starts again when it has moved or the words are
/// being written.
#[repr(align(128))]
pub(super) struct Slot {
    version: AtomicU64,
    /// Where the grid has the device; only who owns the slot looks at it.
    cells: AtomicU64,
    words: [AtomicU64; CAPACITY],
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            version: AtomicU64::new(0),
            cells: AtomicU64::new(0),
            words: [const { AtomicU64::new(0) }; CAPACITY],
        }
    }
}

/// Gives a slot back, also when what its owner does panics.
struct Owned<'a> {
    slot: &'a Slot,
    rest: u64,
}

impl Drop for Owned<'_> {
    fn drop(&mut self) {
        self.slot.version.store(self.rest, Ordering::Release);
    }
}

impl Slot {
    /// Replaces the words, then has `place` say which cells the grid has the device in from now on. A device has
    /// one writer at a time, but deleting a device clears its slot from another task: so the slot is taken by
    /// compare-and-swap, and a second writer waits for the first. Readers do not wait for `place`.
    pub(super) fn write(&self, words: &[u64; WORDS], place: impl FnOnce(u64) -> u64) {
        let mut tries = 0;
        let version = loop {
            let seen = self.version.load(Ordering::Relaxed);
            let taken = seen & (WRITING | OWNED) == 0
                && self
                    .version
                    .compare_exchange_weak(
                        seen,
                        seen.wrapping_add(WRITING | OWNED),
                        Ordering::Acquire,
                        Ordering::Relaxed,
                    )
                    .is_ok();
            if taken {
                break seen;
            }
            pause(&mut tries);
        };
        let rest = version.wrapping_add(STEP);
        // Keeps the words behind the odd version: a reader that sees one of them also sees it.
        fence(Ordering::Release);
        for (slot, word) in self.words.iter().zip(words) {
            slot.store(*word, Ordering::Relaxed);
        }
        self.version.store(rest.wrapping_add(OWNED), Ordering::Release);
        let _owned = Owned { slot: self, rest };
        let before = self.cells.load(Ordering::Relaxed);
        let after = place(before);
        if after != before {
            self.cells.store(after, Ordering::Relaxed);
        }
    }

    /// The words of one single write.
    pub(super) fn read(&self) -> [u64; WORDS] {
        let mut tries = 0;
        loop {
            let before = self.version.load(Ordering::Acquire);
            if before & WRITING == 0 {
                let mut words = [0; WORDS];
                for (word, slot) in words.iter_mut().zip(&self.words) {
                    *word = slot.load(Ordering::Relaxed);
                }
                // Keeps the loads before the second look at the version.
                fence(Ordering::Acquire);
                if self.version.load(Ordering::Relaxed) == before {
                    return words;
                }
            }
            pause(&mut tries);
        }
    }
}

/// Spins a little; then yields, as the writer may have lost its processor.
fn pause(tries: &mut u32) {
    *tries += 1;
    if (*tries).is_multiple_of(SPINS) {
        std::thread::yield_now();
    } else {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;

    /// Writers store arrays of one repeated word; a torn read would show two different words.
    fn hammer(writers: u64) {
        let slot = Slot::default();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let mut reads = 0u32;
                        while !done.load(Ordering::Relaxed) || reads < 1000 {
                            let words = slot.read();
                            assert!(words.iter().all(|word| *word == words[0]), "torn read {words:?}");
                            reads += 1;
                        }
                    })
                })
                .collect();
            let writing: Vec<_> = (0..writers)
                .map(|writer| {
                    let slot = &slot;
                    scope.spawn(move || {
                        for round in 0..50_000u64 {
                            slot.write(&[round * writers + writer; WORDS], |cells| cells + 1);
                        }
                    })
                })
                .collect();
            for thread in writing {
                assert!(thread.join().is_ok());
            }
            done.store(true, Ordering::Relaxed);
            for thread in readers {
                assert!(thread.join().is_ok());
            }
        });
        // no write of the cells was lost either
        assert_eq!(slot.cells.into_inner(), writers * 50_000);
    }

    #[test]
    fn readers_never_see_a_torn_write() {
        hammer(1);
    }

    #[test]
    fn two_writers_of_one_slot_do_not_mix() {
        hammer(2);
    }

    #[test]
    fn a_slot_is_given_back_when_its_owner_panics() {
        let slot = Slot::default();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            slot.write(&[1; WORDS], |_| std::panic::resume_unwind(Box::new(())));
        }));
        assert!(panicked.is_err());
        slot.write(&[2; WORDS], |cells| cells);
        assert_eq!(slot.read(), [2; WORDS]);
    }
}
