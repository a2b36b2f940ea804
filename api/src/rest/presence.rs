//! Whether a device has positions: the seam between the registry's deletes and history.

use std::time::Duration;

use fixstream_core::history::{History, HistoryError};
use fixstream_core::ingest::Ingest;
use fixstream_core::model::{ClientId, DeviceId};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

/// For the question and for what must be stored before it, at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// Knows whether a device has any position.
pub trait Presence: Send + Sync {
    /// Whether it has one, stored or accepted. Fails while that can't be known.
    fn has_position(&self, client: ClientId, device: DeviceId) -> BoxFuture<'_, Result<bool, HistoryError>>;
}

/// The answer of the journal and of ClickHouse.
pub struct StoredPositions {
    /// Where positions are stored.
    pub history: History,
    /// What was accepted so far.
    pub ingest: Ingest,
}

impl Presence for StoredPositions {
    fn has_position(&self, client: ClientId, device: DeviceId) -> BoxFuture<'_, Result<bool, HistoryError>> {
        // all that was acknowledged until now counts: wait until it is stored
        let accepted = self.ingest.durable();
        self.history
            .has_position(client, device, accepted, PATIENCE)
            .boxed()
    }
}
