//! `/v1/positions`: one position by its id; and those of a device, page by page behind a cursor.

mod fields;
mod view;

use fixstream_core::clock;
use fixstream_core::corrections::CorrectionError;
use fixstream_core::history::{Order, PositionRow, PositionSelection};
use fixstream_core::model::{DeviceId, Fix, PositionId, Source, TimeMs, Verdict};
use fixstream_core::registry::{Begun, Remembered};
use poem::Response;
use poem::http::{Method, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

pub(super) use fields::{CHANGE, NEW};
use view::Seen;
pub(super) use view::{PositionView, standing};

use super::create::{self, Repeatable};
use super::cursor::{self, MAX_CURSOR};
use super::etag;
use crate::rest::codes;
use crate::rest::envelope::json_response;
use crate::rest::error::ApiError;
use crate::rest::operation::{Call, Content, Operation};
use crate::rest::positions::{STORED, journal, owned_device, sender};
use crate::rest::validate::{self, Field, MAX_RECORD, Rule};

/// Positions on a page: at most, and where the request says nothing.
const MAX_LIMIT: u64 = 1_000;
const LIMIT: u64 = 100;
/// Where a position is, before its id.
const AT: &str = "/v1/positions/";
/// Trusted fixes are `ok` or `clock`.
const TRUSTED: &str = "trusted";

/// Names of the filter by verdict: all verdicts that a row may have and that can be read, and `trusted`.
const VERDICTS: &[&str] = &[
    TRUSTED,
    Verdict::Ok.name(),
    Verdict::Late.name(),
    Verdict::Future.name(),
    Verdict::Invalid.name(),
    Verdict::NullIsland.name(),
    Verdict::Jump.name(),
    Verdict::Clock.name(),
];
const ORDERS: &[&str] = &["asc", "desc"];

/// Path of one position.
const PATH: &[Field] = &[Field::new(
    "id",
    Rule::Integer {
        min: 1,
        max: MAX_RECORD,
    },
)
.required()];

/// Path of a device.
const DEVICE_PATH: &[Field] = &[Field::id("id").required()];

/// Query of `GET /v1/devices/{id}/positions`.
pub(super) const OF_DEVICE: &[Field] = &[
    Field::new("from", Rule::Time),
    Field::new("to", Rule::Time),
    Field::new("verdict", Rule::OneOf(VERDICTS)),
    Field::new(
        "limit",
        Rule::Integer {
            min: 1,
            max: MAX_LIMIT,
        },
    ),
    Field::text("cursor", MAX_CURSOR),
    Field::new("order", Rule::OneOf(ORDERS)),
];

/// One page of positions.
#[derive(Serialize, JsonSchema)]
struct CursorPage {
    content: Vec<PositionView>,
    /// The cursor of the next page; null: this is the last one.
    next: Option<String>,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::POST,
            "v1_create_position",
            &["/positions"],
            "Takes a position",
            create,
        )
        .resource()
        .body(NEW)
        .answers::<PositionView>(201, "The position is on disk; it is judged in a moment")
        .refuses(&codes::IDEMPOTENCY_KEY_REUSED)
        .refuses_all(STORED),
        Operation::new(
            Method::GET,
            "v1_get_position",
            &["/positions/{id}"],
            "A position, with all corrections",
            get,
        )
        .resource()
        .parameters(PATH)
        .answers::<PositionView>(200, "The position, with its ETag")
        .refuses_all(STORED),
        Operation::new(
            Method::PATCH,
            "v1_update_position",
            &["/positions/{id}"],
            "Corrects a position; what is not given, or null, stays as it is",
            update,
        )
        .resource()
        .parameters(PATH)
        .body(CHANGE)
        .answers::<PositionView>(
            200,
            "The correction is on disk; the position is judged again in a moment",
        )
        .refuses(&codes::PRECONDITION_FAILED)
        .refuses(&codes::ENTITY_WITH_FIELD_ALREADY_EXISTS)
        .refuses_all(STORED),
        Operation::new(
            Method::DELETE,
            "v1_delete_position",
            &["/positions/{id}"],
            "Deletes a position; the latest position of its device steps back where it was that",
            delete,
        )
        .resource()
        .parameters(PATH)
        .answers_with(204, "The deletion is on disk", Content::Empty)
        .refuses(&codes::PRECONDITION_FAILED)
        .refuses_all(STORED),
        Operation::new(
            Method::GET,
            "v1_list_device_positions",
            &["/devices/{id}/positions"],
            "The positions of a device by time, from a point in time on and before another",
            of_device,
        )
        .resource()
        .parameters(DEVICE_PATH)
        .query(OF_DEVICE)
        .answers::<CursorPage>(200, "One page, and the cursor of the next")
        .refuses(&codes::INVALID_CURSOR)
        .refuses_all(STORED),
    ]
}

