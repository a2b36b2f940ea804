//! `/v1/redecodes`: history decoded again by the plugin that is in service now; asked for, watched, stopped and
//! continued.
//!
//! A client sees and changes its own. Keys of scope admin may, because what a decoder says about all of a client's
//! history is not the business of whoever sends positions.

use std::num::NonZeroU32;

use fixstream_core::model::{DeviceId, TimeMs};
use fixstream_core::redecode::{Asked, Counts, Difference, Job, JobId, JobState, RedecodeError, Request};
use fixstream_core::registry::{Begun, Remembered, Scope};
use poem::Response;
use poem::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::create::{self, Repeatable};
use super::page;
use super::positions::{self, PositionView};
use crate::rest::codes;
use crate::rest::envelope::json_response;
use crate::rest::error::ApiError;
use crate::rest::operation::{Call, Content, Operation};
use crate::rest::positions::{owned_device, sender};
use crate::rest::resource::Page;
use crate::rest::time::{self, Stamp};
use crate::rest::validate::{self, Checked, Field, MAX_RECORD, Rule};

/// Devices that one job names, at most.
const MAX_DEVICES: usize = 1_000;
/// Fastest rate that can be asked for, messages per second; without one nothing holds it back.
const MAX_RATE: u64 = 1_000_000;

/// Query of the list.
pub(super) const LIST: &[Field] = &[page::number(), page::size()];

/// What is to be decoded again. Times are those of receipt, from one on and before another.
pub(super) const NEW: &[Field] = &[
    Field::text("vendor", 32).required(),
    Field::new("deviceIds", Rule::Ids { max: MAX_DEVICES }),
    Field::new("from", Rule::Time),
    Field::new("to", Rule::Time),
    Field::new("dryRun", Rule::Flag),
    Field::new(
        "rate",
        Rule::Integer {
            min: 1,
            max: MAX_RATE,
        },
    ),
];

/// Path of one job.
pub(super) const PATH: &[Field] = &[Field::new(
    "id",
    Rule::Integer {
        min: 1,
        max: MAX_RECORD,
    },
)
.required()];

/// A re-decoding.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RedecodeView {
    id: u64,
    /// `waiting` (one runs at a time), `running`, `stopped`, `failed` or `finished`.
    state: &'static str,
    /// Why it failed.
    reason: Option<String>,
    vendor: String,
    /// Of the plugin that decodes; links and trackers that pin a version keep theirs.
    version: String,
    /// Empty: all devices.
    device_ids: Vec<u32>,
    /// Messages received at or after this.
    from: Option<Stamp>,
    /// And before this.
    to: Option<Stamp>,
    /// Whether it only says what would differ.
    dry_run: bool,
    /// Messages per second, at most.
    rate: Option<u32>,
    created_at: Option<Stamp>,
    updated_at: Option<Stamp>,
    /// Messages that there are to decode.
    total: u64,
    /// Messages of them that are through.
    done: u64,
    percent: f64,
    /// While it worked; null: it has not yet.
    messages_per_second: Option<f64>,
    counts: CountsView,
    /// The first positions that differ, as they were and as they are from now on; only where one job is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    samples: Option<Vec<SampleView>>,
}

/// What became of the positions of the messages that are through.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CountsView {
    /// As they were.
    unchanged: u64,
    /// Restated.
    changed: u64,
    /// The decoder did not find them before.
    added: u64,
    /// The decoder does not find them any more.
    removed: u64,
    /// Corrected by a person, so no decoder changes them.
    kept: u64,
    /// Messages that are not understood now; their positions stay.
    refused: u64,
    /// Of no registered device; they stay, or are not added.
    unassigned: u64,
    /// Corrected too often to be restated once more; or messages of which too little is kept.
    skipped: u64,
}

