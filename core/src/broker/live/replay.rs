//! A client's uplinks, read back from the journal.

use super::entry::Entry;
use crate::journal::{Journal, JournalError, Reader};
use crate::model::{ClientId, Offset, Source, Uplink};

/// Records read per step.
const STEP: usize = 512;

/// Reads back for one subscriber; keeps its place between steps.
pub struct Replay {
    journal: Journal,
    client: ClientId,
    reader: Option<Reader>,
}

impl Replay {
    /// For the uplinks of `client`.
    pub fn new(journal: Journal, client: ClientId) -> Self {
        Self {
            journal,
            client,
            reader: None,
        }
    }

    /// The client's uplinks from `from` on, all below `to`, and the offset up to which they are complete:
    /// `from` itself when nothing there is durable yet.
    ///
    /// # Errors
    /// `Gone` when the journal no longer has `from`.
    pub async fn step(&mut self, from: Offset, to: Offset) -> Result<(Vec<Entry>, Offset), JournalError> {
        let (journal, client, kept) = (self.journal.clone(), self.client, self.reader.take());
        let read = tokio::task::spawn_blocking(move || {
            let mut reader = match kept.filter(|reader| reader.position() == from) {
                Some(reader) => reader,
                None => journal.reader(from)?,
            };
            let wanted = usize::try_from(to.0.saturating_sub(from.0))
                .unwrap_or(STEP)
                .min(STEP);
            let mut records = Vec::with_capacity(wanted);
            reader.read(wanted, &mut records)?;
            let complete = records.last().map_or(from, |(offset, _)| Offset(offset.0 + 1));
            let entries = records
                .into_iter()
                .filter_map(|(offset, record)| entry(client, offset, &record))
                .collect();
            Ok::<_, JournalError>((reader, entries, complete))
        });
        let (reader, entries, complete) = read.await.map_err(|_| JournalError::Stopped)??;
        self.reader = Some(reader);
        Ok((entries, complete))
    }
}

fn entry(client: ClientId, offset: Offset, record: &[u8]) -> Option<Entry> {
    let uplink = Uplink::decode(record).ok()?;
    match uplink.source {
        Source::Mqtt { topic, payload, .. } if uplink.sender.client == client => Some(Entry {
            offset,
            topic: topic.into(),
            payload,
        }),
        _ => None,
    }
}