/// `POST /v1/positions`: answered when the position is on disk.
///
/// Under an `Idempotency-Key`, that it begins is stored first, with the time of receipt, and the answer last. Where only
/// the beginning is found, history knows whether there is such a position: the same fix of the same time of receipt
/// has one place there. So a crash anywhere in between neither loses nor doubles it.
async fn create(call: Call) -> Result<Response, ApiError> {
    let fields = validate::exact_body(&call.body, NEW)?;
    let device = owned_device(&call, fields.required_id("deviceId"), "deviceId")?;
    let mut fix = Fix::default();
    fields::state(&fields, &mut fix);
    let Some(repeatable) = Repeatable::of(&call, "create_position")? else {
        let received = clock::now();
        let id = take(&call, device, &fix, received).await?;
        return Ok(respond(answer(id, device, &fix, received)));
    };
    let (registry, client) = (&call.rest.registry, call.client.id);
    let (turn, known) = match repeatable.begin(registry, client).await? {
        Begun::Before(answer) => return Ok(respond(answer)),
        Begun::Now(turn) => (turn, None),
        Begun::Again(turn) => {
            let corrections = &call.rest.corrections;
            let known = corrections.taken(client, device, &fix, turn.at()).await?;
            (turn, known)
        }
    };
    let received = turn.at();
    let id = match known {
        Some(id) => id,
        None => take(&call, device, &fix, received).await?,
    };
    let answer = answer(id, device, &fix, received);
    registry.end_once(turn, answer.clone()).await?;
    Ok(respond(answer))
}

/// Journals a position; its id, once it is on disk.
async fn take(call: &Call, device: DeviceId, fix: &Fix, received: TimeMs) -> Result<PositionId, ApiError> {
    let fix = Box::new(fix.clone());
    let offset = journal(call, Source::Position { device, fix }, received).await?;
    Ok(PositionId::new(offset, 0))
}

/// The answer to a new position.
fn answer(id: PositionId, device: DeviceId, fix: &Fix, received: TimeMs) -> Remembered {
    let seen = Seen {
        id,
        device,
        received,
        revision: 0,
        vendor: "",
        plugin: "",
    };
    create::answer(format!("{AT}{id}"), &seen.of(fix, None))
}

/// The answer as a response, with the position's own tag.
fn respond(answer: Remembered) -> Response {
    let id = answer.location.strip_prefix(AT).and_then(|id| id.parse().ok());
    let tag = etag::tag(&view::version(PositionId(id.unwrap_or_default()), 0));
    let mut response = create::respond(answer);
    etag::put(&mut response, &tag);
    response
}
/// `GET /v1/positions/{id}`.
async fn get(mut call: Call) -> Result<Response, ApiError> {
    let id = id(&mut call)?;
    let found = call.rest.corrections.position(call.client.id, id).await;
    let row = found.map_err(uncorrected)?;
    Ok(one(&row, Some(row.verdict)))
}

