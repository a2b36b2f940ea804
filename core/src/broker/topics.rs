//! From a topic name to the vendor that decodes the message and the device that it names.
//!
//! Own topics are `trackers/<vendor>/<imei>/up`. Vendor-native topics are what the plugins' manifests say
//! they are ([`Manifest::topic_device`]).

use std::sync::Arc;

use crate::decode::Manifest;

/// Topic names longer than this, bytes, are nobody's.
pub const MAX_TOPIC_BYTES: usize = 256;
/// Device identifiers longer than this, bytes, are refused.
const MAX_DEVICE_BYTES: usize = 128;

/// Where a topic leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Whose decoder understands the message.
    pub vendor: Arc<str>,
    /// The device that the topic names, where it names one.
    pub device: Option<String>,
}

/// The topics of all plugins.
#[derive(Debug, Default)]
pub struct TopicRules {
    vendors: Vec<(Arc<str>, Arc<Manifest>)>,
}

impl TopicRules {
    /// The rules of these plugins.
    pub fn new(manifests: &[Arc<Manifest>]) -> Self {
        let named = |manifest: &Arc<Manifest>| (Arc::from(manifest.name.as_str()), Arc::clone(manifest));
        Self {
            vendors: manifests.iter().map(named).collect(),
        }
    }

    /// Where `topic` leads. A sender that is bound to a vendor gets only that vendor's native topics;
    /// for the others the first plugin whose pattern fits has it.
    pub fn resolve(&self, topic: &str, bound_to: Option<&str>) -> Option<Route> {
        if !is_acceptable(topic) {
            return None;
        }
        if let Some(own) = OwnTopic::parse(topic) {
            let up = own.direction == Direction::Up;
            if up {
                return Some(Route {
                    vendor: Arc::from(own.vendor),
                    device: Some(own.imei.to_owned()),
                });
            }
        }
        self.vendors
            .iter()
            .filter(|(vendor, _)| bound_to.is_none_or(|bound| &**vendor == bound))
            .find_map(|(vendor, manifest)| {
                let device = manifest.topic_device(topic)?;
                let bounded = device
                    .as_ref()
                    .is_none_or(|device| device.len() <= MAX_DEVICE_BYTES);
                bounded.then(|| Route {
                    vendor: Arc::clone(vendor),
                    device,
                })
            })
    }
}

/// Whether a topic name is one that this hub deals with: bounded, no control characters, no `$`.
pub fn is_acceptable(topic: &str) -> bool {
    topic.len() <= MAX_TOPIC_BYTES && !topic.starts_with('$') && !topic.chars().any(char::is_control)
}

/// Which way a message on an own topic goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the tracker.
    Up,
    /// To the tracker.
    Down,
}

/// The parts of `trackers/<vendor>/<imei>/up` or `…/down`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnTopic<'a> {
    /// Vendor name.
    pub vendor: &'a str,
    /// IMEI or other identifier; in a filter it may be `+`.
    pub imei: &'a str,
    /// Up or down.
    pub direction: Direction,
}

impl<'a> OwnTopic<'a> {
    /// Takes an own topic apart; `None` for every other topic.
    pub fn parse(topic: &'a str) -> Option<Self> {
        let mut levels = topic.strip_prefix("trackers/")?.split('/');
        let (vendor, imei, direction) = (levels.next()?, levels.next()?, levels.next()?);
        let direction = match direction {
            "up" => Direction::Up,
            "down" => Direction::Down,
            _ => return None,
        };
        let well_formed = is_vendor(vendor)
            && !imei.is_empty()
            && imei.len() <= MAX_DEVICE_BYTES
            && levels.next().is_none();
        well_formed.then_some(Self {
            vendor,
            imei,
            direction,
        })
    }
}

