//! Rows of history as a JSON array, made while they come: an answer of any length takes little memory.

use bytes::Bytes;
use fixstream_core::history::{HistoryError, PositionRow, PositionRows};
use futures_util::stream;
use poem::http::StatusCode;
use poem::{Body, Response};
use serde::Serialize;

use super::error::ApiError;

/// Rows that are made into one piece of the body.
const PIECE: usize = 256;

/// Rows on their way into a body.
struct Rows<F> {
    rows: PositionRows,
    render: F,
    first: bool,
}

impl<F, R> Rows<F>
where
    F: Fn(&PositionRow) -> R,
    R: Serialize,
{
    /// The next piece of the array; whether it is the last one.
    async fn piece(&mut self) -> Result<(Vec<u8>, bool), HistoryError> {
        let mut bytes = Vec::with_capacity(PIECE * 64);
        if self.first {
            bytes.push(b'[');
        }
        for _ in 0..PIECE {
            let Some(row) = self.rows.next().await? else {
                bytes.push(b']');
                return Ok((bytes, true));
            };
            if !std::mem::replace(&mut self.first, false) {
                bytes.push(b',');
            }
            serde_json::to_writer(&mut bytes, &(self.render)(&row))
                .map_err(|error| HistoryError::State(error.to_string()))?;
        }
        Ok((bytes, false))
    }
}

/// Answers with what `render` makes of each row. What goes wrong before the first rows are there is an error as
/// any other; later it cuts the answer off, so that nobody takes a part for the whole.
pub(super) async fn array<R: Serialize>(
    rows: PositionRows,
    render: impl Fn(&PositionRow) -> R + Send + 'static,
) -> Result<Response, ApiError> {
    let first = true;
    let mut rows = Rows { rows, render, first };
    let (start, complete) = rows.piece().await?;
    let body = if complete {
        Body::from_vec(start)
    } else {
        let rest = stream::unfold(Some(rows), |rows| async move {
            let mut rows = rows?;
            match rows.piece().await {
                Ok((bytes, complete)) => Some((Ok(Bytes::from(bytes)), (!complete).then_some(rows))),
                Err(error) => {
                    tracing::warn!(%error, "history fails in the middle of an answer");
                    Some((Err(std::io::Error::other(error)), None))
                }
            }
        });
        let start = stream::once(async { Ok::<_, std::io::Error>(Bytes::from(start)) });
        Body::from_bytes_stream(futures_util::StreamExt::chain(start, rest))
    };
    Ok(Response::builder()
        .status(StatusCode::OK)
        .content_type("application/json; charset=utf-8")
        .body(body))
}
