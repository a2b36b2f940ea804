//! The run of one job, page after page.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::again::{Again, Decoder, Page};
use super::job::{Difference, Job, JobId, MAX_SAMPLES, Request};
use super::jobs::{RedecodeError, Rooms};
use super::plan::{self, Change, Item};
use crate::clock;
use crate::corrections::{CorrectionError, Held};
use crate::device::{self, Reading, Shadow, StepConfig};
use crate::history::{self, Among, HistoryError, LetterFilter, Place, PositionRow, RawFilter};
use crate::ingest::IngestError;
use crate::model::{Correction, DeviceId, Offset, PositionId, Restated, Standing, TimeMs, Verdict};
use crate::pipeline::{StateError, States};

/// Messages of a page, and about so many bytes of payload.
const MESSAGES: usize = 16_384;
const BYTES: usize = 16 << 20;
/// With a rate limit a page is what may be decoded in this time, about.
const PAGE_TIME: Duration = Duration::from_secs(1);
/// How far back a device's last fix before the first page is looked for.
const BEFORE_MS: i64 = 32 * 86_400_000;
/// How long before the first message decoders that keep states begin to hear.
const WARM_UP_MS: i64 = 86_400_000;
/// Live messages go first: while history is further behind than this, no page is begun.
const LAG_S: f64 = 5.0;
/// Between two looks at the lag, and after something that passes by itself.
const LOOK: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_secs(2);
/// How long what was journalled may take to get into ClickHouse before that counts as something that passes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Latest positions that are corrected together.
const TOGETHER: usize = 64;
/// Messages in one question for their letters.
const LETTERS: usize = 1_000;

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
        decoder: Decoder::new(rooms, states.clone()),
        states,
        shadows: HashMap::new(),
        config: StepConfig::from(&rooms.devices),
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
    if job.cursor == Offset(0) {
        run.warm_up(&job, halt).await?;
    }
    let began = Instant::now();
    let (worked, start) = (job.worked_ms, job.counts.messages);
    while !halt.is_cancelled() {
        run.give_way(halt).await;
        let through = match run.page(&mut job).await {
            Ok(through) => through,
            Err(error) if error.passes() => {
                tracing::warn!(job = %job.id, %error, "re-decoding can not go on at the moment");
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
            let due = (job.counts.messages - start) as f64 / f64::from(rate.get());
            pause(Duration::from_secs_f64(due).saturating_sub(began.elapsed()), halt).await;
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

struct Run<'a> {
    rooms: &'a Rooms,
    decoder: Decoder,
    states: States,
    /// The devices as of the last message that was judged.
    shadows: HashMap<DeviceId, Shadow>,
    config: StepConfig,
}

/// The positions of a page as they should be, by id.
#[derive(Default)]
struct Judged {
    items: BTreeMap<PositionId, Item>,
    /// Of earlier pages: jumps that a fix of this page confirms.
    confirmed: Vec<(PositionId, Verdict)>,
    /// Messages of which no position was known.
    silent: Vec<(Offset, TimeMs)>,
    /// Places of the page at which more than one position has stood.
    contested: HashSet<Place>,
}

impl Run<'_> {
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
            let page = match raw.page(&filter, start, MESSAGES, BYTES).await {
                Ok(page) => page,
                Err(error) if !history::is_permanent(&error) => {
                    pause(PAUSE, halt).await;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let Some(last) = page.last().map(|message| message.offset) else {
                break;
            };
            self.decoder.decode(page).await?;
            if !self.states.has(&job.request.vendor) {
                break;
            }
            start = Offset(last.0 + 1);
        }
        Ok(())
    }

    /// Waits while live messages need ClickHouse more.
    async fn give_way(&self, halt: &CancellationToken) {
        while self.rooms.history.lag().seconds > LAG_S && !halt.is_cancelled() {
            pause(LOOK, halt).await;
        }
    }

    /// Decodes the next page and corrects what differs. True when there was none.
    async fn page(&mut self, job: &mut Job) -> Result<bool, RunError> {
        self.same_version(job)?;
        let most = job.request.rate.map_or(MESSAGES, |rate| {
            let messages = f64::from(rate.get()) * PAGE_TIME.as_secs_f64();
            (messages as usize).clamp(1, MESSAGES)
        });
        let filter = job.request.filter(job.until);
        let raw = self.rooms.history.raw_messages();
        let raw = raw.page(&filter, job.cursor, most, BYTES).await?;
        let (Some(first), Some(last)) = (raw.first(), raw.last()) else {
            return Ok(true);
        };
        // what came between the pages counts as well
        let start = if job.cursor == Offset(0) {
            first.offset
        } else {
            job.cursor
        };
        let end = Offset(last.offset.0 + 1);
        let messages = raw.len() as u64;
        let mut devices: BTreeSet<DeviceId> = raw.iter().map(|message| message.device).collect();
        let page = self.decoder.decode(raw).await?;
        let fixes = page
            .messages
            .iter()
            .flat_map(|message| message.fixes.iter().flatten());
        devices.extend(fixes.filter_map(|fix| fix.device));

        let mut counts = job.counts;
        counts.messages += messages;
        counts.skipped += page.unreadable;
        // from here on nobody else corrects these devices
        let mut held = self.rooms.corrections.hold(&devices).await;
        let positions = self.rooms.history.positions();
        positions.wait_stored(held.end(), PATIENCE).await?;
        self.acquaint(job, &devices, start, &page).await?;
        let judged = self.judge(job, start..end, &devices, page, &mut counts).await;
        let done = match judged {
            Ok(judged) => self.correct(job, judged, &mut counts, &mut held).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            // they are further than what will be judged again
            self.shadows.clear();
            return Err(error);
        }
        self.states.save(end).await?;
        (job.cursor, job.counts) = (end, counts);
        Ok(false)
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

    /// Gets to know the devices that are new to the run as they were before this page.
    async fn acquaint(
        &mut self,
        job: &Job,
        devices: &BTreeSet<DeviceId>,
        start: Offset,
        page: &Page,
    ) -> Result<(), RunError> {
        let known = |device: &DeviceId| self.shadows.contains_key(device);
        let new: Vec<DeviceId> = devices.iter().copied().filter(|device| !known(device)).collect();
        let Some(first) = page.messages.first().filter(|_| !new.is_empty()) else {
            return Ok(());
        };
        let since = TimeMs(first.received.0.saturating_sub(BEFORE_MS));
        let before = PositionId::new(start, 0);
        let positions = self.rooms.history.positions();
        let rows = positions.newest_before(job.client(), &new, since, before).await?;
        for device in new {
            self.shadows.insert(device, Shadow::default());
        }
        // the trusted one first: a jump is a candidate only where it is newer
        let (trusted, jumps): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.verdict.is_trusted());
        for row in trusted.iter().chain(&jumps) {
            self.shadows.entry(row.device).or_default().restore(row);
        }
        Ok(())
    }

    /// Judges the fixes of a page, and in between takes in what else the devices said.
    async fn judge(
        &mut self,
        job: &Job,
        range: std::ops::Range<Offset>,
        devices: &BTreeSet<DeviceId>,
        page: Page,
        counts: &mut super::Counts,
    ) -> Result<Judged, RunError> {
        let positions = self.rooms.history.positions();
        let ids = PositionId::new(range.start, 0)..PositionId::new(range.end, 0);
        let among = Among {
            client: job.client(),
            ids,
            devices: devices.iter().copied().collect(),
            messages: page.messages.iter().map(|message| message.offset).collect(),
        };
        let mut judged = Judged {
            contested: positions.contested(&among).await?,
            ..Judged::default()
        };
        let mut rows = positions.last_rows(&among)?;
        let mut next = rows.next().await?;
        for message in page.messages {
            while let Some(row) = next.take_if(|row| row.id.offset() < message.offset) {
                self.shadows.entry(row.device).or_default().restore(&row);
                next = rows.next().await?;
            }
            let mut last = BTreeMap::new();
            while let Some(row) = next.take_if(|row| row.id.offset() == message.offset) {
                last.insert(row.id, row);
                next = rows.next().await?;
            }
            self.message(job, message, last, &mut judged, counts);
        }
        Ok(judged)
    }

    /// Judges the fixes of a message whose rows are `last`.
    fn message(
        &mut self,
        job: &Job,
        message: Again,
        mut last: BTreeMap<PositionId, PositionRow>,
        judged: &mut Judged,
        counts: &mut super::Counts,
    ) {
        let Some(fixes) = message.fixes else {
            counts.refused += 1;
            for row in last.into_values() {
                self.shadows.entry(row.device).or_default().restore(&row);
            }
            return;
        };
        if last.is_empty() {
            judged.silent.push((message.offset, message.received));
        }
        // A position stays with the device that it was received for: which device had the tracker then is not
        // known any more. What is new goes where its siblings are, else where the tracker is now.
        let id = |index| PositionId::new(message.offset, index);
        let siblings: HashMap<Option<String>, DeviceId> = fixes
            .iter()
            .enumerate()
            .filter_map(|(index, fix)| Some((fix.ident.clone(), last.get(&id(index))?.device)))
            .collect();
        for (index, fix) in fixes.into_iter().enumerate() {
            let id = id(index);
            let stood = last.remove(&id);
            let sibling = siblings.get(&fix.ident).copied();
            let device = stood.as_ref().map(|row| row.device).or(sibling).or(fix.device);
            let ours = |device: &DeviceId| {
                let device = self.rooms.registry.device(*device);
                device.is_some_and(|device| device.client == job.client())
            };
            let Some(device) = device.filter(ours) else {
                counts.unassigned += 1;
                continue;
            };
            let reading = Reading {
                id,
                received: message.received,
                fix: fix.fix,
                vendor: Arc::clone(&message.vendor),
                plugin: Arc::clone(&message.plugin),
            };
            let shadow = self.shadows.entry(device).or_default();
            let outcome = shadow.judge(job.client(), device, reading, &self.config);
            if let Some((confirmed, verdict)) = outcome.released {
                match judged
                    .items
                    .get_mut(&confirmed)
                    .and_then(|item| item.wanted.as_mut())
                {
                    Some(wanted) => wanted.verdict = verdict,
                    None => judged.confirmed.push((confirmed, verdict)),
                }
            }
            let wanted = outcome.row.map(|mut row| {
                if let Some(stood) = &stood {
                    (row.time, row.content) = device::restated_place(stood, &row.fix);
                }
                row
            });
            judged.items.insert(
                id,
                Item {
                    id,
                    last: stood,
                    wanted,
                },
            );
        }
        // what the decoder does not find any more
        for (id, row) in last {
            let item = Item {
                id,
                last: Some(row),
                wanted: None,
            };
            judged.items.insert(id, item);
        }
    }

    /// Plans and journals the corrections.
    async fn correct(
        &mut self,
        job: &mut Job,
        judged: Judged,
        counts: &mut super::Counts,
        held: &mut Held,
    ) -> Result<(), RunError> {
        let Judged {
            mut items,
            confirmed,
            silent,
            contested,
        } = judged;
        let positions = self.rooms.history.positions();
        for (id, verdict) in confirmed {
            if let Some(row) = positions.get(job.client(), id).await?
                && row.verdict == Verdict::Jump
            {
                let wanted = PositionRow {
                    verdict,
                    ..row.clone()
                };
                items.insert(
                    id,
                    Item {
                        id,
                        last: Some(row),
                        wanted: Some(wanted),
                    },
                );
            }
        }
        let items: Vec<Item> = items.into_values().collect();
        let places = plan::places(&items, &contested);
        let occupants = positions.occupants(job.client(), &places).await?;
        let changes = plan::plan(items, &occupants.into_iter().collect(), counts);
        let room = MAX_SAMPLES.saturating_sub(job.samples.len());
        let samples: Vec<Difference> = changes.iter().take(room).map(difference).collect();
        if !job.request.dry_run {
            let gained: HashSet<Offset> = changes
                .iter()
                .filter(|change| change.old.is_none())
                .map(|change| change.id.offset())
                .collect();
            let record = self.journal(job, changes, held).await?;
            let gained: Vec<(Offset, TimeMs)> = silent
                .into_iter()
                .filter(|(offset, _)| gained.contains(offset))
                .collect();
            self.answer_letters(job, &gained, record).await?;
        }
        job.samples.extend(samples);
        Ok(())
    }

    /// Journals the corrections of a page: first those that leave latest positions alone, then the others, which have to
    /// know all of the former. Returns the record before which all of them are.
    async fn journal(
        &mut self,
        job: &Job,
        changes: Vec<Change>,
        held: &mut Held,
    ) -> Result<Offset, RunError> {
        let corrections = &self.rooms.corrections;
        let (last, first): (Vec<Change>, Vec<Change>) = changes.into_iter().partition(|change| {
            let old = change.old.as_ref();
            old.is_some_and(|old| corrections.is_latest(old.device, old.id)) && !stays_newest(change)
        });
        let sender = job.request.sender;
        let plain = first
            .into_iter()
            .filter_map(|change| correction(job, change))
            .collect();
        let mut end = corrections.journal(sender, plain, held).await?;
        let mut last: Vec<(Correction, PositionRow)> = last
            .into_iter()
            .filter_map(|change| {
                let latest = change.old.clone()?;
                Some((correction(job, change)?, latest))
            })
            .collect();
        // in small groups, so that little arrives between the look and the record
        for some in last.chunks_mut(TOGETHER) {
            corrections.step_back_all(some).await?;
            let some = some.iter().map(|(correction, _)| correction.clone()).collect();
            end = corrections.journal(sender, some, held).await?;
        }
        Ok(end)
    }

    /// Dead letters of messages that have positions now are marked as replayed.
    async fn answer_letters(
        &self,
        job: &Job,
        messages: &[(Offset, TimeMs)],
        record: Offset,
    ) -> Result<(), RunError> {
        if messages.is_empty() {
            return Ok(());
        }
        let letters = self.rooms.history.letters();
        for some in messages.chunks(LETTERS) {
            let filter = LetterFilter {
                client: job.client(),
                ids: some.iter().map(|(offset, _)| *offset).collect(),
                ..LetterFilter::default()
            };
            let found = letters.sizes(&filter, LETTERS).await?;
            let found: HashSet<Offset> = found.into_iter().map(|(offset, _)| offset).collect();
            let marks: Vec<_> = some
                .iter()
                .filter(|(offset, _)| found.contains(offset))
                .map(|(offset, received)| (*offset, *received, Offset(record.0.saturating_sub(1))))
                .collect();
            if !marks.is_empty() {
                letters.mark(job.client(), &marks).await?;
            }
        }
        Ok(())
    }
}

/// Whether the position, the latest of its device, is that afterwards as well, so that nothing else comes to light.
fn stays_newest(change: &Change) -> bool {
    let (Some(old), Some(new)) = (&change.old, &change.new) else {
        return false;
    };
    new.device == old.device && new.verdict.is_trusted() && new.time >= old.time
}

/// The record of a change, as long as it leaves the latest position of its device alone.
fn correction(job: &Job, change: Change) -> Option<Correction> {
    let said = change.new.as_ref().or(change.old.as_ref())?;
    let plugin = match &change.new {
        Some(new) => Arc::clone(&new.plugin),
        None => Arc::from(format!("{}@{}", job.request.vendor, job.version)),
    };
    Some(Correction {
        id: change.id,
        received: said.received,
        revision: change.revision,
        plugin,
        old: change.old.as_ref().map(Standing::from),
        new: change.new.map(|new| Restated {
            device: new.device,
            revision: new.revision,
            vendor: new.vendor,
            plugin: new.plugin,
            fix: new.fix,
            verdict: Some(new.verdict),
        }),
        fallback: None,
        known: Vec::new(),
    })
}

fn difference(change: &Change) -> Difference {
    Difference {
        id: change.id,
        before: change.old.as_ref().map(Standing::from),
        after: change.new.as_ref().map(Standing::from),
    }
}