fn is_vendor(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    pub fn manifest(name: &str, topics: &[&str], capture: &str) -> Arc<Manifest> {
        Arc::new(Manifest {
            name: name.to_owned(),
            version: semver::Version::new(1, 0, 0),
            topics: topics.iter().map(ToString::to_string).collect(),
            capture: capture.to_owned(),
            device_order: Vec::new(),
            time_zone: "UTC".to_owned(),
            description: String::new(),
            license: "Apache-2.0".to_owned(),
            component: "decoder.wasm".to_owned(),
            limits: crate::decode::Limits::default(),
        })
    }

    pub fn rules() -> TopicRules {
        TopicRules::new(&[
            manifest("teltonika", &["{device}/data"], "{device}"),
            manifest("owntracks", &["owntracks/{user}/{device}"], "{user}/{device}"),
            manifest("ttn", &["v3/{app}/devices/{device}/up"], "{device}"),
            manifest(
                "meshtastic",
                &["msh/{region}/2/json/{+}/{+}", "msh/{+}/2/e/{+}/{device}"],
                "{device}",
            ),
            manifest("iotm", &["iotm/{device}/data", "{device}/data"], "{device}"),
            manifest("gpschile", &["gpschile/up"], ""),
        ])
    }

    fn found(topic: &str, bound_to: Option<&str>) -> Option<(String, Option<String>)> {
        rules()
            .resolve(topic, bound_to)
            .map(|route| (route.vendor.to_string(), route.device))
    }

    #[test]
    fn topics_lead_to_vendor_and_device() {
        type Expected<'a> = Option<(&'a str, Option<&'a str>)>;
        let table: &[(&str, Option<&str>, Expected<'_>)] = &[
            (
                "trackers/gt06/358657100000017/up",
                None,
                Some(("gt06", Some("358657100000017"))),
            ),
            ("trackers/gt06/358657100000017/down", None, None),
            ("trackers/gt06/a/b/up", None, None),
            ("trackers/g t/1/up", None, None),
            (
                "352093081452251/data",
                None,
                Some(("teltonika", Some("352093081452251"))),
            ),
            (
                "352093081452251/data",
                Some("iotm"),
                Some(("iotm", Some("352093081452251"))),
            ),
            ("352093081452251/data", Some("owntracks"), None),
            (
                "owntracks/jane/phone",
                None,
                Some(("owntracks", Some("jane/phone"))),
            ),
            ("owntracks/jane", None, None),
            ("owntracks/jane/", None, None),
            ("owntracks/jane/phone/event", None, None),
            ("v3/frota@ttn/devices/t-95/up", None, Some(("ttn", Some("t-95")))),
            (
                "msh/EU_868/2/json/LongFast/!a1b2c3d4",
                None,
                Some(("meshtastic", None)),
            ),
            ("msh/EU_868/2/json", None, None),
            (
                "msh/US/2/e/LongFast/!a1b2c3d4",
                None,
                Some(("meshtastic", Some("!a1b2c3d4"))),
            ),
            ("msh/US/2/e/LongFast", None, None),
            ("gpschile/up", None, Some(("gpschile", None))),
            ("$SYS/data", None, None),
            ("a\u{7}/data", None, None),
        ];
        for (topic, bound_to, expected) in table {
            let expected = expected.map(|(vendor, device)| (vendor.to_owned(), device.map(str::to_owned)));
            assert_eq!(found(topic, *bound_to), expected, "{topic} for {bound_to:?}");
        }
    }

    #[test]
    fn devices_and_topics_of_unbounded_length_are_refused() {
        assert_eq!(found(&format!("{}/data", "1".repeat(129)), None), None);
        assert_eq!(found(&format!("trackers/v/{}/up", "1".repeat(300)), None), None);
    }

    proptest! {
        #[test]
        fn any_pattern_and_any_topic_give_an_answer(pattern in "[a-z{}+#/!$]{0,30}", capture in "[a-z{}/]{0,12}", topic in "\\PC{0,40}") {
            let rules = TopicRules::new(&[manifest("v", &[&pattern], &capture)]);
            let _ = rules.resolve(&topic, None);
        }

        #[test]
        fn a_captured_level_comes_back_unchanged(device in "[A-Za-z0-9_.@-]{1,40}") {
            prop_assert_eq!(found(&format!("{device}/data"), None), Some(("teltonika".to_owned(), Some(device))));
        }
    }
}
