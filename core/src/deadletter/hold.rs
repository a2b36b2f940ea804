//! Links with the policy `hold`: letters whose identifier led to no device go back by themselves once it does.
//!
//! The registry announces which identifiers lead to a device by now, whatever made them: a new device, another
//! identifier of a tracker, another tracker of a device, here or in another process. At the start, after more
//! announcements than are kept, and for a link that is new, the letters themselves are asked. A message that was
//! refused just before the change may still be on its way to ClickHouse; so letters are read only when everything
//! that was journalled until then is stored.
//!
//! A tracker without an identifier is known by its credential alone; its messages are held without one as long as it
//! has no device, and go back once it has. What neither payload nor topic nor credential assigns to a tracker waits for
//! a replay by hand: nothing that is registered makes it anybody's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::replay::{DeadLetterError, DeadLetters};
use crate::history::{History, LetterFilter};
use crate::model::{ClientId, DeadReason, LinkId, Uplink};
use crate::registry::{Announcement, Registry, UnknownTracker};

/// Identifiers in one question.
const IDENTS: usize = 200;
/// After a failure.
const PAUSE: Duration = Duration::from_secs(2);

/// Why a letter is held: its tracker was unknown, or not yet tied to a device.
const HELD: [DeadReason; 2] = [DeadReason::UnknownTracker, DeadReason::NoDevice];

/// Runs until it is aborted, which is safe at any point.
pub async fn release_held(registry: Registry, history: History, letters: DeadLetters) {
    // listens before it looks, so that nothing falls in between
    let mut announcements = registry.announcements();
    let mut holding = Holding::default();
    // what came about while nobody listened
    let mut heard = vec![Announcement::Missed];
    loop {
        let due = holding.due(&registry, &heard);
        if !due.is_empty() {
            history.wait_stored(letters.ingest().durable()).await;
            for client in due.clients {
                let idents = until_done(|| locating(&registry, &letters, client)).await;
                release(&registry, &letters, client, &idents).await;
                release_those(&registry, &letters, unnamed(client), serves).await;
            }
            for (client, idents) in due.idents {
                if idents.contains(&None) {
                    release_those(&registry, &letters, unnamed(client), serves).await;
                }
                let idents: Vec<String> = idents
                    .iter()
                    .flatten()
                    .map(|ident| str::to_owned(ident))
                    .collect();
                release(&registry, &letters, client, &idents).await;
            }
        }
        // what is announced meanwhile is taken together in the next round
        match announcements.next().await {
            Some(next) => heard = next,
            None => return,
        }
    }
}

/// The links that hold, as far as they were heard of.
#[derive(Default)]
struct Holding(BTreeMap<LinkId, ClientId>);

/// What there may be to release.
#[derive(Debug, Default, PartialEq, Eq)]
struct Due {
    /// Clients whose letters are asked.
    clients: BTreeSet<ClientId>,
    /// Identifiers of other clients; `None`: trackers without one.
    idents: BTreeMap<ClientId, BTreeSet<Option<Arc<str>>>>,
}

impl Holding {
    /// What announcements amount to.
    fn due(&mut self, registry: &Registry, heard: &[Announcement]) -> Due {
        let mut due = Due::default();
        let missed = heard.contains(&Announcement::Missed);
        if missed || heard.contains(&Announcement::Links) {
            let now = holding(registry);
            let asked = |(link, _): &(&LinkId, &ClientId)| missed || !self.0.contains_key(link);
            due.clients = now.iter().filter(asked).map(|(_, client)| *client).collect();
            self.0 = now;
        }
        for announcement in heard {
            if let Announcement::Located { client, ident } = announcement
                && !due.clients.contains(client)
                && holds(registry, *client)
            {
                due.idents.entry(*client).or_default().insert(ident.clone());
            }
        }
        due
    }
}

impl Due {
    fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.idents.is_empty()
    }
}

/// The links that hold.
fn holding(registry: &Registry) -> BTreeMap<LinkId, ClientId> {
    let clients = registry.clients();
    let links = clients.iter().flat_map(|client| registry.links(client.id));
    links
        .filter(|link| link.unknown == UnknownTracker::Hold)
        .map(|link| (link.id, link.client))
        .collect()
}