/// A position that differs.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SampleView {
    position_id: u64,
    /// Null: it is added.
    before: Option<PositionView>,
    /// Null: it is removed.
    after: Option<PositionView>,
}

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    const ALL: &[&str] = &["/redecodes"];
    const ONE: &[&str] = &["/redecodes/{id}"];
    const CONTINUE: &[&str] = &["/redecodes/{id}/continue"];
    let admin = |operation: Operation| operation.resource().scope(Scope::Admin);
    let one = |operation: Operation| {
        admin(operation)
            .parameters(PATH)
            .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
    };
    vec![
        admin(Operation::new(
            Method::GET,
            "list_redecodes",
            ALL,
            "Re-decodings, the newest first",
            list,
        ))
        .query(LIST)
        .answers::<Page<RedecodeView>>(200, "One page"),
        admin(Operation::new(
            Method::POST,
            "create_redecode",
            ALL,
            "Decodes messages again that were received until now, by the plugin that is in service",
            create,
        ))
        .body(NEW)
        .answers::<RedecodeView>(
            201,
            "It waits for those before it, or runs; at Location it can be watched",
        )
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND)
        .refuses(&codes::PLUGIN_NOT_FOUND)
        .refuses(&codes::REDECODE_CONFLICT)
        .refuses(&codes::IDEMPOTENCY_KEY_REUSED)
        .refuses(&codes::HISTORY_AWAY),
        one(Operation::new(
            Method::GET,
            "get_redecode",
            ONE,
            "A re-decoding, and the first positions that differ",
            get,
        ))
        .answers::<RedecodeView>(200, "How far it is"),
        one(Operation::new(
            Method::DELETE,
            "stop_redecode",
            ONE,
            "Stops a re-decoding; what is done stays done, and it can be continued",
            stop,
        ))
        .answers_with(204, "It stops", Content::Empty)
        .refuses(&codes::REDECODE_CONFLICT),
        one(Operation::new(
            Method::POST,
            "continue_redecode",
            CONTINUE,
            "Goes on with a re-decoding that was stopped or has failed",
            resume,
        ))
        .answers::<RedecodeView>(
            200,
            "It goes on where it was; from the beginning where the plugin has another version now",
        )
        .refuses(&codes::PLUGIN_NOT_FOUND)
        .refuses(&codes::REDECODE_CONFLICT),
    ]
}

async fn list(mut call: Call) -> Result<Response, ApiError> {
    let query = validate::exact_query(std::mem::take(&mut call.query), LIST)?;
    let jobs = call.rest.redecode.jobs(call.client.id);
    let by_id = |_: &str, one: &Job, other: &Job| one.id.cmp(&other.id);
    let page = page::of(jobs, &query, by_id, view);
    Ok(json_response(StatusCode::OK, &page))
}

/// `POST /v1/redecodes`: answered when the job is on disk.
///
/// Under an `Idempotency-Key`, that it begins is stored first, then the job, which carries the key, and the answer last.
/// Where only the beginning is found, the job is found by the key, or none was made: a crash anywhere in between leads to
/// one job. What is refused makes none, and its key may be used for what is asked for instead.
async fn create(call: Call) -> Result<Response, ApiError> {
    let request = wanted(&call)?;
    let Some(repeatable) = Repeatable::of(&call, "create_redecode")? else {
        let job = make(&call, request, None).await?;
        return Ok(create::untagged(answer(&job)));
    };
    let (registry, client) = (&call.rest.registry, call.client.id);
    let turn = match repeatable.begin(registry, client).await? {
        Begun::Before(answer) => return Ok(create::untagged(answer)),
        Begun::Now(turn) | Begun::Again(turn) => turn,
    };
    let asked = Asked {
        key: turn.key().to_owned(),
        at: turn.at(),
    };
    let job = match call.rest.redecode.asked(client, &asked) {
        Some(job) => job,
        None => match make(&call, request, Some(asked)).await {
            Ok(job) => job,
            // its file may be there all the same
            Err(error @ RedecodeError::File { .. }) => return Err(error.into()),
            Err(error) => {
                registry.abandon_once(turn).await?;
                return Err(error.into());
            }
        },
    };
    let answer = answer(&job);
    registry.end_once(turn, answer.clone()).await?;
    Ok(create::untagged(answer))
}

async fn make(call: &Call, request: Request, asked: Option<Asked>) -> Result<Job, RedecodeError> {
    let job = call.rest.redecode.create(request, asked).await?;
    tracing::info!(job = %job.id, vendor = job.request.vendor, key = call.key.id, "re-decoding asked for");
    Ok(job)
}

/// The answer to a new job.
fn answer(job: &Job) -> Remembered {
    create::answer(format!("/v1/redecodes/{}", job.id), &shown(job))
}