/// `PATCH /v1/positions/{id}`: answered when the correction is on disk.
async fn update(mut call: Call) -> Result<Response, ApiError> {
    let id = id(&mut call)?;
    let fields = validate::exact_body(&call.body, CHANGE)?;
    let device = match fields.id("deviceId") {
        Some(id) => Some(owned_device(&call, id, "deviceId")?),
        None => None,
    };
    let seen = seen(&call, id).await?;
    let corrections = &call.rest.corrections;
    let edited = corrections.update(sender(&call), id, seen, device, |fix| {
        fields::state(&fields, fix);
    });
    let row = edited.await.map_err(uncorrected)?;
    Ok(one(&row, None))
}

/// `DELETE /v1/positions/{id}`: answered when the deletion is on disk.
async fn delete(mut call: Call) -> Result<Response, ApiError> {
    let id = id(&mut call)?;
    let seen = seen(&call, id).await?;
    let deleted = call.rest.corrections.delete(sender(&call), id, seen).await;
    deleted.map_err(uncorrected)?;
    Ok(Response::builder().status(StatusCode::NO_CONTENT).finish())
}

/// `GET /v1/devices/{id}/positions`.
async fn of_device(mut call: Call) -> Result<Response, ApiError> {
    let path = validate::query(std::mem::take(&mut call.parameters), DEVICE_PATH)?;
    let query = validate::exact_query(std::mem::take(&mut call.query), OF_DEVICE)?;
    let after = match query.text("cursor") {
        Some(text) => Some(cursor::read(text).ok_or_else(|| {
            let violation = validate::violation(&codes::INVALID_CURSOR, "cursor", &[]);
            ApiError::Violations(vec![violation])
        })?),
        None => None,
    };
    let device = owned_device(&call, path.required_id("id"), "id")?;
    let limit = query.long("limit").unwrap_or(LIMIT);
    let selection = PositionSelection {
        client: call.client.id,
        devices: vec![device],
        from: query.time("from"),
        to: query.time("to"),
        verdicts: verdicts(query.text("verdict")),
        after,
        order: match query.text("order") {
            Some("desc") => Order::Descending,
            _ => Order::Ascending,
        },
        skip: 0,
        // one more shows whether there is another page
        limit: limit + 1,
    };
    let mut rows = call.rest.corrections.positions(&selection).await?;
    let (mut content, mut next, mut last) = (Vec::new(), None, None);
    while let Some(row) = rows.next().await? {
        if content.len() as u64 == limit {
            next = last.as_ref().map(cursor::behind);
            break;
        }
        content.push(view::view(&row));
        last = Some(row);
    }
    Ok(json_response(StatusCode::OK, &CursorPage { content, next }))
}

/// The position that the path names.
fn id(call: &mut Call) -> Result<PositionId, ApiError> {
    let path = validate::query(std::mem::take(&mut call.parameters), PATH)?;
    Ok(PositionId(path.long("id").unwrap_or_default()))
}

/// The revision that the caller demands the position to have still, where it demands one.
async fn seen(call: &Call, id: PositionId) -> Result<Option<u8>, ApiError> {
    if !call.headers.contains_key(header::IF_MATCH) {
        return Ok(None);
    }
    let found = call.rest.corrections.position(call.client.id, id).await;
    let row = found.map_err(uncorrected)?;
    let demanded = etag::demanded(&call.headers, "POSITION", &Seen::from(&row).version())?;
    Ok(demanded.then_some(row.revision))
}

/// The answer about one position, with its tag.
fn one(row: &PositionRow, verdict: Option<Verdict>) -> Response {
    let seen = Seen::from(row);
    let mut response = json_response(StatusCode::OK, &seen.of(&row.fix, verdict));
    etag::put(&mut response, &etag::tag(&seen.version()));
    response
}

fn uncorrected(error: CorrectionError) -> ApiError {
    ApiError::uncorrected(error, "id", "time")
}

/// The verdicts that a filter means; empty: any.
fn verdicts(filter: Option<&str>) -> Vec<Verdict> {
    let Some(filter) = filter else {
        return Vec::new();
    };
    let meant = |verdict: &Verdict| verdict.name() == filter || (filter == TRUSTED && verdict.is_trusted());
    Verdict::ALL.into_iter().filter(meant).collect()
}
