//! What is asked for becomes a record that needs nothing but itself.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use parking_lot::Mutex;

use super::turns::{Held, Turns};
use crate::device;
use crate::history::{HistoryError, PositionRow, PositionRows, PositionSelection, Positions};
use crate::ingest::{Ingest, IngestError};
use crate::latest::LatestStore;
use crate::model::{
    ClientId, Corrected, Correction, DeviceId, Fix, MAX_CORRECTED, Offset, PositionId, Restated, Sender,
    Standing, TimeMs, Verdict,
};

/// How long something that was acknowledged may take to get into ClickHouse before the answer is "later".
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a position may change its device between two looks.
const LOOKS: usize = 3;

/// Why a position was not corrected or not read. None of these leaves a correction behind, but one that had no
/// space on disk may still come.
#[derive(Debug, thiserror::Error)]
pub enum CorrectionError {
    /// The client has no such position.
    #[error("there is no such position")]
    NotFound,
    /// It is not any more what the caller saw.
    #[error("the position has another revision by now")]
    Changed,
    /// Restated like this it would be the same fix as another position.
    #[error("another position of the device has this time and content")]
    Taken,
    /// It was corrected too often.
    #[error("the position was corrected so often that it can't be corrected again")]
    Exhausted,
    /// ClickHouse is away, behind, or refuses.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The journal takes nothing.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

/// Reads and corrects positions. Cheap to clone.
#[derive(Clone)]
pub struct Corrections {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) positions: Positions,
    pub(super) ingest: Ingest,
    pub(super) latest: Arc<LatestStore>,
    pub(super) turns: Turns,
    /// Corrections that may not be in ClickHouse yet: whose, and the offset behind them.
    pub(super) pending: Mutex<AHashMap<PositionId, (ClientId, Offset)>>,
}

impl Corrections {
    /// The positions that history keeps, the way into the journal, and the latest positions as the journal's
    /// records up to now have made them.
    pub fn new(positions: Positions, ingest: Ingest, latest: Arc<LatestStore>) -> Self {
        let turns = Turns::new(ingest.durable());
        Self {
            inner: Arc::new(Inner {
                positions,
                ingest,
                latest,
                turns,
                pending: Mutex::default(),
            }),
        }
    }

    /// The position of this id, with all corrections that were acknowledged.
    pub async fn position(&self, client: ClientId, id: PositionId) -> Result<PositionRow, CorrectionError> {
        let inner = &*self.inner;
        // records count from 1
        if id.offset() == Offset(0) || id.offset() >= inner.ingest.durable() {
            return Err(CorrectionError::NotFound);
        }
        let corrected = inner.pending.lock().get(&id).map(|(_, end)| *end);
        let end = Offset(id.offset().0 + 1).max(corrected.unwrap_or_default());
        inner.positions.wait_stored(end, PATIENCE).await?;
        let found = inner.positions.get(client, id).await?;
        found.ok_or(CorrectionError::NotFound)
    }

    /// The position that came of such a fix, received then, where there is one; of all that was acknowledged until now.
    pub async fn taken(
        &self,
        client: ClientId,
        device: DeviceId,
        fix: &Fix,
        received: TimeMs,
    ) -> Result<Option<PositionId>, HistoryError> {
        self.all_stored().await?;
        let (time, content) = device::place_in_history(fix, received);
        let positions = &self.inner.positions;
        let holder = positions.holder(client, device, time, content).await?;
        Ok(holder.map(|holder| holder.id))
    }

    /// The positions that are meant, with all corrections that were acknowledged. Fixes of the last second or
    /// two may not be among them yet.
    pub async fn positions(&self, selection: &PositionSelection) -> Result<PositionRows, HistoryError> {
        self.settled(selection.client).await?;
        self.inner.positions.select(selection)
    }

    /// Returns when history has all corrections of a client that were acknowledged until now.
    pub async fn settled(&self, client: ClientId) -> Result<(), HistoryError> {
        let inner = &*self.inner;
        let corrected = {
            let pending = inner.pending.lock();
            let ours = pending.values().filter(|(whose, _)| *whose == client);
            ours.map(|(_, end)| *end).max().unwrap_or_default()
        };
        inner.positions.wait_stored(corrected, PATIENCE).await
    }

    /// Whether a device has any position, of all that was acknowledged until now.
    pub async fn has_positions(&self, client: ClientId, device: DeviceId) -> Result<bool, HistoryError> {
        let inner = &*self.inner;
        let now = inner.ingest.durable();
        inner.positions.wait_stored(now, PATIENCE).await?;
        inner.positions.any(client, device).await
    }

    /// Takes a position back, only while it has the revision `seen` where one is given. Returns when that is on
    /// disk.
    pub async fn delete(
        &self,
        sender: Sender,
        id: PositionId,
        seen: Option<u8>,
    ) -> Result<(), CorrectionError> {
        let mut standing = self.position(sender.client, id).await?;
        let mut held = self.turn(&mut standing, None).await?;
        unchanged(&standing, seen)?;
        self.accept(sender, &standing, None, &mut held).await
    }

