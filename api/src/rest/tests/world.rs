//! A real registry, journal and decode host behind the routes; two clients that must not see each other.

use std::collections::HashSet;
use std::sync::Arc;

use fixstream_core::clock;
use fixstream_core::corrections::Corrections;
use fixstream_core::deadletter::DeadLetters;
use fixstream_core::decode::{DecodeHost, DecodeOptions};
use fixstream_core::history::{History, HistoryError, HistoryOptions};
use fixstream_core::ingest::Ingest;
use fixstream_core::journal::{Journal, JournalOptions};
use fixstream_core::latest::LatestStore;
use fixstream_core::model::{ClientId, DeviceId, LinkId, Offset, Uplink};
use fixstream_core::redecode::{self, Job, Redecoder};
use fixstream_core::registry::{Registry, Scope, UnknownTracker};
use fixstream_core::telemetry::Health;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use poem::http::{Method, StatusCode};
use poem::{Endpoint, EndpointExt as _, Request, Response};
use serde_json::Value;
use tempfile::TempDir;

use crate::config::Config;
use crate::plugins::{Installer, Plugins, Policy, Store};
use crate::rest::{Limits, Presence, Rest, routes};

pub(super) struct World {
    pub(super) registry: Registry,
    pub(super) journal: Journal,
    pub(super) latest: Arc<LatestStore>,
    pub(super) health: Health,
    pub(super) positions: Arc<Positions>,
    pub(super) ours: ClientId,
    pub(super) our_link: LinkId,
    /// Read and write, with a link.
    pub(super) key: String,
    pub(super) their_key: String,
    routes: poem::endpoint::BoxEndpoint<'static>,
    _folder: TempDir,
}

/// Which devices have positions; `None`: that can't be known at the moment.
pub(super) struct Positions(pub(super) parking_lot::Mutex<Option<HashSet<DeviceId>>>);

impl Default for Positions {
    fn default() -> Self {
        Self(parking_lot::Mutex::new(Some(HashSet::new())))
    }
}

impl Presence for Arc<Positions> {
    fn has_position(&self, _: ClientId, device: DeviceId) -> BoxFuture<'_, Result<bool, HistoryError>> {
        let known = self.0.lock().as_ref().map(|devices| devices.contains(&device));
        let answer = known.ok_or_else(|| HistoryError::State("away".into()));
        std::future::ready(answer).boxed()
    }
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) response: Response,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::limited(Limits::default()).await
    }

    pub(super) async fn limited(limits: Limits) -> Self {
        Self::with_jobs(limits, |_, _| Vec::new()).await
    }

    /// A hub that finds these re-decodings, of us and of them, when it starts.
    pub(super) async fn with_jobs(limits: Limits, jobs: impl FnOnce(ClientId, ClientId) -> Vec<Job>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::open(&folder.path().join("registry.db")).await.unwrap();
        let journal = Journal::open(JournalOptions {
            path: folder.path().join("journal"),
            segment_bytes: 1 << 22,
            max_bytes: 1 << 26,
            min_free_bytes: 0,
            sync: true,
        })
        .unwrap();
        let decode = DecodeHost::start(DecodeOptions {
            cache: folder.path().join("cache"),
            workers: 1,
            max_memory_mib: 64,
            max_cpu_ms: 100,
        })
        .unwrap();
        for vendor in ["traccar", "theirs-only"] {
            registry.create_vendor(vendor).await.unwrap();
        }
        let ours = registry.create_client("ours").await.unwrap().id;
        let theirs = registry.create_client("theirs").await.unwrap().id;
        let our_link = registry
            .create_link(ours, "traccar", UnknownTracker::Reject)
            .await
            .unwrap()
            .id;
        let their_link = registry
            .create_link(theirs, "theirs-only", UnknownTracker::Reject)
            .await
            .unwrap()
            .id;
        let both = [Scope::Read, Scope::Write];
        let (_, key) = registry
            .create_api_key("ours", ours, Some(our_link), &both)
            .await
            .unwrap();
        let (_, their_key) = registry
            .create_api_key("theirs", theirs, Some(their_link), &both)
            .await
            .unwrap();
        let latest = Arc::new(LatestStore::new());
        let health = Health::default();
        let store = Store::open(folder.path().join("plugins")).unwrap();
        let installer = Installer::new(decode.clone(), store, Policy::any());
        let plugins = Arc::new(Plugins::start(installer, decode.clone(), health.clone()));
        // a ClickHouse that is away: nothing listens on the discard port of this machine
        let history = History::start(
            HistoryOptions {
                url: "http://127.0.0.1:9".into(),
                user: "nobody".into(),
                password: String::new(),
                database: "fixstream".into(),
                spool: folder.path().join("spool"),
                batch_rows: 100,
                batch_age: std::time::Duration::from_secs(1),
                max_spool_bytes: 1 << 20,
                min_free_bytes: 0,
            },
            journal.id(),
        )
        .unwrap();
        let ingest = Ingest::new(journal.clone());
        let corrections = Corrections::new(history.positions(), ingest.clone(), Arc::clone(&latest));
        let kept = folder.path().join("redecode");
        std::fs::create_dir(&kept).unwrap();
        for job in jobs(ours, theirs) {
            let text = serde_json::to_vec(&job).unwrap();
            std::fs::write(kept.join(format!("{}.json", job.id)), text).unwrap();
        }
        let rooms = redecode::Rooms {
            history: history.clone(),
            decode: decode.clone(),
            registry: registry.clone(),
            corrections: corrections.clone(),
            ingest: ingest.clone(),
            devices: Config::default().device_options(),
        };
        let redecode = Redecoder::start(rooms, kept).unwrap();
        let positions = Arc::<Positions>::default();
        let routes = routes(Rest {
            registry: registry.clone(),
            presence: Box::new(Arc::clone(&positions)),
            limits,
            ingest: ingest.clone(),
            corrections,
            redecode,
            tracks: history.tracks(),
            dead_letters: DeadLetters::new(history.letters(), ingest),
            decode,
            plugins,
            latest: Arc::clone(&latest),
            health: health.clone(),
            started: clock::now(),
            metrics: Arc::default(),
        })
        .boxed();
        Self {
            registry,
            journal,
            latest,
            health,
            positions,
            ours,
            our_link,
            key,
            their_key,
            routes,
            _folder: folder,
        }
    }

    /// A key of ours with these scopes, and our link.
    pub(super) async fn key_for(&self, scopes: &[Scope]) -> String {
        let link = Some(self.our_link);
        let made = self.registry.create_api_key("k", self.ours, link, scopes).await;
        made.unwrap().1
    }

    /// A request with more fields in its head.
    pub(super) async fn with(
        &self,
        method: Method,
        path: &str,
        key: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri_str(path)
            .header("apikey", key);
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        self.ask(request.body(body.to_string())).await
    }

    pub(super) async fn patch(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.send(Method::PATCH, path, Some(&self.key), body).await
    }

    pub(super) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, Some(&self.key), ()).await
    }

    /// Any request.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: impl Into<poem::Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri_str(path);
        if let Some(key) = key {
            request = request.header("apikey", key);
        }
        self.ask(request.body(body)).await
    }

    pub(super) async fn ask(&self, request: Request) -> Answer {
        let mut response = self.routes.get_response(request).await;
        let bytes = response.take_body().into_bytes().await.unwrap();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Answer {
            status: response.status().as_u16(),
            body,
            response,
        }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Some(&self.key), ()).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(&self.key), body.to_string())
            .await
    }

    /// A tracker and a device of ours, by the API; the device's id.
    pub(super) async fn device(&self, imei: &str) -> u32 {
        self.post(
            "/tracker",
            &serde_json::json!({ "trackerName": "t", "imei": imei }),
        )
        .await
        .ok(201);
        let tracker = self.registry.tracker_by_imei(self.ours, imei).unwrap().id.0;
        let body = serde_json::json!({
            "idTracker": tracker, "idWorksite": 1, "idTeam": 2, "deviceName": "d", "idType": 1,
            "deviceCode": "ABC-1234", "deviceUuid": format!("chassis-{imei}")
        });
        self.post("/device/create", &body).await.ok(201);
        self.registry
            .tracker_by_imei(self.ours, imei)
            .unwrap()
            .device
            .unwrap()
            .0
    }

    /// Everything that was journalled.
    pub(super) fn journalled(&self) -> Vec<Uplink> {
        let mut reader = self.journal.reader(self.journal.first()).unwrap();
        let mut records: Vec<(Offset, bytes::Bytes)> = Vec::new();
        while reader.read(64, &mut records).unwrap() > 0 {}
        records
            .iter()
            .filter_map(|(_, record)| Uplink::decode(record).ok())
            .collect()
    }
}

