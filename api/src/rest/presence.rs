//! Whether a device has positions: the seam between the registry's deletes and history.

use fixstream_core::corrections::Corrections;
use fixstream_core::history::HistoryError;
use fixstream_core::model::{ClientId, DeviceId};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

/// Knows whether a device has any position.
pub trait Presence: Send + Sync {
    /// Whether it has one, stored or accepted, that was not deleted. Fails while that can't be known.
    fn has_position(&self, client: ClientId, device: DeviceId) -> BoxFuture<'_, Result<bool, HistoryError>>;
}

impl Presence for Corrections {
    fn has_position(&self, client: ClientId, device: DeviceId) -> BoxFuture<'_, Result<bool, HistoryError>> {
        self.has_positions(client, device).boxed()
    }
}
