//! Links with the policy `hold`: letters of trackers that were not registered go back by themselves once they are.
//!
//! A tracker can locate something as soon as it has a device, and device ids only grow: a look at the ids
//! beyond the last one seen finds what is new, whoever registered it. At the start the letters themselves are
//! asked, for what was registered while nobody looked. A message that was refused just before the
//! registration may still be on its way to ClickHouse; so letters are asked only when everything that was
//! journalled until then is stored.

use std::collections::BTreeMap;
use std::time::Duration;

use super::replay::{DeadLetterError, DeadLetters};
use crate::history::{History, LetterFilter};
use crate::model::{ClientId, DeadReason, DeviceId, Uplink};
use crate::registry::{Registry, UnknownTracker};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// Identifiers in one question.
const IDENTS: usize = 200;
/// After a failure.
const PAUSE: Duration = Duration::from_secs(2);

/// Why a letter is held: its tracker was unknown, or not yet tied to a device.
const HELD: [DeadReason; 2] = [DeadReason::UnknownTracker, DeadReason::NoDevice];

/// Runs until it is aborted, which is safe at any point.
pub async fn release_held(registry: Registry, history: History, letters: DeadLetters) {
    let mut seen: BTreeMap<ClientId, DeviceId> = BTreeMap::new();
    for client in holding(&registry) {
        let last = registry
            .devices(client)
            .last()
            .map_or(DeviceId(0), |device| device.id);
        seen.insert(client, last);
    }
    let at_start: Vec<ClientId> = seen.keys().copied().collect();
    if !at_start.is_empty() {
        history.wait_stored(letters.ingest().durable()).await;
        for client in at_start {
            let idents = until_done(|| registered(&registry, &letters, client)).await;
            release(&registry, &letters, client, &idents).await;
        }
    }
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        for client in holding(&registry) {
            let last = seen.entry(client).or_default();
            let devices = registry.devices_after(client, *last);
            let Some(newest) = devices.last() else { continue };
            *last = newest.id;
            let idents: Vec<String> = devices
                .iter()
                .filter_map(|device| {
                    registry
                        .tracker(device.tracker)?
                        .imei
                        .as_deref()
                        .map(str::to_owned)
                })
                .collect();
            history.wait_stored(letters.ingest().durable()).await;
            release(&registry, &letters, client, &idents).await;
        }
    }
}

/// Clients with a link that holds.
fn holding(registry: &Registry) -> Vec<ClientId> {
    let holds = |client: &ClientId| {
        let links = registry.links(*client);
        links.iter().any(|link| link.unknown == UnknownTracker::Hold)
    };
    let clients = registry.clients().into_iter().map(|client| client.id);
    clients.filter(holds).collect()
}

fn held(client: ClientId, devices: &[String]) -> LetterFilter {
    LetterFilter {
        client,
        reasons: HELD.to_vec(),
        devices: devices.to_vec(),
        ..LetterFilter::default()
    }
}

/// The identifiers of held letters whose tracker has a device by now.
async fn registered(
    registry: &Registry,
    letters: &DeadLetters,
    client: ClientId,
) -> Result<Vec<String>, DeadLetterError> {
    let has_device = |ident: &str| {
        let tracker = registry.tracker_by_imei(client, ident);
        tracker.is_some_and(|tracker| tracker.device.is_some())
    };
    Ok(letters.letters().devices(&held(client, &[]), has_device).await?)
}

/// Replays what is held for these identifiers, however long it takes.
async fn release(registry: &Registry, letters: &DeadLetters, client: ClientId, idents: &[String]) {
    for some in idents.chunks(IDENTS) {
        let mut filter = held(client, some);
        loop {
            let replay = until_done(|| {
                let registry = registry.clone();
                letters.replay_those(filter.clone(), move |uplink| is_held(&registry, uplink))
            })
            .await;
            if !replay.more {
                break;
            }
            (filter.after, filter.before) = (Some(replay.after), Some(replay.before));
        }
    }
}

/// Whether the message's link holds; another link of the same client may not.
fn is_held(registry: &Registry, uplink: &Uplink) -> bool {
    let link = registry.link_of(&uplink.sender, uplink.vendor().unwrap_or_default());
    link.is_some_and(|link| link.unknown == UnknownTracker::Hold)
}

async fn until_done<T, F>(attempt: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, DeadLetterError>>,
{
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => tracing::warn!(%error, "held messages can not be replayed at the moment"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