/// What the body asks for.
fn wanted(call: &Call) -> Result<Request, ApiError> {
    let fields = validate::exact_body(&call.body, NEW)?;
    let (from, to) = stretch(&fields)?;
    let owned = fields
        .ids("deviceIds")
        .into_iter()
        .map(|id| owned_device(call, id, "deviceIds"));
    let mut devices: Vec<DeviceId> = owned.collect::<Result<_, _>>()?;
    devices.sort_unstable();
    devices.dedup();
    Ok(Request {
        sender: sender(call),
        vendor: fields.required_text("vendor"),
        devices,
        from,
        to,
        dry_run: fields.flag("dryRun").unwrap_or(false),
        rate: fields.id("rate").and_then(NonZeroU32::new),
    })
}

async fn get(mut call: Call) -> Result<Response, ApiError> {
    let id = id(&mut call)?;
    let job = call.rest.redecode.job(call.client.id, id)?;
    Ok(json_response(StatusCode::OK, &shown(&job)))
}

async fn stop(mut call: Call) -> Result<Response, ApiError> {
    let id = id(&mut call)?;
    call.rest.redecode.stop(call.client.id, id)?;
    tracing::info!(job = %id, key = call.key.id, "re-decoding stopped");
    Ok(create::nothing())
}

async fn resume(mut call: Call) -> Result<Response, ApiError> {
    let id = id(&mut call)?;
    let job = call.rest.redecode.resume(call.client.id, id)?;
    tracing::info!(job = %id, key = call.key.id, "re-decoding continued");
    Ok(json_response(StatusCode::OK, &shown(&job)))
}

/// The job that the path names.
fn id(call: &mut Call) -> Result<JobId, ApiError> {
    let path = validate::query(std::mem::take(&mut call.parameters), PATH)?;
    Ok(JobId(path.long("id").unwrap_or_default()))
}

/// The times of receipt; where both are given, some time lies between them.
fn stretch(fields: &Checked) -> Result<(Option<TimeMs>, Option<TimeMs>), ApiError> {
    let (from, to) = (fields.time("from"), fields.time("to"));
    if let (Some(from), Some(to)) = (from, to)
        && to <= from
    {
        let least = time::format(TimeMs(from.0.saturating_add(1)))
            .map_or_else(String::new, |least| least.to_string());
        let violation = validate::violation(&codes::VALUE_BELOW_MINIMUM, "to", &[("minValue", &least)]);
        return Err(ApiError::Violations(vec![violation]));
    }
    Ok((from, to))
}

/// A job with its samples.
fn shown(job: &Job) -> RedecodeView {
    let samples = job.samples.iter().map(sample).collect();
    RedecodeView {
        samples: Some(samples),
        ..view(job)
    }
}

fn view(job: &Job) -> RedecodeView {
    let Job { request, counts, .. } = job;
    RedecodeView {
        id: job.id.0,
        state: job.state.name(),
        reason: job.reason.clone(),
        vendor: request.vendor.clone(),
        version: job.version.clone(),
        device_ids: request.devices.iter().map(|device| device.0).collect(),
        from: request.from.and_then(time::format),
        to: request.to.and_then(time::format),
        dry_run: request.dry_run,
        rate: request.rate.map(NonZeroU32::get),
        created_at: time::format(job.created),
        updated_at: time::format(job.updated),
        total: job.total,
        done: counts.messages,
        percent: percent(job),
        messages_per_second: (job.worked_ms > 0).then(|| rate(counts.messages, job.worked_ms)),
        counts: CountsView::from(counts),
        samples: None,
    }
}

/// How far it is, to hundredths. What was counted at its beginning may have gone since, so that only the end is 100.
fn percent(job: &Job) -> f64 {
    if job.state == JobState::Finished {
        return 100.0;
    }
    let share = job.counts.messages as f64 / job.total.max(1) as f64;
    ((share * 1e4).floor() / 100.0).min(99.99)
}

/// Messages per second, to tenths.
fn rate(messages: u64, worked_ms: u64) -> f64 {
    (messages as f64 / worked_ms as f64 * 1e4).round() / 10.0
}

impl From<&Counts> for CountsView {
    fn from(counts: &Counts) -> Self {
        Self {
            unchanged: counts.unchanged,
            changed: counts.changed,
            added: counts.added,
            removed: counts.removed,
            kept: counts.kept,
            refused: counts.refused,
            unassigned: counts.unassigned,
            skipped: counts.skipped,
        }
    }
}

fn sample(difference: &Difference) -> SampleView {
    SampleView {
        position_id: difference.id.0,
        before: difference.before.as_ref().map(positions::standing),
        after: difference.after.as_ref().map(positions::standing),
    }
}
