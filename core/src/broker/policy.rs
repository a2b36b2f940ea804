//! What a logged-in credential may publish and subscribe to. Pure: facts in, answer out.

use std::sync::Arc;

use super::topics::{Direction, OwnTopic, Route, TopicRules};
use crate::model::Sender;
use crate::registry::{Credential, Role};

/// Who is at the other end of a connection, with what the registry knows about the credential.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The credential that was verified.
    pub credential: Arc<Credential>,
    /// Vendor of its client-vendor link, where it has one.
    pub vendor: Option<Arc<str>>,
    /// Identifier of its tracker, where it has one.
    pub imei: Option<Arc<str>>,
}

impl Identity {
    /// What the journal keeps about the sender.
    pub fn sender(&self) -> Sender {
        let tracker = match self.credential.role {
            Role::Tracker(tracker) => Some(tracker),
            Role::Gateway | Role::App => None,
        };
        Sender {
            client: self.credential.client,
            link: self.credential.link,
            tracker,
        }
    }
}

/// Why a publish is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No plugin of the credential's vendor declares such a topic.
    #[error("the topic is none that this credential's vendor declares")]
    UnknownTopic,
    /// The topic belongs to another vendor.
    #[error("the credential's link is with another vendor")]
    ForeignVendor,
    /// The topic names another tracker.
    #[error("the credential belongs to another tracker")]
    ForeignTracker,
    /// The role does not publish such messages.
    #[error("the credential's role does not publish this")]
    Role,
}

/// What the policy asks about the client that a credential belongs to.
pub trait Directory {
    /// Whether the client has a link with `vendor`.
    fn has_link(&self, vendor: &str) -> bool;
    /// Whether the client has a tracker with this identifier.
    fn has_tracker(&self, imei: &str) -> bool;
}

/// Where an uplink on `topic` leads, if `who` may publish there.
///
/// A tracker publishes only as itself and, when it has a link, only as its link's vendor. A gateway
/// publishes for any device of its client, as its link's vendor, or, without a link of its own, as
/// any vendor that its client has a link with. An app publishes no uplinks.
pub fn uplink(
    who: &Identity,
    topic: &str,
    rules: &TopicRules,
    directory: &impl Directory,
) -> Result<Route, Refusal> {
    if who.credential.role == Role::App {
        return Err(Refusal::Role);
    }
    let route = rules
        .resolve(topic, who.vendor.as_deref())
        .ok_or(Refusal::UnknownTopic)?;
    if who
        .vendor
        .as_deref()
        .is_some_and(|vendor| vendor != &*route.vendor)
    {
        return Err(Refusal::ForeignVendor);
    }
    match who.credential.role {
        Role::Tracker(_) => match route.device.as_deref() {
            Some(device) if who.imei.as_deref() != Some(device) => Err(Refusal::ForeignTracker),
            _ => Ok(route),
        },
        Role::Gateway if who.vendor.is_some() || directory.has_link(&route.vendor) => Ok(route),
        Role::Gateway => Err(Refusal::ForeignVendor),
        Role::App => Err(Refusal::Role),
    }
}

/// The own topic of a downlink, if `who` may send it: apps only, to trackers of their client.
pub fn downlink<'a>(
    who: &Identity,
    topic: &'a str,
    directory: &impl Directory,
) -> Result<OwnTopic<'a>, Refusal> {
    if who.credential.role != Role::App {
        return Err(Refusal::Role);
    }
    match OwnTopic::parse(topic) {
        Some(own) if own.direction == Direction::Down && !has_wildcard(topic) => {
            if who.vendor.as_deref().is_some_and(|vendor| vendor != own.vendor) {
                Err(Refusal::ForeignVendor)
            } else if directory.has_tracker(own.imei) {
                Ok(own)
            } else {
                Err(Refusal::ForeignTracker)
            }
        }
        _ => Err(Refusal::UnknownTopic),
    }
}

/// Whether `who` may subscribe to `filter`.
///
/// A tracker only to its own downlink, a gateway to `trackers/<vendor>/+/down` of its link or one of
/// its client's trackers, an app to every well-formed filter, which then matches its client's uplinks only.
pub fn may_subscribe(who: &Identity, filter: &str, directory: &impl Directory) -> bool {
    if filter.starts_with('$')
        || !super::topics::is_acceptable(filter)
        || !rumqttd::protocol::valid_filter(filter)
    {
        return false;
    }
    if who.credential.role == Role::App {
        return true;
    }
    let Some(own) = OwnTopic::parse(filter) else {
        return false;
    };
    let vendor_fits = match who.vendor.as_deref() {
        Some(vendor) => vendor == own.vendor,
        None => true,
    };
    if own.direction != Direction::Down || !vendor_fits {
        return false;
    }
    match who.credential.role {
        Role::Tracker(_) => who.imei.as_deref() == Some(own.imei),
        Role::Gateway if own.imei == "+" => who.vendor.is_some() || directory.has_link(own.vendor),
        Role::Gateway => directory.has_tracker(own.imei),
        Role::App => true,
    }
}

