//! `plugin.toml`: what a plugin says about itself, and the checks that make it trustworthy.
//!
//! Unknown keys are errors; every complaint names the line and what is allowed there.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::PluginError;
use super::topics::{check_capture, check_pattern, fill, match_pattern};

/// The contract that this program speaks.
pub const API: &str = "fixstream:decoder@1.0.0";

const MAX_PATTERNS: usize = 32;
const MAX_DESCRIPTION: usize = 512;
/// The capture rule of a manifest that states none but has such a level in a pattern.
const DEVICE: &str = "{device}";

/// `plugin.toml`, checked.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Name; also the vendor. 1 to 32 of `a-z 0-9 _ -`.
    pub name: String,
    /// Version of the plugin.
    pub version: semver::Version,
    /// Vendor-native topic patterns (`owntracks/{user}/{device}`): each level is a literal, a named
    /// capture `{name}` or `{+}` for any one level.
    pub topics: Vec<String>,
    /// How the device id is made from the captures (`{user}/{device}`); `{device}` when not stated and
    /// captured; empty: the topic names none.
    pub capture: String,
    /// Where the device id comes from, first that is present.
    pub device_order: Vec<DeviceFrom>,
    /// What a time without a zone means (IANA name).
    pub time_zone: String,
    /// What it does, in a line.
    pub description: String,
    /// Licence (SPDX expression).
    pub license: String,
    /// File name of the component in the bundle.
    pub component: String,
    /// What it asks for.
    pub limits: Limits,
}

/// A place where a device id may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceFrom {
    /// In the payload (the decoder says).
    Payload,
    /// In the topic (the manifest's capture).
    Topic,
    /// In the credential (the tracker it belongs to).
    Credential,
}

