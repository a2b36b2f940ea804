//! The jobs of a hub: kept in files, run one at a time, in the order in which they were asked for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::files::Files;
use super::job::{Asked, Counts, Job, JobId, JobState, Request};
use super::run;
use crate::clock;
use crate::corrections::Corrections;
use crate::crash;
use crate::decode::DecodeHost;
use crate::device::DeviceOptions;
use crate::history::{History, HistoryError};
use crate::ingest::Ingest;
use crate::model::{ClientId, Offset};
use crate::registry::Registry;

/// Jobs of all clients that are kept; the oldest that have ended go first.
const KEPT: usize = 200;
/// How long what was journalled may take to get into ClickHouse before a job is refused.
const STORED: Duration = Duration::from_secs(20);
/// Jobs that wait or run, at most.
const OPEN: usize = 20;

/// Why a job was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum RedecodeError {
    /// The client has no such job.
    #[error("there is no such re-decoding")]
    NotFound,
    /// No plugin of that vendor is in service.
    #[error("no plugin named {0:?} is in service")]
    NoPlugin(String),
    /// It has ended, or runs already.
    #[error("the re-decoding is {}", .0.name())]
    State(JobState),
    /// Too many wait.
    #[error("{OPEN} re-decodings wait already")]
    TooMany,
    /// ClickHouse is away, or refuses.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The job's file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
}

/// What jobs work with.
#[derive(Clone)]
pub struct Rooms {
    /// Reads raw messages and what stands.
    pub history: History,
    /// Decodes.
    pub decode: DecodeHost,
    /// Knows whose messages they are.
    pub registry: Registry,
    /// Takes what differs.
    pub corrections: Corrections,
    /// Says how far the journal is.
    pub ingest: Ingest,
    /// How devices judge.
    pub devices: DeviceOptions,
}

/// What is counted of jobs. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct RedecodeMetrics {
    /// Files of jobs that could not be read and were put aside.
    pub damaged: Gauge,
}

impl RedecodeMetrics {
    /// Adds all of them to the table that `/metrics` prints.
    pub fn register(&self, registry: &mut prometheus_client::registry::Registry) {
        registry.register(
            "fixstream_redecode_damaged_files",
            "Files of re-decodings in data/redecode that could not be read and were put aside",
            self.damaged.clone(),
        );
    }
}

/// Runs and keeps jobs. Cheap to clone.
#[derive(Clone)]
pub struct Redecoder {
    inner: Arc<Inner>,
}

struct Inner {
    rooms: Rooms,
    files: Files,
    metrics: RedecodeMetrics,
    jobs: Mutex<Jobs>,
    /// Told when a job may be there to run.
    wake: Notify,
    stop: CancellationToken,
}

#[derive(Default)]
struct Jobs {
    kept: BTreeMap<JobId, Kept>,
    /// The greatest number that was given; none is given twice.
    last: JobId,
}

struct Kept {
    job: Job,
    /// Whether a run of it has not come to its end, also when it was stopped.
    busy: bool,
    /// Stops the run.
    halt: CancellationToken,
}

impl Redecoder {
    /// Reads the jobs in `folder`, which is made; those that ran when the hub ended go on, those that can't be read are
    /// put aside.
    pub fn start(rooms: Rooms, folder: PathBuf) -> Result<Self, RedecodeError> {
        let (files, found) = Files::open(folder)?;
        let metrics = RedecodeMetrics::default();
        metrics
            .damaged
            .set(i64::try_from(found.damaged).unwrap_or(i64::MAX));
        let jobs = found.jobs.into_iter().map(|job| (job.id, Kept::from(job)));
        let redecoder = Self {
            inner: Arc::new(Inner {
                rooms,
                files,
                metrics,
                jobs: Mutex::new(Jobs {
                    last: found.last,
                    kept: jobs.collect(),
                }),
                wake: Notify::new(),
                stop: CancellationToken::new(),
            }),
        };
        let inner = Arc::clone(&redecoder.inner);
        tokio::spawn(async move { inner.run().await });
        Ok(redecoder)
    }

