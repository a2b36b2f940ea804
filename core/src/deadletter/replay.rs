//! The choice of letters is read, journalled and marked, in groups that fit into memory.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::history::{HistoryError, LetterFilter, Letters};
use crate::ingest::{Ingest, IngestError};
use crate::model::{Offset, Uplink};

/// Messages in one replay, at most.
const MESSAGES: usize = 1_000;
/// Bytes that are journalled together, about; a single message may be larger.
const GROUP_BYTES: u64 = 4 << 20;

/// Why letters could not be listed or replayed. Those that were not marked are still there.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// ClickHouse is away or refuses.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The journal takes nothing.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The replay itself ended.
    #[error("the replay failed: {0}")]
    Failed(#[from] tokio::task::JoinError),
}

/// What a replay did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// Messages that were journalled again.
    pub replayed: u64,
    /// Messages asked for by id that had been replayed before.
    pub already: u64,
    /// Ids under which the client has no such letter.
    pub missing: u64,
    /// Messages of which too little was kept, or that never were one.
    pub unreplayable: u64,
    /// Whether there are more that meet the filter, between `after` and `before`.
    pub more: bool,
    /// The last message that was looked at.
    pub after: Offset,
    /// Letters from here on are younger than this replay: what failed again is among them.
    pub before: Offset,
}

/// Lists and replays. Cheap to clone.
#[derive(Clone)]
pub struct DeadLetters {
    letters: Letters,
    ingest: Ingest,
    turn: Arc<Mutex<()>>,
}

impl DeadLetters {
    /// The letters that history keeps, and the way back into the journal.
    pub fn new(letters: Letters, ingest: Ingest) -> Self {
        Self {
            letters,
            ingest,
            turn: Arc::default(),
        }
    }

    /// Where they are listed.
    pub fn letters(&self) -> &Letters {
        &self.letters
    }

    /// The way into the journal.
    pub(super) fn ingest(&self) -> &Ingest {
        &self.ingest
    }

    /// Replays the first letters that meet `filter`, at most 1,000. Finished even when the caller goes away.
    pub async fn replay(&self, filter: LetterFilter) -> Result<Replay, DeadLetterError> {
        self.replay_those(filter, |_| true).await
    }

    /// As [`Self::replay`], and only those whose message is `wanted`; the others are passed over.
    pub(super) async fn replay_those(
        &self,
        mut filter: LetterFilter,
        wanted: impl Fn(&Uplink) -> bool + Send + Sync + 'static,
    ) -> Result<Replay, DeadLetterError> {
        // the turn first: who goes away while waiting leaves nothing behind
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let at = self.clone();
        filter.replayed = false;
        let work = async move {
            let _turn = turn;
            at.run(filter, wanted).await
        };
        tokio::spawn(work).await?
    }

    async fn run(
        &self,
        mut filter: LetterFilter,
        wanted: impl Fn(&Uplink) -> bool + Send + Sync,
    ) -> Result<Replay, DeadLetterError> {
        let end = self.ingest.durable();
        let before = filter.before.map_or(end, |before| before.min(end));
        filter.before = Some(before);
        filter.ids.sort_unstable();
        filter.ids.dedup();
        let mut found = self.letters.sizes(&filter, MESSAGES + 1).await?;
        let mut replay = Replay {
            replayed: 0,
            already: 0,
            missing: 0,
            unreplayable: 0,
            more: found.len() > MESSAGES,
            after: filter.after.unwrap_or_default(),
            before,
        };
        if !filter.ids.is_empty() {
            let done = LetterFilter {
                replayed: true,
                ..filter.clone()
            };
            replay.already = self.letters.messages(&done).await?;
            replay.missing = (filter.ids.len() as u64).saturating_sub(replay.already + found.len() as u64);
        }
        found.truncate(MESSAGES);
        for group in groups(&found) {
            let mut ids = Vec::with_capacity(group.len());
            let mut uplinks = Vec::with_capacity(group.len());
            for kept in self.letters.read(filter.client, &group).await? {
                replay.after = kept.offset;
                match kept.uplink {
                    Some(uplink) if wanted(&uplink) => {
                        ids.push((kept.offset, uplink.received));
                        uplinks.push(uplink);
                    }
                    Some(_) => {}
                    None => replay.unreplayable += 1,
                }
            }
            if uplinks.is_empty() {
                continue;
            }
            let records = self.ingest.accept_all(&uplinks).await?;
            fail::fail_point!("deadletter_mark");
            let marks: Vec<_> = ids
                .into_iter()
                .zip(records.start.0..)
                .map(|((offset, received), record)| (offset, received, Offset(record)))
                .collect();
            self.letters.mark(filter.client, &marks).await?;
            replay.replayed += marks.len() as u64;
        }
        if replay.replayed > 0 {
            tracing::info!(client = %filter.client, messages = replay.replayed, "dead letters replayed");
        }
        Ok(replay)
    }
}

/// Cuts messages into groups by their bytes.
fn groups(found: &[(Offset, u64)]) -> Vec<Vec<Offset>> {
    let mut groups: Vec<Vec<Offset>> = Vec::new();
    let mut bytes = 0;
    for (offset, size) in found {
        match groups.last_mut() {
            Some(group) if bytes + size <= GROUP_BYTES => group.push(*offset),
            _ => {
                groups.push(vec![*offset]);
                bytes = 0;
            }
        }
        bytes += size;
    }
    groups
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn large_messages_go_in_groups_of_their_own_and_none_is_left_out() {
        let sizes = [10, GROUP_BYTES - 10, 1, GROUP_BYTES * 2, 5, 5];
        let found: Vec<_> = sizes
            .into_iter()
            .zip(1..)
            .map(|(size, id)| (Offset(id), size))
            .collect();
        let ids = |group: &Vec<Offset>| group.iter().map(|id| id.0).collect::<Vec<_>>();
        let cut: Vec<_> = groups(&found).iter().map(ids).collect();
        assert_eq!(cut, [vec![1, 2], vec![3], vec![4], vec![5, 6]]);
        assert!(groups(&[]).is_empty());
    }
}
