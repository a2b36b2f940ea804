//! The page about one format: what its manifest says, how to send it, and what its own vectors show.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use fixstream_core::decode::{DeviceFrom, MANIFEST_FILE, Manifest};
use serde_json::{Map, Value};

use super::Plugin;
use super::example;
use crate::cli::Failure;
use crate::vectors::{Expected, Kind, Line};

/// Names of the values of a position in vectors, in the order in which people look for them; others come behind, by name.
const FIELDS: [&str; 12] = [
    "time",
    "valid",
    "latitude",
    "longitude",
    "altitude_m",
    "speed_kmh",
    "course_deg",
    "satellites",
    "hdop",
    "ignition",
    "odometer_km",
    "battery_v",
];
/// The one that holds the values that have no field.
const ATTRIBUTES: &str = "attributes";

/// The page, in Markdown.
pub(super) fn page(plugin: &Plugin) -> Result<String, Failure> {
    let mut page = String::new();
    let manifest = &plugin.manifest;
    writeln!(page, "# {}\n\n{}\n", manifest.name, manifest.description)?;
    let mut sources = format!("[{MANIFEST_FILE}]({MANIFEST_FILE})");
    if let Some((place, _)) = &plugin.vectors {
        write!(sources, " and [{place}]({place})")?;
    }
    write!(
        page,
        "Made by `fixstream plugin docs` from {sources}; changes belong there."
    )?;
    if plugin.readme {
        write!(page, " Notes by those who wrote it: [README.md](README.md).")?;
    }
    writeln!(page, "\n")?;
    facts(&mut page, manifest)?;
    sending(&mut page, manifest)?;
    writeln!(page, "\n## Messages\n")?;
    match &plugin.vectors {
        Some((_, lines)) if !lines.is_empty() => {
            counts(&mut page, lines)?;
            fields(&mut page, lines)?;
            writeln!(page, "\n## Examples")?;
            for kind in Kind::ALL {
                example::write(&mut page, lines, kind)?;
            }
        }
        _ => writeln!(page, "It has no vectors.")?,
    }
    Ok(page)
}

fn facts(page: &mut String, manifest: &Manifest) -> fmt::Result {
    writeln!(page, "| | |\n|---|---|")?;
    writeln!(
        page,
        "| version, licence | {}, {} |",
        manifest.version,
        cell(&manifest.license)
    )?;
    let topics = if manifest.topics.is_empty() {
        "none".to_owned()
    } else {
        listed(&manifest.topics, "<br>")
    };
    writeln!(page, "| topics of its own | {topics} |")?;
    let places = manifest.device_order.iter().map(|from| match from {
        DeviceFrom::Payload => "payload".to_owned(),
        DeviceFrom::Topic if manifest.capture.is_empty() => "topic".to_owned(),
        DeviceFrom::Topic => format!("topic (`{}`)", manifest.capture),
        DeviceFrom::Credential => "credential".to_owned(),
    });
    let places: Vec<String> = places.collect();
    writeln!(page, "| device id from | {} |", places.join(", then "))?;
    writeln!(page, "| times without a zone | {} |", manifest.time_zone)?;
    let limits = &manifest.limits;
    writeln!(
        page,
        "| asks for | {} ms CPU, {} MiB, batches of {} |",
        limits.cpu_ms, limits.memory_mib, limits.batch
    )
}

fn sending(page: &mut String, manifest: &Manifest) -> fmt::Result {
    let name = &manifest.name;
    writeln!(page, "\n## How to send\n")?;
    write!(page, "- MQTT, at QoS 1: topic `trackers/{name}/<device>/up`")?;
    if !manifest.topics.is_empty() {
        write!(page, ", or one of its own: {}", listed(&manifest.topics, ", "))?;
    }
    writeln!(page, ".\n- HTTP: `POST /position/vendor/{name}`.")?;
    writeln!(page, "\nOne message each, as the tracker makes it.")
}

/// How many messages of what kind the vectors have; by variant, where they say which.
fn counts(page: &mut String, lines: &[Line]) -> fmt::Result {
    let expected: Vec<(&Line, &Expected)> = expectations(lines).collect();
    let of = |kind| expected.iter().filter(|(_, expect)| expect.kind == kind).count();
    let located: usize = expected.iter().map(|(_, expect)| expect.positions.len()).sum();
    let [positions, no_position, errors] = Kind::ALL.map(of);
    writeln!(
        page,
        "Its vectors are {} messages: {positions} with positions ({located} in all), {no_position} without a position, \
         {errors} that are refused.",
        lines.len()
    )?;
    let mut variants: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for (line, expect) in &expected {
        if let Some(variant) = line.variant.as_str() {
            let counts = variants.entry(variant).or_default();
            for (count, kind) in counts.iter_mut().zip(Kind::ALL) {
                *count += usize::from(expect.kind == kind);
            }
        }
    }
    if variants.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "\n| message | with positions | without | refused |\n|---|---|---|---|"
    )?;
    for (variant, counts) in variants {
        write!(page, "| {} |", cell(variant))?;
        for count in counts {
            match count {
                0 => write!(page, " |")?,
                count => write!(page, " {count} |")?,
            }
        }
        writeln!(page)?;
    }
    Ok(())
}

/// What the vectors expect positions to have.
fn fields(page: &mut String, lines: &[Line]) -> fmt::Result {
    let positions = || expectations(lines).flat_map(|(_, expect)| &expect.positions);
    let mut fields: Vec<&String> = positions().flat_map(Map::keys).collect();
    fields.retain(|field| *field != ATTRIBUTES);
    fields.sort_by_key(|field| place(field));
    fields.dedup();
    if !fields.is_empty() {
        writeln!(
            page,
            "\nFields that positions in the vectors have: {}.",
            listed(&fields, ", ")
        )?;
    }
    let attributes = positions().filter_map(|position| position.get(ATTRIBUTES)?.as_object());
    let attributes: BTreeSet<&String> = attributes.flat_map(Map::keys).collect();
    if !attributes.is_empty() {
        let attributes: Vec<&String> = attributes.into_iter().collect();
        writeln!(
            page,
            "\nAttributes that the vectors name; they are not demanded, and the decoder may have others: {}.",
            listed(&attributes, ", ")
        )?;
    }
    Ok(())
}

/// The lines of which something is expected.
pub(super) fn expectations(lines: &[Line]) -> impl Iterator<Item = (&Line, &Expected)> {
    lines
        .iter()
        .filter_map(|line| Some((line, line.expect.as_ref()?)))
}

/// Where a field comes.
fn place(field: &str) -> (usize, &str) {
    let known = FIELDS.iter().position(|known| *known == field);
    (known.unwrap_or(FIELDS.len()), field)
}

/// The fields of a position as the rows of a table. Its attributes are left out: no decoder is held to them.
pub(super) fn rows(page: &mut String, position: &Map<String, Value>) -> fmt::Result {
    let mut fields: Vec<(&String, &Value)> = position
        .iter()
        .filter(|(field, _)| *field != ATTRIBUTES)
        .collect();
    fields.sort_by_key(|(field, _)| place(field));
    for (field, value) in fields {
        writeln!(page, "| {} | {} |", cell(field), cell(&plain(value)))?;
    }
    Ok(())
}

/// A text without quotes, anything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A text that stays in its cell.
pub(super) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\r', '\n'], " ")
}

fn listed(names: &[impl fmt::Display], between: &str) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(between)
}