    /// Asks for a re-decoding of all that was received until now; it starts when those before it are through. Of a
    /// create that may be repeated, [`Self::asked`] finds the job.
    pub async fn create(&self, request: Request, asked: Option<Asked>) -> Result<Job, RedecodeError> {
        let inner = &*self.inner;
        let version = match inner.rooms.decode.manifest(&request.vendor) {
            Some(manifest) => manifest.version.to_string(),
            None => return Err(RedecodeError::NoPlugin(request.vendor)),
        };
        let until = inner.rooms.ingest.durable();
        // what is on disk but not in history yet would be missed
        inner.rooms.history.positions().wait_stored(until, STORED).await?;
        let total = inner
            .rooms
            .history
            .raw_messages()
            .count(&request.filter(until))
            .await?;
        let now = clock::now();
        let job = {
            let mut jobs = inner.jobs.lock();
            let open = jobs.kept.values();
            let open = open.filter(|kept| kept.job.state.is_open()).count();
            if open >= OPEN {
                return Err(RedecodeError::TooMany);
            }
            let job = Job {
                id: JobId(jobs.last.0.saturating_add(1)),
                request,
                asked,
                version,
                state: JobState::Waiting,
                reason: None,
                created: now,
                updated: now,
                until,
                cursor: Offset(0),
                total,
                worked_ms: 0,
                counts: Counts::default(),
                samples: Vec::new(),
            };
            crash::point("redecode-make-before");
            inner.files.make(&job)?;
            crash::point("redecode-make-after");
            jobs.last = job.id;
            jobs.kept.insert(job.id, Kept::from(job.clone()));
            inner.prune(&mut jobs.kept);
            job
        };
        inner.wake.notify_one();
        Ok(job)
    }

    /// The job that a client's create has made, as long as it is kept.
    pub fn asked(&self, client: ClientId, asked: &Asked) -> Option<Job> {
        let jobs = self.inner.jobs.lock();
        let mut jobs = jobs.kept.values().map(|kept| &kept.job);
        let made = jobs.find(|job| job.client() == client && job.asked.as_ref() == Some(asked));
        made.cloned()
    }

    /// A client's jobs, the newest first.
    pub fn jobs(&self, client: ClientId) -> Vec<Job> {
        let jobs = self.inner.jobs.lock();
        let jobs = jobs.kept.values().rev();
        let ours = jobs.filter(|kept| kept.job.client() == client);
        ours.map(|kept| kept.job.clone()).collect()
    }

    /// One of them.
    pub fn job(&self, client: ClientId, id: JobId) -> Result<Job, RedecodeError> {
        let jobs = self.inner.jobs.lock();
        match jobs.kept.get(&id).filter(|kept| kept.job.client() == client) {
            Some(kept) => Ok(kept.job.clone()),
            None => Err(RedecodeError::NotFound),
        }
    }

    /// Stops it after the page that it works on; what is done stays done.
    pub fn stop(&self, client: ClientId, id: JobId) -> Result<Job, RedecodeError> {
        self.inner.change(client, id, |kept| {
            if !kept.job.state.is_open() {
                return Err(RedecodeError::State(kept.job.state));
            }
            kept.halt.cancel();
            kept.job.state = JobState::Stopped;
            Ok(())
        })
    }

    /// Goes on with one that was stopped or has failed, with the version that decodes now.
    pub fn resume(&self, client: ClientId, id: JobId) -> Result<Job, RedecodeError> {
        let decode = &self.inner.rooms.decode;
        let job = self.inner.change(client, id, |kept| {
            if !matches!(kept.job.state, JobState::Stopped | JobState::Failed) {
                return Err(RedecodeError::State(kept.job.state));
            }
            if kept.busy {
                return Err(RedecodeError::State(JobState::Running));
            }
            let vendor = &kept.job.request.vendor;
            let Some(manifest) = decode.manifest(vendor) else {
                return Err(RedecodeError::NoPlugin(vendor.clone()));
            };
            let version = manifest.version.to_string();
            if version != kept.job.version {
                // what the other version decoded is not this one's word
                (kept.job.cursor, kept.job.counts) = (Offset(0), Counts::default());
                kept.job.samples.clear();
                kept.job.worked_ms = 0;
                kept.job.version = version;
            }
            kept.halt = CancellationToken::new();
            kept.job.state = JobState::Waiting;
            kept.job.reason = None;
            Ok(())
        })?;
        self.inner.wake.notify_one();
        Ok(job)
    }

