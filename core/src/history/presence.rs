//! Whether a device has any position: one that has can't be deleted.

use clickhouse::Client;

use super::error::HistoryError;
use crate::model::{ClientId, DeviceId};

/// Asks ClickHouse. The key of the table begins with client and device, so that it looks at one row.
pub(super) async fn has_position(
    client: &Client,
    owner: ClientId,
    device: DeviceId,
) -> Result<bool, HistoryError> {
    let found = client
        .query("SELECT 1 FROM positions WHERE client_id = ? AND device_id = ? LIMIT 1")
        .bind(owner.0)
        .bind(device.0)
        .fetch_optional::<u8>()
        .await?;
    Ok(found.is_some())
}