/// Whether a client has a link that holds.
fn holds(registry: &Registry, client: ClientId) -> bool {
    let links = registry.links(client);
    links.iter().any(|link| link.unknown == UnknownTracker::Hold)
}

fn held(client: ClientId, devices: &[String]) -> LetterFilter {
    LetterFilter {
        client,
        reasons: HELD.to_vec(),
        devices: devices.to_vec(),
        ..LetterFilter::default()
    }
}

/// The identifiers of held letters that lead to a device by now.
async fn locating(
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

/// Letters of trackers that have no identifier, and had no device.
fn unnamed(client: ClientId) -> LetterFilter {
    LetterFilter {
        client,
        reasons: vec![DeadReason::NoDevice],
        unnamed: true,
        ..LetterFilter::default()
    }
}

/// Replays what is held for these identifiers, however long it takes.
async fn release(registry: &Registry, letters: &DeadLetters, client: ClientId, idents: &[String]) {
    for some in idents.chunks(IDENTS) {
        release_those(registry, letters, held(client, some), |_, _| true).await;
    }
}

/// Replays what is held of these letters, however long it takes.
async fn release_those(
    registry: &Registry,
    letters: &DeadLetters,
    mut filter: LetterFilter,
    wanted: fn(&Registry, &Uplink) -> bool,
) {
    loop {
        let replay = until_done(|| {
            let registry = registry.clone();
            letters.replay_those(filter.clone(), move |uplink| {
                is_held(&registry, uplink) && wanted(&registry, uplink)
            })
        })
        .await;
        if !replay.more {
            break;
        }
        (filter.after, filter.before) = (Some(replay.after), Some(replay.before));
    }
}

/// Whether the tracker of the message's credential has a device.
fn serves(registry: &Registry, uplink: &Uplink) -> bool {
    let tracker = uplink
        .sender
        .tracker
        .and_then(|tracker| registry.tracker(tracker));
    tracker.is_some_and(|tracker| tracker.device.is_some())
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn only_who_holds_is_asked_and_all_letters_only_where_something_may_have_been_missed() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::open(&folder.path().join("registry.db")).await.unwrap();
        let client = async |name: &str| registry.create_client(name).await.unwrap().id;
        let (patient, strict, late) = (
            client("patient").await,
            client("strict").await,
            client("late").await,
        );
        let link = async |client, vendor: &str, unknown| {
            registry.create_vendor(vendor).await.unwrap();
            registry.create_link(client, vendor, unknown).await.unwrap();
        };
        link(patient, "gt06", UnknownTracker::Hold).await;
        link(strict, "gt06", UnknownTracker::Reject).await;
        let located = |client, ident: &str| Announcement::Located {
            client,
            ident: Some(ident.into()),
        };
        let clients = |clients: &[ClientId]| Due {
            clients: clients.iter().copied().collect(),
            ..Due::default()
        };
        let mut holding = Holding::default();
        let missed = [Announcement::Missed, located(patient, "1"), located(strict, "1")];
        assert_eq!(holding.due(&registry, &missed), clients(&[patient]));
        // links are others, and none of them holds
        assert!(holding.due(&registry, &[Announcement::Links]).is_empty());
        assert!(holding.due(&registry, &[located(strict, "2")]).is_empty());
        let without = Announcement::Located {
            client: patient,
            ident: None,
        };
        let twice = [
            located(patient, "2"),
            without.clone(),
            located(patient, "3"),
            located(patient, "2"),
            without,
        ];
        let due = holding.due(&registry, &twice);
        assert!(due.clients.is_empty());
        let idents = [None, Some("2".into()), Some("3".into())];
        assert_eq!(due.idents, [(patient, idents.into())].into());

        link(late, "gt06", UnknownTracker::Hold).await;
        let heard = [Announcement::Links, located(late, "4")];
        assert_eq!(holding.due(&registry, &heard), clients(&[late]));
        link(patient, "h02", UnknownTracker::Hold).await;
        assert_eq!(
            holding.due(&registry, &[Announcement::Links]),
            clients(&[patient])
        );
        assert_eq!(
            holding.due(&registry, &[Announcement::Missed]),
            clients(&[patient, late])
        );
    }
}