/// What a plugin asks for; the host's options cap it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// CPU time of a full batch, and of a message that is decoded alone, milliseconds, 1 to 10 000; a smaller
    /// batch has a part of it.
    pub cpu_ms: u32,
    /// Linear memory of an instance, MiB, 1 to 1024.
    pub memory_mib: u32,
    /// Messages in a call, 1 to 1024.
    pub batch: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu_ms: 10,
            memory_mib: 16,
            batch: 64,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: Spanned<u32>,
    plugin: PluginTable,
    component: ComponentTable,
    #[serde(default)]
    topics: TopicsTable,
    #[serde(default)]
    device: DeviceTable,
    #[serde(default)]
    time: TimeTable,
    #[serde(default)]
    limits: LimitsTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginTable {
    name: Spanned<String>,
    version: Spanned<String>,
    api: Spanned<String>,
    license: Spanned<String>,
    description: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentTable {
    file: Spanned<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct TopicsTable {
    #[serde(default)]
    patterns: Vec<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct DeviceTable {
    order: Option<Spanned<Vec<DeviceFrom>>>,
    capture: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct TimeTable {
    zone: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct LimitsTable {
    cpu_ms: Option<Spanned<u32>>,
    memory_mib: Option<Spanned<u32>>,
    batch: Option<Spanned<u32>>,
}

/// A complaint about the byte range of a value.
type Complaint = (std::ops::Range<usize>, String);

fn complain<T>(at: &Spanned<T>, what: impl Into<String>) -> Complaint {
    (at.span(), what.into())
}

impl Manifest {
    /// Reads a manifest; `path` is for the messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, PluginError> {
        let refuse = |span: Option<std::ops::Range<usize>>, what: String| PluginError::Refused {
            path: path.to_owned(),
            what: match span {
                Some(span) => format!("line {}: {what}", line_of(text, span.start)),
                None => what,
            },
        };
        let document: Document =
            toml::from_str(text).map_err(|error| refuse(error.span(), error.message().to_owned()))?;
        check(document).map_err(|(span, what)| refuse(Some(span), what))
    }

    /// What a vendor-native topic says by this manifest: `None` when no pattern fits, else the device id,
    /// or `None` in its place when the pattern that fits lacks a capture that the rule needs.
    pub fn topic_device(&self, topic: &str) -> Option<Option<String>> {
        let captures = self
            .topics
            .iter()
            .find_map(|pattern| match_pattern(pattern, topic))?;
        Some(if self.capture.is_empty() {
            None
        } else {
            fill(&self.capture, &captures)
        })
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()
        .iter()
        .take(at)
        .filter(|&&byte| byte == b'\n')
        .count()
        + 1
}

fn check(document: Document) -> Result<Manifest, Complaint> {
    let plugin = document.plugin;
    if *document.schema.get_ref() != 1 {
        return Err(complain(&document.schema, "schema must be 1"));
    }
    if !is_name(plugin.name.get_ref()) {
        return Err(complain(
            &plugin.name,
            "name must be 1 to 32 characters of a-z, 0-9, '_' and '-'",
        ));
    }
    let version = semver::Version::parse(plugin.version.get_ref()).map_err(|error| {
        complain(
            &plugin.version,
            format!("version must be a semantic version like 1.0.0: {error}"),
        )
    })?;
    if plugin.version.get_ref().len() > 64 {
        return Err(complain(
            &plugin.version,
            "version must have at most 64 characters",
        ));
    }
    if plugin.api.get_ref() != API {
        return Err(complain(&plugin.api, format!("api must be \"{API}\"")));
    }
    for (what, text) in [("license", &plugin.license), ("description", &plugin.description)] {
        if !is_line(text.get_ref()) {
            return Err(complain(
                text,
                format!("{what} must be one line of 1 to {MAX_DESCRIPTION} bytes without control characters"),
            ));
        }
    }
    if !is_file_name(document.component.file.get_ref()) {
        return Err(complain(
            &document.component.file,
            "file must be the name of a file in the bundle that ends in .wasm, without a path",
        ));
    }
    let patterns = document.topics.patterns;
    if let Some(excess) = patterns.get(MAX_PATTERNS) {
        return Err(complain(
            excess,
            format!("at most {MAX_PATTERNS} patterns are allowed"),
        ));
    }
    for pattern in &patterns {
        check_pattern(pattern.get_ref()).map_err(|what| complain(pattern, what))?;
    }
    let topics: Vec<String> = patterns.into_iter().map(Spanned::into_inner).collect();
    let capture = match document.device.capture {
        Some(rule) => {
            check_capture(rule.get_ref(), &topics).map_err(|what| complain(&rule, what))?;
            rule.into_inner()
        }
        None if topics
            .iter()
            .any(|pattern| pattern.split('/').any(|level| level == DEVICE)) =>
        {
            DEVICE.to_owned()
        }
        None => String::new(),
    };
    let device_order = match document.device.order {
        Some(order) => {
            let places = order.get_ref();
            let repeated = places
                .iter()
                .enumerate()
                .any(|(i, place)| places.iter().take(i).any(|p| p == place));
            if places.is_empty() || repeated {
                let what = "order must name each of \"payload\", \"topic\", \"credential\" at most once, and one at least";
                return Err(complain(&order, what));
            }
            order.into_inner()
        }
        None => vec![DeviceFrom::Payload, DeviceFrom::Topic, DeviceFrom::Credential],
    };
    let time_zone = match document.time.zone {
        Some(zone) if is_zone(zone.get_ref()) => zone.into_inner(),
        Some(zone) => {
            return Err(complain(
                &zone,
                "zone must be an IANA name like UTC or America/Santiago",
            ));
        }
        None => "UTC".to_owned(),
    };
    let asked = document.limits;
    let standard = Limits::default();
    let limits = Limits {
        cpu_ms: within(asked.cpu_ms, standard.cpu_ms, 10_000, "cpu_ms")?,
        memory_mib: within(asked.memory_mib, standard.memory_mib, 1024, "memory_mib")?,
        batch: within(asked.batch, standard.batch, 1024, "batch")?,
    };
    Ok(Manifest {
        name: plugin.name.into_inner(),
        version,
        topics,
        capture,
        device_order,
        time_zone,
        description: plugin.description.into_inner(),
        license: plugin.license.into_inner(),
        component: document.component.file.into_inner(),
        limits,
    })
}

fn within(asked: Option<Spanned<u32>>, standard: u32, most: u32, key: &str) -> Result<u32, Complaint> {
    match asked {
        None => Ok(standard),
        Some(value) if (1..=most).contains(value.get_ref()) => Ok(value.into_inner()),
        Some(value) => Err(complain(&value, format!("{key} must be 1 to {most}"))),
    }
}

/// Whether a plugin may be called so.
pub(super) fn is_name(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

fn is_line(text: &str) -> bool {
    (1..=MAX_DESCRIPTION).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn is_file_name(text: &str) -> bool {
    text.len() <= 128
        && text
            .strip_suffix(".wasm")
            .is_some_and(|stem| !stem.is_empty() && !stem.starts_with('.'))
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

fn is_zone(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/'))
        && text.split('/').all(|part| !part.is_empty())
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