fn has_wildcard(topic: &str) -> bool {
    topic.contains(['+', '#'])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::super::topics::tests::rules;
    use super::*;
    use crate::model::{ClientId, LinkId, TrackerId};

    struct Known;

    impl Directory for Known {
        fn has_link(&self, vendor: &str) -> bool {
            vendor == "gt06" || vendor == "teltonika"
        }
        fn has_tracker(&self, imei: &str) -> bool {
            imei == "111" || imei == "222"
        }
    }

    fn who(role: Role, vendor: Option<&str>) -> Identity {
        let imei = matches!(role, Role::Tracker(_)).then(|| Arc::from("111"));
        let credential = Credential {
            id: 1,
            username: "u".into(),
            password_hash: String::new(),
            client: ClientId(1),
            link: vendor.map(|_| LinkId(1)),
            role,
        };
        Identity {
            credential: Arc::new(credential),
            vendor: vendor.map(Arc::from),
            imei,
        }
    }

    const TRACKER: Role = Role::Tracker(TrackerId(1));

    #[test]
    fn a_tracker_publishes_only_as_itself() {
        let table = [
            (Some("gt06"), "trackers/gt06/111/up", Ok(Some("111"))),
            (Some("gt06"), "trackers/gt06/222/up", Err(Refusal::ForeignTracker)),
            (Some("gt06"), "trackers/h02/111/up", Err(Refusal::ForeignVendor)),
            (Some("gt06"), "111/data", Err(Refusal::UnknownTopic)),
            (Some("teltonika"), "111/data", Ok(Some("111"))),
            (Some("teltonika"), "222/data", Err(Refusal::ForeignTracker)),
            (Some("meshtastic"), "msh/US/2/json/LongFast/!1", Ok(None)),
            (None, "trackers/h02/111/up", Ok(Some("111"))),
            (None, "trackers/h02/222/up", Err(Refusal::ForeignTracker)),
            (Some("gt06"), "trackers/gt06/111/down", Err(Refusal::UnknownTopic)),
        ];
        for (vendor, topic, expected) in table {
            let got = uplink(&who(TRACKER, vendor), topic, &rules(), &Known).map(|route| route.device);
            assert_eq!(
                got,
                expected.map(|device| device.map(str::to_owned)),
                "{topic} of {vendor:?}"
            );
        }
    }

    #[test]
    fn a_tracker_without_identifier_can_not_name_any_device() {
        let mut nameless = who(TRACKER, None);
        nameless.imei = None;
        assert_eq!(
            uplink(&nameless, "trackers/gt06/111/up", &rules(), &Known),
            Err(Refusal::ForeignTracker)
        );
    }

    #[test]
    fn a_gateway_publishes_for_all_devices_as_its_vendor() {
        let bound = who(Role::Gateway, Some("gt06"));
        assert!(uplink(&bound, "trackers/gt06/anything/up", &rules(), &Known).is_ok());
        assert_eq!(
            uplink(&bound, "trackers/teltonika/1/up", &rules(), &Known),
            Err(Refusal::ForeignVendor)
        );
        let free = who(Role::Gateway, None);
        assert!(uplink(&free, "9/data", &rules(), &Known).is_ok());
        assert_eq!(
            uplink(&free, "trackers/h02/1/up", &rules(), &Known),
            Err(Refusal::ForeignVendor)
        );
    }

    #[test]
    fn an_app_sends_downlinks_to_its_clients_trackers_and_no_uplinks() {
        let app = who(Role::App, None);
        assert_eq!(
            uplink(&app, "trackers/gt06/111/up", &rules(), &Known),
            Err(Refusal::Role)
        );
        assert_eq!(
            downlink(&app, "trackers/gt06/111/down", &Known).unwrap().imei,
            "111"
        );
        assert_eq!(
            downlink(&app, "trackers/gt06/333/down", &Known),
            Err(Refusal::ForeignTracker)
        );
        assert_eq!(
            downlink(&app, "trackers/gt06/111/up", &Known),
            Err(Refusal::UnknownTopic)
        );
        assert_eq!(
            downlink(&who(TRACKER, None), "trackers/gt06/111/down", &Known),
            Err(Refusal::Role)
        );
    }

    #[test]
    fn subscriptions_are_bounded_by_the_role() {
        let tracker = who(TRACKER, Some("gt06"));
        for (filter, allowed) in [
            ("trackers/gt06/111/down", true),
            ("trackers/gt06/222/down", false),
            ("trackers/h02/111/down", false),
            ("trackers/gt06/+/down", false),
            ("trackers/gt06/111/up", false),
            ("#", false),
        ] {
            assert_eq!(may_subscribe(&tracker, filter, &Known), allowed, "{filter}");
        }
        let gateway = who(Role::Gateway, Some("gt06"));
        assert!(may_subscribe(&gateway, "trackers/gt06/+/down", &Known));
        assert!(may_subscribe(&gateway, "trackers/gt06/222/down", &Known));
        assert!(!may_subscribe(&gateway, "trackers/gt06/333/down", &Known));
        assert!(!may_subscribe(&gateway, "trackers/+/+/down", &Known));
        let app = who(Role::App, None);
        assert!(may_subscribe(&app, "#", &Known));
        for filter in ["", "$SYS/#", "$share/g/#", "a/#/b", "a+", "a\u{1}"] {
            assert!(!may_subscribe(&app, filter, &Known), "{filter}");
        }
    }

    proptest! {
        #[test]
        fn a_bound_tracker_never_leaves_its_vendor_or_its_name(topic in "(trackers|[0-9]{3}|owntracks)/[a-z0-9]{1,8}(/[0-9]{3}(/up|/down)?)?") {
            let tracker = who(TRACKER, Some("teltonika"));
            if let Ok(route) = uplink(&tracker, &topic, &rules(), &Known) {
                prop_assert_eq!(&*route.vendor, "teltonika");
                prop_assert_eq!(route.device.as_deref().unwrap_or("111"), "111");
            }
        }
    }
}
