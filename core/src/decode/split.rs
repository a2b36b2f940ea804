//! Cuts what a caller hands in into jobs for the workers.

use super::message::Input;

/// Payload bytes in a job, at most (a single larger message is a job of its own): what a decoder answers
/// grows with it, and the answer is bounded too.
pub(super) const MAX_JOB_BYTES: usize = 256 << 10;
/// Messages that are worth a job of their own; below that, spreading over threads costs more than it gives.
const MIN_JOB: usize = 16;

/// Cuts inputs into jobs: as many as there are workers where that leaves enough for each, never more than
/// `batch` messages or [`MAX_JOB_BYTES`] in one.
pub(super) fn split(inputs: Vec<Input>, batch: usize, workers: usize) -> Vec<Vec<Input>> {
    let most = inputs
        .len()
        .div_ceil(workers.max(1))
        .max(MIN_JOB)
        .min(batch.max(1));
    let mut jobs: Vec<Vec<Input>> = Vec::new();
    let mut current: Vec<Input> = Vec::with_capacity(most.min(inputs.len()));
    let mut bytes = 0;
    for input in inputs {
        let size = input.payload.len();
        if !current.is_empty() && (current.len() >= most || bytes + size > MAX_JOB_BYTES) {
            jobs.push(std::mem::take(&mut current));
            bytes = 0;
        }
        bytes += size;
        current.push(input);
    }
    if !current.is_empty() {
        jobs.push(current);
    }
    jobs
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::message::Transport;
    use super::*;
    use crate::model::TimeMs;

    fn input(number: usize, size: usize) -> Input {
        Input {
            transport: Transport::File,
            channel: number.to_string(),
            device: None,
            received: TimeMs(0),
            context: Vec::new(),
            state: Vec::new(),
            payload: Bytes::from(vec![0; size]),
        }
    }

    fn sizes(count: usize, size: usize, batch: usize, workers: usize) -> Vec<usize> {
        let jobs = split((0..count).map(|i| input(i, size)).collect(), batch, workers);
        let order: Vec<String> = jobs.iter().flatten().map(|input| input.channel.clone()).collect();
        assert_eq!(order, (0..count).map(|i| i.to_string()).collect::<Vec<_>>());
        jobs.iter().map(Vec::len).collect()
    }

    #[test]
    fn batches_are_spread_where_it_is_worth_it() {
        assert_eq!(sizes(0, 10, 64, 2), Vec::<usize>::new());
        assert_eq!(sizes(10, 10, 64, 2), [10]);
        assert_eq!(sizes(64, 10, 64, 2), [32, 32]);
        assert_eq!(sizes(64, 10, 64, 1), [64]);
        assert_eq!(sizes(200, 10, 64, 2), [64, 64, 64, 8]);
        assert_eq!(sizes(10, 10, 4, 2), [4, 4, 2]);
        assert_eq!(sizes(3, 10, 1, 2), [1, 1, 1]);
    }

    #[test]
    fn large_payloads_make_small_jobs() {
        assert_eq!(sizes(10, 100 << 10, 64, 1), [2, 2, 2, 2, 2]);
        assert_eq!(sizes(3, 300 << 10, 64, 1), [1, 1, 1]);
    }
}