impl Answer {
    #[track_caller]
    pub(super) fn ok(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        if let Value::Object(body) = &self.body {
            assert_eq!(body["status"], "ok", "{}", self.body);
        }
        self
    }

    /// The error's status, code and message.
    #[track_caller]
    pub(super) fn error(&self, status: u16, code: &str, message: &str) -> &Self {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.body["status"], "error", "{}", self.body);
        assert_eq!(self.body["error"]["error_code"], code, "{}", self.body);
        assert_eq!(self.body["error"]["message"], message, "{}", self.body);
        assert_eq!(StatusCode::from_u16(status).unwrap(), self.response.status());
        self
    }

    /// A validation error's code and field.
    #[track_caller]
    pub(super) fn violates(&self, code: &str, field: &str) -> &Self {
        assert_eq!(self.status, 400, "{}", self.body);
        assert_eq!(self.body["error"]["error_code"], code, "{}", self.body);
        assert_eq!(self.body["error"]["field"], field, "{}", self.body);
        assert_eq!(self.body["errors"][0], self.body["error"], "{}", self.body);
        self
    }

    /// The resource surface's error: status and code.
    #[track_caller]
    pub(super) fn refused(&self, status: u16, code: &str) -> &Self {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.body["status"], status, "{}", self.body);
        assert_eq!(self.body["code"], code, "{}", self.body);
        assert!(self.body["message"].is_string(), "{}", self.body);
        self
    }

    /// The resource surface's violations: code and field of each.
    #[track_caller]
    pub(super) fn constraints(&self, expected: &[(&str, &str)]) -> &Self {
        self.refused(400, "constraint_violation");
        let found: Vec<_> = self.body["violations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["code"].as_str().unwrap(), one["field"].as_str().unwrap()))
            .collect();
        assert_eq!(found, expected, "{}", self.body);
        self
    }

    /// A field of the head.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.response.header(name).map(str::to_owned)
    }

    /// 204 with nothing in it.
    #[track_caller]
    pub(super) fn nothing(&self) {
        assert_eq!((self.status, &self.body), (204, &Value::String(String::new())));
    }
}
