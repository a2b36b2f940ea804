//! Who pins which version of a decoder: links by a column, trackers by a setting.

use std::sync::Arc;

use super::Registry;
use super::changes::LINK_MISSING;
use super::entities::{Link, Tracker};
use super::error::RegistryError;
use super::store::{Part, commit, detached};
use crate::model::{ClientId, LinkId};

/// A tracker's setting with this key pins a version: `teltonika@1.0.0`.
pub const PIN_SETTING: &str = "plugin";

/// The version that the value of a [`PIN_SETTING`] pins for a vendor; `None` where it is about another vendor.
pub fn pinned_version<'a>(value: &'a str, vendor: &str) -> Option<&'a str> {
    let (name, version) = value.split_once('@')?;
    (name == vendor && !version.is_empty()).then_some(version)
}

/// All that pin a version of one vendor's decoder.
#[derive(Debug, Default)]
pub struct Pins {
    /// Links, by id.
    pub links: Vec<Arc<Link>>,
    /// Trackers, with the version.
    pub trackers: Vec<(Arc<Tracker>, String)>,
}

impl Pins {
    /// Whether any of them pins this version.
    pub fn holds(&self, version: &str) -> bool {
        self.links.iter().any(|link| link.pin.as_deref() == Some(version))
            || self.trackers.iter().any(|(_, pinned)| pinned == version)
    }

    /// Whether nothing is pinned.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty() && self.trackers.is_empty()
    }
}

impl Registry {
    /// Pins a version of the vendor's decoder for a client's link, or with `None` gives it the active one again.
    /// Whether that version is installed is the caller's to know.
    pub async fn pin_link(
        &self,
        client: ClientId,
        link: LinkId,
        pin: Option<&str>,
    ) -> Result<Arc<Link>, RegistryError> {
        let (inner, pin) = (Arc::clone(&self.inner), pin.map(Arc::<str>::from));
        detached(async move {
            let mut writer = inner.writer().await;
            let mut transaction = writer.begin().await?;
            let changed = sqlx::query("UPDATE client_vendor SET pin = $1 WHERE id = $2 AND client = $3")
                .bind(pin.as_deref())
                .bind(link.0)
                .bind(client.0)
                .execute(&mut *transaction)
                .await?;
            if changed.rows_affected() == 0 {
                return Err(LINK_MISSING);
            }
            let result = commit(transaction, Part::Tenants).await;
            writer.committed(Part::Tenants, result)?;
            let known = inner.tenants.load().links.get(&link).cloned();
            // not in the view yet: another process made it, and the next refresh brings it with its pin
            let known = known.ok_or(LINK_MISSING)?;
            let link = Arc::new(Link {
                pin,
                ..Link::clone(&known)
            });
            inner.change_tenants(|tenants| tenants.change_link(&link));
            Ok(link)
        })
        .await
    }

    /// Who pins a version of this vendor's decoder, over all clients.
    pub fn pins(&self, vendor: &str) -> Pins {
        let mut pins = Pins::default();
        for client in self.clients() {
            let links = self.links(client.id).into_iter();
            pins.links
                .extend(links.filter(|link| link.pin.is_some() && *link.vendor == *vendor));
            for tracker in self.trackers(client.id) {
                let pinned = tracker
                    .context
                    .iter()
                    .filter(|(key, _)| key == PIN_SETTING)
                    .find_map(|(_, value)| pinned_version(value, vendor))
                    .map(str::to_owned);
                pins.trackers.extend(pinned.map(|version| (tracker, version)));
            }
        }
        pins
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::registry::{NewTracker, UnknownTracker};

    #[test]
    fn a_setting_pins_for_its_own_vendor_only() {
        assert_eq!(pinned_version("gt06@1.0.0", "gt06"), Some("1.0.0"));
        assert_eq!(pinned_version("gt06@1.0.0", "gt0"), None);
        assert_eq!(pinned_version("gt06@", "gt06"), None);
        assert_eq!(pinned_version("gt06", "gt06"), None);
    }

    #[tokio::test]
    async fn pins_are_kept_found_and_taken_back_and_never_cross_clients() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.db");
        let registry = Registry::open(&path).await.unwrap();
        registry.create_vendor("gt06").await.unwrap();
        let ours = registry.create_client("ours").await.unwrap().id;
        let theirs = registry.create_client("theirs").await.unwrap().id;
        let link = registry
            .create_link(ours, "gt06", UnknownTracker::Reject)
            .await
            .unwrap()
            .id;
        assert!(registry.pins("gt06").is_empty());
        assert!(matches!(
            registry.pin_link(theirs, link, Some("1.0.0")).await,
            Err(RegistryError::NotFound { .. })
        ));
        registry.pin_link(ours, link, Some("1.0.0")).await.unwrap();
        let tracker = NewTracker {
            name: "t".into(),
            description: None,
            imei: None,
            status: "active".into(),
            context: vec![(PIN_SETTING.into(), "gt06@0.9.0".into())],
        };
        registry.create_tracker(ours, tracker).await.unwrap();
        // as another process, or the next start, sees it
        let reopened = Registry::open(&path).await.unwrap();
        for registry in [&registry, &reopened] {
            let pins = registry.pins("gt06");
            assert!(pins.holds("1.0.0") && pins.holds("0.9.0") && !pins.holds("1.1.0"));
            assert!(registry.pins("teltonika").is_empty());
            assert_eq!(
                registry.link_to(ours, "gt06").unwrap().pin.as_deref(),
                Some("1.0.0")
            );
        }
        registry.pin_link(ours, link, None).await.unwrap();
        assert!(registry.link(link).unwrap().pin.is_none());
        assert!(!registry.pins("gt06").holds("1.0.0"));
    }
}