    /// The metrics.
    pub fn metrics(&self) -> RedecodeMetrics {
        self.inner.metrics.clone()
    }

    /// Ends the run; at the next start it goes on.
    pub fn close(&self) {
        self.inner.stop.cancel();
    }
}

impl Inner {
    /// Runs what waits, until the hub stops.
    async fn run(&self) {
        while !self.stop.is_cancelled() {
            let Some((job, halt)) = self.next() else {
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = self.stop.cancelled() => {}
                }
                continue;
            };
            let id = job.id;
            tracing::info!(job = %id, client = %job.client(), vendor = job.request.vendor, from = %job.cursor, until = %job.until, "re-decoding");
            let progress = |job: &Job| self.progress(job);
            let ended = tokio::select! {
                ended = run::run(&self.rooms, self.files.folder(), job, &halt, &progress) => ended,
                // in the middle of a page: that one is done again
                () = self.stop.cancelled() => return,
            };
            self.ended(id, ended.map_err(|error| error.to_string()));
        }
    }

    /// The first job that waits or was running.
    fn next(&self) -> Option<(Job, CancellationToken)> {
        let mut jobs = self.jobs.lock();
        let kept = jobs.kept.values_mut().find(|kept| kept.job.state.is_open())?;
        kept.job.state = JobState::Running;
        kept.busy = true;
        Some((kept.job.clone(), kept.halt.clone()))
    }

    /// Takes over how far a run is. What people have said about the job meanwhile stays.
    fn progress(&self, job: &Job) -> Result<(), RedecodeError> {
        let mut jobs = self.jobs.lock();
        let Some(kept) = jobs.kept.get_mut(&job.id) else {
            return Ok(());
        };
        let state = kept.job.state;
        kept.job = Job { state, ..job.clone() };
        self.files.write(&kept.job)
    }

    fn ended(&self, id: JobId, ended: Result<(), String>) {
        let mut jobs = self.jobs.lock();
        let Some(kept) = jobs.kept.get_mut(&id) else {
            return;
        };
        kept.busy = false;
        if kept.job.state == JobState::Running {
            kept.job.updated = clock::now();
            match ended {
                Ok(()) => {
                    kept.job.state = JobState::Finished;
                    kept.job.total = kept.job.counts.messages;
                }
                Err(reason) => {
                    tracing::warn!(job = %id, reason, "re-decoding failed");
                    kept.job.state = JobState::Failed;
                    kept.job.reason = Some(reason);
                }
            }
        }
        tracing::info!(job = %id, state = kept.job.state.name(), messages = kept.job.counts.messages, "re-decoding ended");
        if let Err(error) = self.files.write(&kept.job) {
            tracing::error!(job = %id, %error, "the state of a re-decoding can not be kept");
        }
    }

    fn change(
        &self,
        client: ClientId,
        id: JobId,
        change: impl FnOnce(&mut Kept) -> Result<(), RedecodeError>,
    ) -> Result<Job, RedecodeError> {
        let mut jobs = self.jobs.lock();
        let Some(kept) = jobs.kept.get_mut(&id).filter(|kept| kept.job.client() == client) else {
            return Err(RedecodeError::NotFound);
        };
        change(kept)?;
        kept.job.updated = clock::now();
        self.files.write(&kept.job)?;
        Ok(kept.job.clone())
    }

    /// Forgets the oldest jobs that have ended.
    fn prune(&self, jobs: &mut BTreeMap<JobId, Kept>) {
        while jobs.len() > KEPT {
            let ended = jobs.iter().find(|(_, kept)| !kept.job.state.is_open());
            let Some(id) = ended.map(|(id, _)| *id) else {
                return;
            };
            jobs.remove(&id);
            self.files.remove(id);
        }
    }
}

impl JobState {
    /// Whether it runs or will run.
    fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }
}

impl From<Job> for Kept {
    fn from(job: Job) -> Self {
        Self {
            job,
            busy: false,
            halt: CancellationToken::new(),
        }
    }
}