    /// States a position anew: `edit` changes its fix, `device` moves it to another device of the client (the
    /// caller has checked that); only while it has the revision `seen` where one is given. Returns when that is
    /// on disk, with the row as it will stand; its verdict is the old one, the new one is found when it is
    /// applied. Nothing is journalled when nothing changes.
    pub async fn update(
        &self,
        sender: Sender,
        id: PositionId,
        seen: Option<u8>,
        device: Option<DeviceId>,
        edit: impl FnOnce(&mut Fix) + Send,
    ) -> Result<PositionRow, CorrectionError> {
        let mut standing = self.position(sender.client, id).await?;
        let mut held = self.turn(&mut standing, device).await?;
        unchanged(&standing, seen)?;
        let mut row = standing.clone();
        edit(&mut row.fix);
        row.device = device.unwrap_or(row.device);
        if row == standing {
            return Ok(row);
        }
        let revision = self.place(&standing, &mut row).await?;
        let new = Restated {
            device: row.device,
            revision,
            vendor: Arc::clone(&row.vendor),
            // said by a person
            plugin: Arc::from(""),
            fix: row.fix.clone(),
            verdict: None,
        };
        row.plugin = Arc::clone(&new.plugin);
        self.accept(sender, &standing, Some(new), &mut held).await?;
        Ok(row)
    }

    /// Waits for the turn of the position's device, and of the one that it moves to, and looks what stands then.
    async fn turn(
        &self,
        standing: &mut PositionRow,
        device: Option<DeviceId>,
    ) -> Result<Held, CorrectionError> {
        let inner = &*self.inner;
        for _ in 0..LOOKS {
            let other = device.unwrap_or(standing.device);
            let held = inner.turns.hold(standing.device, other).await;
            inner.positions.wait_stored(held.end(), PATIENCE).await?;
            let found = inner.positions.get(standing.client, standing.id).await?;
            let found = found.ok_or(CorrectionError::NotFound)?;
            let moved = found.device != standing.device;
            *standing = found;
            if !moved {
                return Ok(held);
            }
        }
        Err(HistoryError::State("the position moves on and on".into()).into())
    }

    /// Where the restated row comes to stand; its revision there.
    async fn place(&self, standing: &PositionRow, row: &mut PositionRow) -> Result<u8, CorrectionError> {
        (row.time, row.content) = device::restated_place(standing, &row.fix);
        let first = first_revision(standing)?;
        row.revision = first;
        if (row.device, row.time, row.content) == (standing.device, standing.time, standing.content) {
            return Ok(first + 1);
        }
        let positions = &self.inner.positions;
        let holder = positions
            .holder(standing.client, row.device, row.time, row.content)
            .await?;
        let above = match holder {
            Some(holder) if !holder.deleted && holder.id != row.id => return Err(CorrectionError::Taken),
            Some(holder) => holder.revision,
            None => 0,
        };
        row.revision = above.max(first).saturating_add(1);
        if row.revision == u8::MAX {
            return Err(CorrectionError::Exhausted);
        }
        Ok(row.revision)
    }

    /// Where the row is the latest position of its device: what latest steps back to without it, and what was
    /// corrected and is not older than that.
    async fn step_back(
        &self,
        standing: &PositionRow,
    ) -> Result<(Option<Standing>, Vec<Corrected>), HistoryError> {
        let inner = &*self.inner;
        let shown = inner.latest.get(standing.device);
        if shown.is_none_or(|latest| latest.id != standing.id) {
            return Ok((None, Vec::new()));
        }
        self.all_stored().await?;
        self.behind(standing).await
    }

    /// Returns when all that was journalled until now is stored: also what arrived late and is on its way.
    pub(super) async fn all_stored(&self) -> Result<(), HistoryError> {
        let inner = &*self.inner;
        inner
            .positions
            .wait_stored(inner.ingest.durable(), PATIENCE)
            .await
    }

    /// What latest steps back to without this row, and what was corrected and is not older than that; of all that is
    /// stored.
    pub(super) async fn behind(
        &self,
        latest: &PositionRow,
    ) -> Result<(Option<Standing>, Vec<Corrected>), HistoryError> {
        let positions = &self.inner.positions;
        let fallback = positions.newest_but(latest).await?;
        let since = fallback.as_ref().map_or(TimeMs(0), |row| row.time);
        let corrected = positions.corrected(latest.client, latest.device, since);
        Ok((fallback.as_ref().map(Standing::from), corrected.await?))
    }

    /// Makes the record and journals it.
    async fn accept(
        &self,
        sender: Sender,
        standing: &PositionRow,
        new: Option<Restated>,
        held: &mut Held,
    ) -> Result<(), CorrectionError> {
        let revision = first_revision(standing)?;
        let (fallback, known) = self.step_back(standing).await?;
        let correction = Correction {
            id: standing.id,
            received: standing.received,
            revision,
            plugin: Arc::from(""),
            old: Some(standing.into()),
            new,
            fallback,
            known,
        };
        self.journal(sender, std::iter::once(correction), held).await?;
        Ok(())
    }
}

/// Whether a position still has the revision that the caller saw, where that matters to it.
fn unchanged(standing: &PositionRow, seen: Option<u8>) -> Result<(), CorrectionError> {
    match seen {
        Some(revision) if revision != standing.revision => Err(CorrectionError::Changed),
        _ => Ok(()),
    }
}

/// The revision of the first row that a correction makes.
fn first_revision(standing: &PositionRow) -> Result<u8, CorrectionError> {
    if standing.revision >= MAX_CORRECTED {
        return Err(CorrectionError::Exhausted);
    }
    // the fix after a jump may confirm it meanwhile, which takes the next revision
    let confirmed = u8::from(standing.verdict == Verdict::Jump);
    Ok(standing.revision + 1 + confirmed)
}
