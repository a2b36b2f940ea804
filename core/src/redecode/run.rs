//! The run of one job, page after page.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::again::{Decoder, Page};
use super::change::{Corrector, PATIENCE};
use super::job::{Job, JobId, Request};
use super::jobs::{RedecodeError, Rooms};
use super::judge::Judge;
use super::stretch::{Stretches, Wanted};
use crate::clock;
use crate::corrections::CorrectionError;
use crate::history::{self, HistoryError, RawFilter, RawMessages};
use crate::ingest::IngestError;
use crate::model::{DeviceId, Offset, TimeMs};
use crate::pipeline::{StateError, States};

/// Messages of a page, and about so many bytes of payload.
const MESSAGES: usize = 65_536;
const BYTES: usize = 16 << 20;
/// With a rate limit a page is what may be decoded in this time, about.
const PAGE_TIME: Duration = Duration::from_secs(1);
/// How long before the first message decoders that keep states begin to hear.
const WARM_UP_MS: i64 = 86_400_000;
/// Live messages go first: while history is further behind than this, no page is begun.
const LAG_S: f64 = 5.0;
/// Between two looks at the lag, and after something that passes by itself.
const LOOK: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_secs(2);

/// Why a page, and with it perhaps the run, came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    /// The plugin kept failing; it is tried again by itself.
    #[error("the plugin is out of service")]
    OutOfService,
    /// A decoder is not there.
    #[error("{0}")]
    NoPlugin(String),
    /// Another version decodes now.
    #[error("version {was} of plugin {vendor:?} was replaced by {now}; continue to start anew with that one")]
    Replaced {
        /// Vendor.
        vendor: String,
        /// At the start of the job.
        was: String,
        /// Now.
        now: String,
    },
    /// ClickHouse.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The corrections.
    #[error(transparent)]
    Correction(#[from] CorrectionError),
    /// The states of decoders.
    #[error(transparent)]
    States(#[from] StateError),
    /// The job's file.
    #[error(transparent)]
    Job(#[from] RedecodeError),
}

impl RunError {
    /// Whether it passes by itself.
    fn passes(&self) -> bool {
        match self {
            Self::OutOfService => true,
            Self::History(error) | Self::Correction(CorrectionError::History(error)) => {
                !history::is_permanent(error)
            }
            Self::Correction(CorrectionError::Ingest(error)) => {
                matches!(error, IngestError::Append(_) | IngestError::NoSpace)
            }
            Self::NoPlugin(_)
            | Self::Replaced { .. }
            | Self::Correction(_)
            | Self::States(_)
            | Self::Job(_) => false,
        }
    }
}

impl Request {
    /// The raw messages that are meant, of those below `until`.
    pub(super) fn filter(&self, until: Offset) -> RawFilter {
        RawFilter {
            client: self.sender.client,
            vendor: self.vendor.clone(),
            devices: self.devices.clone(),
            from: self.from,
            to: self.to,
            until,
        }
    }
}

/// Removes what a run of the job has left beside its file.
pub(super) fn forget(folder: &Path, job: JobId) {
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut path = states_path(folder, job).into_os_string();
        path.push(end);
        // it is made anew where it stays
        let _ = std::fs::remove_file(path);
    }
}

fn states_path(folder: &Path, job: JobId) -> PathBuf {
    folder.join(format!("{job}.states.db"))
}

/// Runs a job from its cursor on until all is through, or `halt` is told.
pub(super) async fn run(
    rooms: &Rooms,
    folder: &Path,
    mut job: Job,
    halt: &CancellationToken,
    progress: &(dyn Fn(&Job) -> Result<(), RedecodeError> + Sync),
) -> Result<(), RunError> {
    if job.cursor == Offset(0) {
        forget(folder, job.id);
    }
    let states = States::open(&states_path(folder, job.id)).await?;
    // the states were saved, and so the page was through, but the job's file did not come to say so
    job.cursor = job.cursor.max(states.saved());
    let mut run = Run {
        kept: states_path(folder, job.id),
        decoder: Decoder::new(rooms, states.clone()),
        states,
        judge: Judge::new(rooms),
        corrector: Corrector::new(rooms),
        stretches: Stretches::new(rooms),
        warm: job.cursor > Offset(0),
        ahead: None,
        rooms,
    };
    // what is on disk but not in history yet, as after a crash, would be missed
    let positions = rooms.history.positions();
    while let Err(error) = positions.wait_stored(job.until, PATIENCE).await {
        tracing::warn!(job = %job.id, %error, "re-decoding waits until history has all that it is about");
        pause(PAUSE, halt).await;
        if halt.is_cancelled() {
            return Ok(());
        }
    }
    let began = Instant::now();
    let worked = job.worked_ms;
    while !halt.is_cancelled() {
        give_way(rooms, halt).await;
        let (page, before) = (Instant::now(), job.counts.messages);
        let through = match run.step(&mut job, halt).await {
            Ok(through) => through,
            Err(error) if error.passes() => {
                tracing::warn!(job = %job.id, %error, "re-decoding can not go on at the moment");
                run.go_back().await?;
                pause(PAUSE, halt).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        job.updated = clock::now();
        job.worked_ms = worked + u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        progress(&job)?;
        if through {
            forget(folder, job.id);
            return Ok(());
        }
        if let Some(rate) = job.request.rate {
            let due = (job.counts.messages - before) as f64 / f64::from(rate.get());
            pause(Duration::from_secs_f64(due).saturating_sub(page.elapsed()), halt).await;
        }
    }
    Ok(())
}

async fn pause(time: Duration, halt: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = halt.cancelled() => {}
    }
}

/// Waits while live messages need ClickHouse more.
async fn give_way(rooms: &Rooms, halt: &CancellationToken) {
    while rooms.history.lag().seconds > LAG_S && !halt.is_cancelled() {
        pause(LOOK, halt).await;
    }
}

/// A page that is read and decoded while the one before it is worked on, and where it begins.
type Ahead = (Offset, AbortOnDropHandle<Result<Option<Decoded>, RunError>>);

/// A page as its decoder understands it now.
struct Decoded {
    /// Its first message …
    first: Offset,
    /// … and behind its last one.
    end: Offset,
    messages: u64,
    /// The devices to which its messages were resolved when they arrived.
    resolved: BTreeSet<DeviceId>,
    page: Page,
}

/// Reads and decodes the page that begins at `start`; `None`: there is none.
async fn decoded(
    raw: RawMessages,
    decoder: Decoder,
    filter: RawFilter,
    start: Offset,
    most: usize,
) -> Result<Option<Decoded>, RunError> {
    let raw = raw.page(&filter, start, most, BYTES).await?;
    let (Some(first), Some(last)) = (raw.first(), raw.last()) else {
        return Ok(None);
    };
    Ok(Some(Decoded {
        first: first.offset,
        end: Offset(last.offset.0 + 1),
        messages: raw.len() as u64,
        resolved: raw.iter().map(|message| message.device).collect(),
        page: decoder.decode(raw).await?,
    }))
}

struct Run<'a> {
    rooms: &'a Rooms,
    ahead: Option<Ahead>,
    /// Where the states are kept.
    kept: PathBuf,
    decoder: Decoder,
    states: States,
    judge: Judge<'a>,
    corrector: Corrector<'a>,
    stretches: Stretches<'a>,
    /// Decoders that keep states have heard what came before the first message.
    warm: bool,
}

impl Run<'_> {
    /// The next step of a job: the way to its first message, or a page. True when there is none.
    async fn step(&mut self, job: &mut Job, halt: &CancellationToken) -> Result<bool, RunError> {
        if self.warm {
            return self.page(job).await;
        }
        self.warm_up(job, halt).await?;
        self.warm = true;
        Ok(false)
    }

    /// Forgets what a page that came to nothing has taught: decoders and devices are as they were before it.
    async fn go_back(&mut self) -> Result<(), RunError> {
        self.ahead = None;
        self.states = States::open(&self.kept).await?;
        self.decoder = Decoder::new(self.rooms, self.states.clone());
        self.judge = Judge::new(self.rooms);
        self.corrector = Corrector::new(self.rooms);
        self.stretches = Stretches::new(self.rooms);
        Ok(())
    }

    /// Lets decoders that keep states hear what came before the first message.
    async fn warm_up(&mut self, job: &Job, halt: &CancellationToken) -> Result<(), RunError> {
        let Some(from) = job.request.from else {
            return Ok(());
        };
        let filter = RawFilter {
            from: Some(TimeMs(from.0.saturating_sub(WARM_UP_MS))),
            to: Some(from),
            ..job.request.filter(job.until)
        };
        let raw = self.rooms.history.raw_messages();
        let mut start = Offset(0);
        while !halt.is_cancelled() {
            let page = raw.page(&filter, start, MESSAGES, BYTES).await?;
            let Some(last) = page.last().map(|message| message.offset) else {
                break;
            };
            start = Offset(last.0 + 1);
            self.decoder.decode(page).await?;
            if !self.states.has(&job.request.vendor) {
                break;
            }
            self.states.save(start).await?;
        }
        Ok(())
    }

    /// Decodes the next page and corrects what differs. True when there was none.
    async fn page(&mut self, job: &mut Job) -> Result<bool, RunError> {
        self.same_version(job)?;
        let most = job.request.rate.map_or(MESSAGES, |rate| {
            let messages = f64::from(rate.get()) * PAGE_TIME.as_secs_f64();
            (messages as usize).clamp(1, MESSAGES)
        });
        let filter = job.request.filter(job.until);
        let Some(decoded) = self.decoded(&filter, job.cursor, most).await? else {
            return Ok(true);
        };
        let Decoded {
            first,
            end,
            messages,
            resolved,
            page,
        } = decoded;
        self.decode_ahead(&filter, end, most);
        // what came between the pages counts as well
        let start = if job.cursor == Offset(0) {
            first
        } else {
            job.cursor
        };
        let fixes = page
            .messages
            .iter()
            .flat_map(|message| message.fixes.iter().flatten());
        let mut devices: BTreeSet<DeviceId> = fixes.filter_map(|fix| fix.device).collect();
        let others = devices.difference(&resolved).copied().collect();
        devices.extend(resolved);

        let mut counts = job.counts;
        counts.messages += messages;
        counts.skipped += page.unreadable;
        // from here on nobody else corrects these devices
        let mut held = self.rooms.corrections.hold(&devices).await;
        let read = self.stretches.stored();
        let wanted = Wanted {
            client: job.client(),
            records: start..end,
            messages: &filter,
            others,
            corrected: self.corrector.others_stored(&held, read).await?,
        };
        self.judge.acquaint(job, &devices, start, &page).await?;
        let stretch = self.stretches.of(&wanted).await?;
        let judged = self.judge.judge(job, stretch, page, &mut counts).await;
        let corrected = self.corrector.correct(job, judged, &mut counts, &mut held);
        let corrected = corrected.await?;
        if corrected.stepped_back {
            self.stretches.forget();
        }
        self.states.save(end).await?;
        job.advance(end, counts, corrected.samples);
        Ok(false)
    }

    /// The page that begins at `start`.
    async fn decoded(
        &mut self,
        filter: &RawFilter,
        start: Offset,
        most: usize,
    ) -> Result<Option<Decoded>, RunError> {
        if let Some((at, page)) = self.ahead.take()
            && at == start
            && let Ok(page) = page.await
        {
            return page;
        }
        let raw = self.rooms.history.raw_messages();
        decoded(raw, self.decoder.clone(), filter.clone(), start, most).await
    }

    /// Begins to decode the page at `start`: what it holds does not change any more, and states that it leaves are kept
    /// apart from those of the page before it.
    fn decode_ahead(&mut self, filter: &RawFilter, start: Offset, most: usize) {
        let raw = self.rooms.history.raw_messages();
        let page = decoded(raw, self.decoder.clone(), filter.clone(), start, most);
        self.ahead = Some((start, AbortOnDropHandle::new(tokio::spawn(page))));
    }

    fn same_version(&self, job: &Job) -> Result<(), RunError> {
        let vendor = &job.request.vendor;
        let Some(manifest) = self.rooms.decode.manifest(vendor) else {
            return Err(RunError::NoPlugin(format!(
                "no plugin named {vendor:?} is in service"
            )));
        };
        let now = manifest.version.to_string();
        if now == job.version {
            return Ok(());
        }
        Err(RunError::Replaced {
            vendor: vendor.clone(),
            was: job.version.clone(),
            now,
        })
    }
}
