//! Answers to a device, in the order of its packets, each held back until what it answers is on disk.

use std::collections::VecDeque;

use crate::model::Offset;

/// Bytes of answers above which a connection's socket is not read any more.
const MAX_PENDING_BYTES: usize = 64 * 1024;

/// The answers of one connection.
#[derive(Debug, Default)]
pub struct AckFifo {
    /// Answers not yet written, oldest first.
    bytes: Vec<u8>,
    /// Of these, so many may be written.
    released: usize,
    /// Of these, so many have been written.
    written: usize,
    waiting: VecDeque<Entry>,
    unacked: usize,
}

#[derive(Debug)]
struct Entry {
    end: Offset,
    bytes: usize,
    publishes: usize,
}

impl AckFifo {
    /// Queues `bytes`, to be released when the journal is durable up to `end`; they stand for
    /// `publishes` messages. Ends must not decrease.
    pub fn push(&mut self, end: Offset, bytes: &[u8], publishes: usize) {
        self.bytes.extend_from_slice(bytes);
        self.unacked += publishes;
        match self.waiting.back_mut() {
            Some(last) if last.end >= end => {
                last.bytes += bytes.len();
                last.publishes += publishes;
            }
            _ => self.waiting.push_back(Entry {
                end,
                bytes: bytes.len(),
                publishes,
            }),
        }
    }

    /// Queues `bytes` behind everything that is already queued, without waiting for anything else.
    pub fn push_in_order(&mut self, bytes: &[u8]) {
        if self.waiting.is_empty() {
            self.bytes.extend_from_slice(bytes);
            self.released = self.bytes.len();
        } else {
            self.push(Offset(0), bytes, 0);
        }
    }

    /// Queues `bytes` before everything that waits for the disk: for PINGRESP, which answers no message and
    /// tells the client only that we are here.
    pub fn push_now(&mut self, bytes: &[u8]) {
        self.bytes
            .splice(self.released..self.released, bytes.iter().copied());
        self.released += bytes.len();
    }

    /// Releases what `durable` covers.
    pub fn release(&mut self, durable: Offset) {
        while let Some(entry) = self.waiting.pop_front_if(|entry| entry.end <= durable) {
            self.released += entry.bytes;
            self.unacked -= entry.publishes;
        }
    }

    /// What may be written now.
    pub fn ready(&self) -> &[u8] {
        self.bytes.get(self.written..self.released).unwrap_or_default()
    }

    /// Notes that the first `count` bytes of [`Self::ready`] were written.
    pub fn wrote(&mut self, count: usize) {
        self.written += count;
        if self.written == self.bytes.len() {
            self.bytes.clear();
            (self.written, self.released) = (0, 0);
        } else if self.written > MAX_PENDING_BYTES {
            self.bytes.drain(..self.written);
            self.released -= self.written;
            self.written = 0;
        }
    }

    /// Whether something waits for the disk.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Messages that are not durable yet.
    pub fn unacked(&self) -> usize {
        self.unacked
    }

    /// Whether the peer does not read its answers.
    pub fn is_clogged(&self) -> bool {
        self.bytes.len() - self.written > MAX_PENDING_BYTES
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_ready_before_it_is_durable() {
        let mut fifo = AckFifo::default();
        fifo.push(Offset(3), b"abc", 3);
        fifo.push_in_order(b"ping");
        fifo.push(Offset(5), b"de", 2);
        fifo.release(Offset(2));
        assert_eq!((fifo.ready(), fifo.unacked()), (&b""[..], 5));
        fifo.release(Offset(3));
        assert_eq!((fifo.ready(), fifo.unacked()), (&b"abcping"[..], 2));
        fifo.wrote(2);
        assert_eq!(fifo.ready(), b"cping");
        fifo.release(Offset(9));
        assert_eq!(fifo.ready(), b"cpingde");
        fifo.wrote(7);
        assert!(fifo.ready().is_empty() && !fifo.is_waiting());
    }

    #[test]
    fn an_answer_that_waits_for_nothing_leaves_at_once() {
        let mut fifo = AckFifo::default();
        fifo.push_in_order(b"pong");
        assert_eq!(fifo.ready(), b"pong");
    }

    #[test]
    fn a_ping_is_answered_while_acknowledgements_wait_for_the_disk() {
        let mut fifo = AckFifo::default();
        fifo.push(Offset(3), b"abc", 3);
        fifo.push(Offset(5), b"de", 2);
        fifo.release(Offset(3));
        fifo.wrote(1);
        fifo.push_now(b"pong");
        assert_eq!((fifo.ready(), fifo.unacked()), (&b"bcpong"[..], 2));
        fifo.wrote(6);
        fifo.release(Offset(5));
        assert_eq!(fifo.ready(), b"de");
    }

    proptest! {
        /// Against the obvious twin: a list of (end, byte).
        #[test]
        fn answers_leave_in_order_and_only_when_durable(steps in proptest::collection::vec((0u8..4, 0u64..6, 1usize..40), 1..200)) {
            let (mut fifo, mut twin, mut out, mut expected) = (AckFifo::default(), VecDeque::new(), Vec::new(), Vec::new());
            let (mut end, mut durable, mut next) = (0, 0, 0u8);
            for (kind, by, size) in steps {
                next = next.wrapping_add(1);
                match kind {
                    0 => {
                        end += by;
                        fifo.push(Offset(end), &vec![next; size], 1);
                        twin.extend(std::iter::repeat_n((end, next), size));
                    }
                    1 => {
                        let waits_for = twin.back().map_or(0, |(end, _)| *end);
                        fifo.push_in_order(&[next]);
                        twin.push_back((waits_for, next));
                    }
                    2 => durable = (durable + by).min(end),
                    _ => {
                        let count = size.min(fifo.ready().len());
                        out.extend_from_slice(&fifo.ready()[..count]);
                        fifo.wrote(count);
                    }
                }
                fifo.release(Offset(durable));
                while twin.front().is_some_and(|(end, _)| *end <= durable) {
                    expected.push(twin.pop_front().unwrap().1);
                }
                let mut seen = out.clone();
                seen.extend_from_slice(fifo.ready());
                prop_assert_eq!(&seen, &expected);
            }
        }
    }
}
