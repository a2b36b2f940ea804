//! Many corrections at once, of what was decoded again: planned by whoever decodes, accepted here, in the same turns
//! as those of people.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use super::CorrectionError;
use super::accept::Corrections;
use super::turns::Held;
use crate::clock;
use crate::history::{HistoryError, PositionRow};
use crate::model::{Correction, DeviceId, Offset, PositionId, Sender, Source, Uplink};

/// Corrections that are journalled together.
const TOGETHER: usize = 2_000;

/// Questions that ClickHouse is asked at once.
const QUESTIONS: usize = 4;

impl Corrections {
    /// Waits for the turns of all these devices: while they are held, nobody else corrects their positions.
    pub(crate) async fn hold(&self, devices: &BTreeSet<DeviceId>) -> Held {
        self.inner.turns.hold_all(devices.iter().copied()).await
    }

    /// Whether it is the latest position of its device.
    pub(crate) fn is_latest(&self, device: DeviceId, id: PositionId) -> bool {
        let shown = self.inner.latest.get(device);
        shown.is_some_and(|latest| latest.id == id)
    }

    /// Adds to corrections of latest positions (each with the row that is corrected) what latest steps back to.
    pub(crate) async fn step_back_all(
        &self,
        corrections: &mut [(Correction, PositionRow)],
    ) -> Result<(), HistoryError> {
        self.all_stored().await?;
        for some in corrections.chunks_mut(QUESTIONS) {
            let asked = some.iter().map(|(_, latest)| self.behind(latest));
            let answers = try_join_all(asked).await?;
            for ((correction, _), answer) in some.iter_mut().zip(answers) {
                (correction.fallback, correction.known) = answer;
            }
        }
        Ok(())
    }

    /// Journals corrections of one client, whose devices are held. Returns when they are on disk, with the offset
    /// behind them.
    pub(crate) async fn journal(
        &self,
        sender: Sender,
        corrections: impl Iterator<Item = Correction> + Send,
        held: &mut Held,
    ) -> Result<Offset, CorrectionError> {
        let inner = &*self.inner;
        let mut end = Offset::default();
        {
            let stored = inner.positions.stored();
            inner.pending.lock().retain(|_, (_, end)| *end > stored);
        }
        let mut corrections = corrections.peekable();
        // while some are on their way to the disk, the next ones are written
        let mut on_their_way = None;
        while corrections.peek().is_some() {
            let received = clock::now();
            let mut ids = Vec::with_capacity(TOGETHER);
            let uplinks = corrections.by_ref().take(TOGETHER).map(|correction| {
                ids.push(correction.id);
                Uplink {
                    received,
                    sender,
                    source: Source::Correction(Box::new(correction)),
                }
            });
            let offsets = inner.ingest.append_all(uplinks)?;
            // from here on they may come true, whatever becomes of this call
            end = offsets.end;
            held.note(end);
            {
                let mut pending = inner.pending.lock();
                pending.extend(ids.into_iter().map(|id| (id, (sender.client, end))));
            }
            if let Some(before) = on_their_way.replace(offsets) {
                inner.ingest.settled(before).await?;
            }
        }
        if let Some(last) = on_their_way {
            inner.ingest.settled(last).await?;
        }
        Ok(end)
    }
}
