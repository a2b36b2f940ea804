//! Long answers, made while they are read: one of any length takes little memory.

use bytes::Bytes;
use fixstream_core::history::{HistoryError, PositionRow, PositionRows};
use futures_util::stream;
use poem::http::StatusCode;
use poem::{Body, Response};
use serde::Serialize;

use super::error::ApiError;

/// Rows that are made into one piece of the body.
const PIECE: usize = 256;

/// Where the pieces of a body come from.
pub(super) trait Pieces: Send + 'static {
    /// The next piece; whether it is the last one. Not called after that, nor after an error.
    fn piece(&mut self) -> impl Future<Output = Result<(Vec<u8>, bool), HistoryError>> + Send;
}

/// Answers with the pieces. What goes wrong before the first one is there is an error as any other; later it cuts
/// the answer off, so that nobody takes a part for the whole.
pub(super) async fn respond(mut pieces: impl Pieces, media: &'static str) -> Result<Response, ApiError> {
    let (start, complete) = pieces.piece().await?;
    let body = if complete {
        Body::from_vec(start)
    } else {
        let rest = stream::unfold(Some(pieces), |pieces| async move {
            let mut pieces = pieces?;
            match pieces.piece().await {
                Ok((bytes, complete)) => Some((Ok(Bytes::from(bytes)), (!complete).then_some(pieces))),
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
        .content_type(media)
        .body(body))
}

/// Rows on their way into a JSON array.
struct Rows<F> {
    source: PositionRows,
    render: F,
    first: bool,
}

impl<F, R> Pieces for Rows<F>
where
    F: Fn(&PositionRow) -> R + Send + 'static,
    R: Serialize,
{
    async fn piece(&mut self) -> Result<(Vec<u8>, bool), HistoryError> {
        let mut bytes = Vec::with_capacity(PIECE * 64);
        if self.first {
            bytes.push(b'[');
        }
        for _ in 0..PIECE {
            let Some(row) = self.source.next().await? else {
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

/// Answers with an array of what `render` makes of each row.
pub(super) async fn array<R: Serialize>(
    source: PositionRows,
    render: impl Fn(&PositionRow) -> R + Send + 'static,
) -> Result<Response, ApiError> {
    let pieces = Rows {
        source,
        render,
        first: true,
    };
    respond(pieces, "application/json; charset=utf-8").await
}
