//! Cursors: where in an ordered list of positions the next page begins. Opaque to clients.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use fixstream_core::history::PositionRow;
use fixstream_core::model::{PositionId, TimeMs};

/// Characters of a cursor, at most.
pub(super) const MAX_CURSOR: usize = 64;

/// A form that may be followed by others: 1, then time and id, eight bytes each.
const FORM: u8 = 1;

/// The cursor behind this row.
pub(super) fn behind(row: &PositionRow) -> String {
    let mut bytes = vec![FORM];
    bytes.extend(row.time.0.to_be_bytes());
    bytes.extend(row.id.0.to_be_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Time and id of the row that a cursor is behind.
pub(super) fn read(cursor: &str) -> Option<(TimeMs, PositionId)> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (&FORM, rest) = bytes.split_first()? else {
        return None;
    };
    let (time, id) = rest.split_first_chunk::<8>()?;
    let id: [u8; 8] = id.try_into().ok()?;
    Some((
        TimeMs(i64::from_be_bytes(*time)),
        PositionId(u64::from_be_bytes(id)),
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use fixstream_core::model::{ClientId, DeviceId, Fix, Verdict};

    use super::*;

    #[test]
    fn a_cursor_comes_back_and_nothing_else_is_one() {
        let row = PositionRow {
            client: ClientId(1),
            device: DeviceId(2),
            id: PositionId((1 << 53) - 1),
            revision: 0,
            time: TimeMs(1_767_225_600_123),
            received: TimeMs(0),
            verdict: Verdict::Ok,
            content: 0,
            vendor: "".into(),
            plugin: "".into(),
            fix: Fix::default(),
        };
        let cursor = behind(&row);
        assert!(cursor.len() <= MAX_CURSOR);
        assert_eq!(read(&cursor), Some((row.time, row.id)));
        assert_eq!(read(&cursor[1..]), None);
        assert_eq!(read(&format!("{cursor}AAAA")), None);
        for other in ["", "AQ", "!", "2", "AgAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
