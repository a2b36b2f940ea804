//! Tells those who wait when a change lets something be found that was not found before.
//!
//! An announcement follows the view: who hears it and asks finds what it says. It costs a lookup per change, however
//! large the registry is; after a change of another process, for which the view is read as a whole, a lookup per
//! tracker. A listener that is far behind is told that it missed something, and takes no memory.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::Registry;
use super::entities::{Device, Tracker};
use super::fleet::Fleet;
use super::store::Inner;
use super::tenants::Tenants;
use crate::model::ClientId;

/// Announcements that a listener may be behind.
pub(super) const KEPT: usize = 4_096;

/// What came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announcement {
    /// An identifier leads to a device: it led to none before, or to another.
    Located {
        /// Whose identifier.
        client: ClientId,
        /// IMEI or what else a tracker sends; `None`: a tracker that has no identifier has a device.
        ident: Option<Arc<str>>,
    },
    /// A client has a link that it did not have, or links may be others.
    Links,
    /// More than a listener may be behind: all may be different.
    Missed,
}

/// What a listener has not heard yet.
pub struct Announcements(broadcast::Receiver<Announcement>);

impl Announcements {
    /// What was announced since the last call, in order; waits while that is nothing. `None`: the registry is gone.
    /// Nothing is lost when the call is given up.
    pub async fn next(&mut self) -> Option<Vec<Announcement>> {
        let mut heard = match self.0.recv().await {
            Ok(announcement) => vec![announcement],
            Err(RecvError::Lagged(_)) => vec![Announcement::Missed],
            Err(RecvError::Closed) => return None,
        };
        while heard.len() < KEPT {
            match self.0.try_recv() {
                Ok(announcement) => heard.push(announcement),
                Err(TryRecvError::Lagged(_)) => heard.push(Announcement::Missed),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        Some(heard)
    }
}

impl Registry {
    /// From now on, nothing is missed without a word.
    pub fn announcements(&self) -> Announcements {
        Announcements(self.inner.announcer.subscribe())
    }
}

/// Changes of the view that are announced. Only with the writer in hand, as all changes of the view.
impl Inner {
    /// Shows a tracker that is new or different.
    pub(super) fn show_tracker(&self, tracker: &Arc<Tracker>) {
        let located = self.fleet.load().put_tracker(tracker);
        self.announce(located);
    }

    /// Shows a device that is new or different.
    pub(super) fn show_device(&self, device: &Arc<Device>) {
        let located = self.fleet.load().put_device(device);
        self.announce(located);
    }

    /// Shows other links.
    pub(super) fn show_links(&self, change: impl FnOnce(&mut Tenants)) {
        self.change_tenants(change);
        self.announce([Announcement::Links]);
    }

    /// Shows what was read anew.
    pub(super) async fn show_anew(&self, tenants: Option<Tenants>, fleet: Option<Fleet>) {
        if let Some(tenants) = tenants {
            self.tenants.store(Arc::new(tenants));
            self.announce([Announcement::Links]);
        }
        if let Some(fleet) = fleet {
            let fleet = Arc::new(fleet);
            let before = self.fleet.swap(Arc::clone(&fleet));
            if self.announcer.receiver_count() > 0 {
                // a fraction of a second for a million trackers: not on an async worker
                let located = tokio::task::spawn_blocking(move || fleet.located_since(&before)).await;
                self.announce(located.unwrap_or_else(|_| vec![Announcement::Missed]));
            }
        }
    }

    fn announce(&self, announcements: impl IntoIterator<Item = Announcement>) {
        for announcement in announcements {
            // an error says that nobody listens
            let _ = self.announcer.send(announcement);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::FutureExt as _;

    use super::*;
    use crate::model::{DeviceId, TrackerId};
    use crate::registry::tests::{World, device, tracker, world};
    use crate::registry::{DeviceChange, TrackerChange, UnknownTracker};

    /// What there is to hear now.
    fn heard(announcements: &mut Announcements) -> Vec<Announcement> {
        announcements.next().now_or_never().flatten().unwrap_or_default()
    }

    fn located(client: ClientId, ident: &str) -> Vec<Announcement> {
        let ident = Some(Arc::from(ident));
        vec![Announcement::Located { client, ident }]
    }

    async fn with_imei(world: &World, tracker: TrackerId, imei: Option<&str>) {
        let change = TrackerChange {
            imei: Some(imei.map(str::to_owned)),
            ..TrackerChange::default()
        };
        let changed = world.registry.update_tracker(world.ours, tracker, None, change);
        changed.await.unwrap();
    }

    async fn pair(world: &World, imei: Option<&str>) -> (TrackerId, DeviceId) {
        let World {
            registry,
            ours,
            our_link,
            ..
        } = world;
        let tracker = registry.create_tracker(*ours, tracker(imei)).await.unwrap().id;
        let made = registry.create_device(*ours, *our_link, device(tracker, None));
        (tracker, made.await.unwrap().id)
    }

    #[tokio::test]
    async fn an_identifier_is_announced_whatever_made_it_lead_to_a_device_and_only_then() {
        let world = world().await;
        let (registry, ours) = (&world.registry, world.ours);
        let mut told = registry.announcements();
        let (first, device) = pair(&world, Some("1")).await;
        assert_eq!(heard(&mut told), located(ours, "1"));

        // another identifier for the tracker; then none, and the old one for a tracker without a device
        with_imei(&world, first, Some("2")).await;
        assert_eq!(heard(&mut told), located(ours, "2"));
        with_imei(&world, first, None).await;
        let spare = registry
            .create_tracker(ours, tracker(Some("2")))
            .await
            .unwrap()
            .id;
        assert_eq!(heard(&mut told), []);

        // the device switches to that tracker
        let switched = DeviceChange {
            tracker: Some(spare),
            ..DeviceChange::default()
        };
        registry
            .update_device(ours, device, None, switched)
            .await
            .unwrap();
        assert_eq!(heard(&mut told), located(ours, "2"));

        // the identifier goes from one tracker to another, which had none
        let (other, _) = pair(&world, None).await;
        let unnamed = Announcement::Located {
            client: ours,
            ident: None,
        };
        assert_eq!(heard(&mut told), [unnamed]);
        with_imei(&world, spare, None).await;
        assert_eq!(heard(&mut told), []);
        with_imei(&world, other, Some("2")).await;
        assert_eq!(heard(&mut told), located(ours, "2"));

        // changes that are about something else
        let renamed = TrackerChange {
            name: Some("n".into()),
            ..TrackerChange::default()
        };
        registry.update_tracker(ours, other, None, renamed).await.unwrap();
        let paused = DeviceChange {
            status: Some("paused".into()),
            ..DeviceChange::default()
        };
        registry.update_device(ours, device, None, paused).await.unwrap();
        registry.delete_device(ours, device, None).await.unwrap();
        assert_eq!(heard(&mut told), []);

        registry
            .create_link(ours, "traccar", UnknownTracker::Hold)
            .await
            .unwrap_err();
        assert_eq!(heard(&mut told), []);
        registry.create_vendor("gt06").await.unwrap();
        registry
            .create_link(ours, "gt06", UnknownTracker::Hold)
            .await
            .unwrap();
        assert_eq!(heard(&mut told), [Announcement::Links]);
    }

    #[tokio::test]
    async fn what_another_process_changed_is_announced_when_it_is_seen() {
        let world = world().await;
        let (first, _) = pair(&world, Some("1")).await;
        pair(&world, Some("stays")).await;
        let here = Registry::open(&world.folder.path().join("registry.db"))
            .await
            .unwrap();
        let mut told = here.announcements();
        with_imei(&world, first, Some("2")).await;
        pair(&world, Some("3")).await;
        world
            .registry
            .create_tracker(world.ours, tracker(Some("4")))
            .await
            .unwrap();
        assert_eq!(heard(&mut told), []);
        here.refresh().await.unwrap();
        let mut all = heard(&mut told);
        all.sort_by_key(|announcement| format!("{announcement:?}"));
        assert_eq!(all, [located(world.ours, "2"), located(world.ours, "3")].concat());

        world.registry.create_vendor("gt06").await.unwrap();
        here.refresh().await.unwrap();
        assert_eq!(heard(&mut told), [Announcement::Links]);
    }

    #[tokio::test]
    async fn who_is_far_behind_is_told_so_and_hears_what_follows() {
        let world = world().await;
        let mut told = world.registry.announcements();
        for number in 0..=KEPT {
            let located = located(world.ours, &number.to_string());
            world.registry.inner.announce(located);
        }
        let all = heard(&mut told);
        assert_eq!(all[0], Announcement::Missed);
        pair(&world, Some("next")).await;
        let rest = heard(&mut told);
        assert!(rest.ends_with(&located(world.ours, "next")), "{rest:?}");
    }
}
