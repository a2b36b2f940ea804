//! What a re-decoding is, as it stands in its file and as clients are shown it.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::model::{ClientId, DeviceId, Offset, PositionId, Sender, Standing, TimeMs};

/// Differences that a job keeps to show, at most.
pub const MAX_SAMPLES: usize = 100;

/// A job's number, from 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is to be decoded again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Whose messages, and who asks.
    pub sender: Sender,
    /// Of this vendor.
    pub vendor: String,
    /// Of these devices; empty: of all.
    pub devices: Vec<DeviceId>,
    /// Received at or after this.
    pub from: Option<TimeMs>,
    /// Received before this.
    pub to: Option<TimeMs>,
    /// Only say what would differ.
    pub dry_run: bool,
    /// Messages per second, at most.
    pub rate: Option<NonZeroU32>,
}

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for those before it: one runs at a time.
    Waiting,
    /// It decodes.
    Running,
    /// It was stopped, and can be continued.
    Stopped,
    /// It came to an end that needs somebody; it can be continued when that is done.
    Failed,
    /// All messages are through.
    Finished,
}

impl JobState {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Finished => "finished",
        }
    }
}

/// What became of the messages so far, and of their positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Messages that were decoded again.
    pub messages: u64,
    /// Positions that stay as they are.
    pub unchanged: u64,
    /// Positions that are restated.
    pub changed: u64,
    /// Positions that the decoder did not find before.
    pub added: u64,
    /// Positions that the decoder does not find any more.
    pub removed: u64,
    /// Positions that a person has corrected, which no decoder changes.
    pub kept: u64,
    /// Messages that the decoder refuses now, or failed on: their positions stay.
    pub refused: u64,
    /// Positions of no registered device: they stay, or are not added.
    pub unassigned: u64,
    /// Positions that were corrected too often to be restated once more, or messages of which too little is kept.
    pub skipped: u64,
}

/// A position that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Which.
    pub id: PositionId,
    /// What stood; `None`: it is added.
    pub before: Option<Standing>,
    /// What stands from now on; `None`: it is removed.
    pub after: Option<Standing>,
}

/// The repeatable create that a job was made by ([`crate::registry::Registry::begin_once`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The caller's key.
    pub key: String,
    /// When it began: after a day the same key may stand for another create.
    pub at: TimeMs,
}

/// A re-decoding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// What was asked for.
    pub request: Request,
    /// By which create, where that may be repeated. It stands here because the job's file and the answer to its create
    /// can't come to disk at once: after a crash in between, the repetition finds the job by it.
    #[serde(default)]
    pub asked: Option<Asked>,
    /// The version of the vendor's plugin that decodes; links and trackers that pin one keep theirs.
    pub version: String,
    /// Where it is.
    pub state: JobState,
    /// Why it failed.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created: TimeMs,
    /// When anything about it changed last.
    pub updated: TimeMs,
    /// Messages from this offset on came later than the job.
    pub until: Offset,
    /// Messages below this offset are through.
    pub cursor: Offset,
    /// How many messages there are to decode; about, until it is finished.
    pub total: u64,
    /// Milliseconds for which it ran.
    pub worked_ms: u64,
    /// What became of them.
    pub counts: Counts,
    /// The first positions that differ.
    pub samples: Vec<Difference>,
}

impl Job {
    /// Whose it is.
    pub fn client(&self) -> ClientId {
        self.request.sender.client
    }
    /// Takes over what came of a page, all at once. A position that differs is shown once, as it was before the job and
    /// as it stands by now, also when a later page confirms it or its page is done once more.
    pub(super) fn advance(&mut self, cursor: Offset, counts: Counts, differ: Vec<Difference>) {
        (self.cursor, self.counts) = (cursor, counts);
        for difference in differ {
            let shown = self.samples.iter_mut().find(|shown| shown.id == difference.id);
            if let Some(shown) = shown {
                shown.after = difference.after;
            } else if self.samples.len() < MAX_SAMPLES {
                self.samples.push(difference);
            }
        }
    }
}

#[cfg(test)]
pub(in crate::redecode) mod tests {
    use super::*;

    /// A dry run that has begun.
    pub(in crate::redecode) fn job(id: u64) -> Job {
        Job {
            id: JobId(id),
            request: Request {
                sender: Sender {
                    client: ClientId(1),
                    link: None,
                    tracker: None,
                },
                vendor: "acme".into(),
                devices: Vec::new(),
                from: None,
                to: None,
                dry_run: true,
                rate: None,
            },
            asked: None,
            version: "1.0.0".into(),
            state: JobState::Running,
            reason: None,
            created: TimeMs(1),
            updated: TimeMs(2),
            until: Offset(3),
            cursor: Offset(0),
            total: 2,
            worked_ms: 0,
            counts: Counts::default(),
            samples: Vec::new(),
        }
    }

    fn differences(ids: std::ops::Range<u64>) -> Vec<Difference> {
        let difference = |id| Difference {
            id: PositionId(id),
            before: None,
            after: None,
        };
        ids.map(difference).collect()
    }

    #[test]
    fn a_page_that_is_done_once_more_is_not_shown_once_more() {
        let mut job = job(1);
        let counts = Counts {
            messages: 3,
            ..Counts::default()
        };
        for _ in 0..2 {
            job.advance(Offset(9), counts, differences(0..3));
            assert_eq!((job.cursor, job.counts), (Offset(9), counts));
            assert_eq!(job.samples, differences(0..3));
        }
        let most = MAX_SAMPLES as u64;
        job.advance(Offset(99), counts, differences(2..most + 9));
        assert_eq!(job.samples, differences(0..most));
    }
}
