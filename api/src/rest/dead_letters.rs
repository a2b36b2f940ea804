//! Messages that could not be understood or assigned: listed, and sent on their way once more.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fixstream_core::history::{Letter, LetterFilter};
use fixstream_core::model::{DeadReason, Offset};
use poem::Response;
use poem::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::codes;
use super::envelope::json_response;
use super::error::ApiError;
use super::fields;
use super::operation::{Call, Operation};
use super::resource::Page;
use super::time::{self, Stamp};
use super::validate::{self, Checked};

/// Letters on a page, where the request says nothing.
const SIZE: u64 = 20;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LetterView {
    id: u64,
    reason: String,
    detail: String,
    received: Option<Stamp>,
    vendor: Option<String>,
    channel: String,
    device: Option<String>,
    plugin: Option<String>,
    replayed: bool,
    /// Whether enough is kept for a replay.
    replayable: bool,
    /// Of the whole payload.
    payload_bytes: u64,
    /// Base64 of its first 64 KiB.
    payload: String,
}

/// What became of a replay.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ReplayView {
    replayed: u64,
    already_replayed: u64,
    not_found: u64,
    not_replayable: u64,
    /// Whether others meet the filters, beyond those of this request.
    more: bool,
    /// For the next request: the letters between these numbers were looked at.
    after: u64,
    before: u64,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "list_dead_letters",
            &["/dead-letters"],
            "Messages that could not be understood or assigned, the newest first",
            list,
        )
        .resource()
        .query(fields::DEAD_LETTER_PAGE)
        .answers::<Page<LetterView>>(200, "One page")
        .refuses(&codes::HISTORY_AWAY),
        Operation::new(
            Method::POST,
            "replay_dead_letters",
            &["/dead-letters/replay"],
            "Sends dead letters on their way once more",
            replay,
        )
        .resource()
        .body(fields::DEAD_LETTER_REPLAY)
        .answers::<ReplayView>(200, "They are on disk as new records")
        .refuses(&codes::NOTHING_CHOSEN)
        .refuses(&codes::HISTORY_AWAY),
    ]
}

/// `GET /v1/dead-letters`: the newest first; filters in the query.
pub(super) async fn list(mut call: Call) -> Result<Response, ApiError> {
    let query = validate::exact_query(std::mem::take(&mut call.query), fields::DEAD_LETTER_PAGE)?;
    let (number, size) = (
        query.long("page").unwrap_or(0),
        query.long("size").unwrap_or(SIZE),
    );
    let filter = LetterFilter {
        replayed: query.flag("replayed").unwrap_or(false),
        ..filter(&call, &query)
    };
    let letters = call.rest.dead_letters.letters();
    let total = letters.count(&filter).await?;
    let found = if number.saturating_mul(size) < total {
        letters.list(&filter, number * size, size).await?
    } else {
        Vec::new()
    };
    let content = found.into_iter().map(|letter| view(letter, filter.replayed));
    Ok(json_response(
        StatusCode::OK,
        &Page::new(content.collect(), total, number, size),
    ))
}

/// `POST /v1/dead-letters/replay`: those with these ids, those that meet the filters, or both; at most 1,000 in
/// one request. Answered when they are on disk as new records.
pub(super) async fn replay(call: Call) -> Result<Response, ApiError> {
    let body = validate::exact_body(&call.body, fields::DEAD_LETTER_REPLAY)?;
    let filter = LetterFilter {
        ids: body.longs("ids").into_iter().map(Offset).collect(),
        after: body.long("after").map(Offset),
        before: body.long("before").map(Offset),
        ..filter(&call, &body)
    };
    // everything at once is never meant by leaving something out
    if filter.ids.is_empty()
        && filter.reasons.is_empty()
        && filter.vendor.is_none()
        && filter.devices.is_empty()
    {
        return Err(ApiError::NothingChosen);
    }
    let done = call.rest.dead_letters.replay(filter).await?;
    Ok(json_response(
        StatusCode::OK,
        &ReplayView {
            replayed: done.replayed,
            already_replayed: done.already,
            not_found: done.missing,
            not_replayable: done.unreplayable,
            more: done.more,
            after: done.after.0,
            before: done.before.0,
        },
    ))
}

/// What both requests can say; always about the caller's own client.
fn filter(call: &Call, fields: &Checked) -> LetterFilter {
    let reason = fields.text("reason");
    LetterFilter {
        client: call.client.id,
        reasons: DeadReason::ALL
            .into_iter()
            .filter(|known| reason == Some(known.name()))
            .collect(),
        vendor: fields.text("vendor").map(str::to_owned),
        devices: fields.text("device").map(str::to_owned).into_iter().collect(),
        ..LetterFilter::default()
    }
}

fn view(letter: Letter, replayed: bool) -> LetterView {
    LetterView {
        id: letter.offset.0,
        reason: letter.reason,
        detail: letter.detail,
        received: time::format(letter.received),
        vendor: (!letter.vendor.is_empty()).then_some(letter.vendor),
        channel: letter.channel,
        device: letter.device,
        plugin: letter.plugin,
        replayed,
        replayable: letter.replayable,
        payload_bytes: letter.payload_bytes,
        payload: BASE64_STANDARD.encode(&letter.payload),
    }
}
