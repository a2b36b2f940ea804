//! A re-decoding as the hub shows it, in words.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cli::Failure;

/// Fields of a position that are no news when it is restated.
const NO_NEWS: [&str; 4] = ["id", "received", "revision", "plugin"];

/// A job.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) state: String,
    reason: Option<String>,
    vendor: String,
    version: String,
    dry_run: bool,
    created_at: Option<String>,
    pub(super) total: u64,
    done: u64,
    percent: f64,
    messages_per_second: Option<f64>,
    counts: Counts,
    #[serde(default)]
    samples: Vec<Sample>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Counts {
    unchanged: u64,
    changed: u64,
    added: u64,
    removed: u64,
    kept: u64,
    refused: u64,
    unassigned: u64,
    skipped: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sample {
    position_id: u64,
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
}

impl Job {
    /// Reads the hub's answer.
    pub(super) fn read(answer: Value) -> Result<Self, Failure> {
        serde_json::from_value(answer)
            .map_err(|error| format!("the hub's answer is not understood: {error}").into())
    }

    /// Whether nothing more happens unless somebody asks for it.
    pub(super) fn has_ended(&self) -> bool {
        !matches!(self.state.as_str(), "waiting" | "running")
    }

    /// Whether it changes nothing.
    pub(super) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// When it was asked for.
    pub(super) fn created(&self) -> &str {
        self.created_at.as_deref().unwrap_or("-")
    }

    /// Why it failed.
    pub(super) fn reason(&self) -> String {
        harmless(self.reason.as_deref().unwrap_or("(no reason given)"))
    }

    /// How far it is, on one line.
    pub(super) fn progress(&self) -> String {
        let Counts {
            changed,
            added,
            removed,
            ..
        } = self.counts;
        let mut line = format!(
            "re-decoding {} of {} by {}: {} of {} messages ({:.1}%)",
            self.id,
            self.vendor,
            self.version,
            grouped(self.done),
            grouped(self.total),
            self.percent
        );
        // writing to a string does not fail
        if let Some(rate) = self.messages_per_second {
            let _ = write!(line, ", {}/s", grouped(rate as u64));
        }
        let _ = write!(
            line,
            ", {} changed, {} added, {} removed",
            grouped(changed),
            grouped(added),
            grouped(removed)
        );
        if self.dry_run {
            line.push_str(" (dry run)");
        }
        line
    }

    /// What has become of it, on a few lines.
    pub(super) fn result(&self) -> String {
        let counts = &self.counts;
        let mut text = format!("{}\n", self.progress());
        let mut line = |count: u64, says: &str| {
            if count > 0 {
                let _ = writeln!(text, "  {} {says}", grouped(count));
            }
        };
        line(counts.unchanged, "positions are as they were");
        line(counts.kept, "positions were corrected by people and stay theirs");
        line(
            counts.refused,
            "messages are not understood now; their positions stay",
        );
        line(
            counts.unassigned,
            "positions are of no registered device and stay out",
        );
        line(
            counts.skipped,
            "positions or messages were left out: corrected too often, or too little is kept of them",
        );
        let _ = match self.state.as_str() {
            "failed" => writeln!(text, "  failed: {}", self.reason()),
            state => writeln!(text, "  {state}"),
        };
        text
    }

    /// The positions that differ, as many as the hub keeps to show.
    pub(super) fn differences(&self) -> String {
        let all = self.counts.changed + self.counts.added + self.counts.removed;
        let (differ, shown) = match (self.dry_run, self.samples.len()) {
            (true, _) if all == 0 => return "no position would differ\n".to_owned(),
            (false, 0) => return String::new(),
            (true, shown) => ("would differ", shown),
            (false, shown) => ("differ", shown),
        };
        let mut text = if all > shown as u64 {
            format!("{} positions {differ}; the first {shown}:\n", grouped(all))
        } else {
            format!("{} positions {differ}:\n", grouped(all))
        };
        text.extend(self.samples.iter().map(Sample::text));
        text
    }
}

impl Sample {
    /// A position that is restated takes a line, and one for each field that differs.
    fn text(&self) -> String {
        let id = self.position_id;
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                let (device, time) = (of(before, "deviceId"), shown(of(before, "time")));
                let changes = changes(before, after, "");
                format!("position {id} of device {device}, {time}\n{changes}")
            }
            (None, Some(row)) => format!("position {id} is added: {}\n", outline(row)),
            (Some(row), None) => format!("position {id} is removed: {}\n", outline(row)),
            (None, None) => String::new(),
        }
    }
}

/// A line for each field that differs; `within` is the name of what they are fields of, and a point.
fn changes(before: &Map<String, Value>, after: &Map<String, Value>, within: &str) -> String {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut text = String::new();
    for name in names {
        let (old, new) = (of(before, name), of(after, name));
        if old == new || (within.is_empty() && NO_NEWS.contains(&name.as_str())) {
            continue;
        }
        let name = format!("{within}{name}");
        if let (Value::Object(old), Value::Object(new)) = (old, new) {
            text.push_str(&changes(old, new, &format!("{name}.")));
        } else {
            let _ = writeln!(
                text,
                "  {}: {} -> {}",
                name.escape_debug(),
                shown(old),
                shown(new)
            );
        }
    }
    text
}

/// A position on one line.
fn outline(row: &Map<String, Value>) -> String {
    let mut text = format!("device {}", of(row, "deviceId"));
    for name in [
        "time",
        "latitude",
        "longitude",
        "speedKmh",
        "headingDeg",
        "verdict",
    ] {
        let value = of(row, name);
        if !value.is_null() {
            let _ = write!(text, ", {name} {}", shown(value));
        }
    }
    text
}

fn of<'a>(row: &'a Map<String, Value>, name: &str) -> &'a Value {
    row.get(name).unwrap_or(&Value::Null)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => harmless(text),
        other => harmless(&other.to_string()),
    }
}

/// What a tracker or a decoder says must not move the cursor.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' | '\'' => shown.push(letter),
            other => shown.extend(other.escape_debug()),
        }
    }
    shown
}

/// A number that people can read.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn job() -> Value {
        let before = json!({
            "id": 1024, "deviceId": 7, "time": "2026-11-01T10:00:00.000Z", "latitude": -23.5, "longitude": 46.6,
            "speedKmh": null, "revision": 0, "plugin": "acme@1.0.0", "attributes": { "fuel": 1, "note": "a" }, "verdict": "ok"
        });
        let mut after = before.clone();
        after["longitude"] = json!(-46.6);
        after["revision"] = json!(1);
        after["plugin"] = json!("acme@1.0.1");
        after["speedKmh"] = json!(36.5);
        after["attributes"] = json!({ "fuel": 1, "note": "\u{1b}[2J" });
        json!({
            "id": 3, "state": "finished", "reason": null, "vendor": "acme", "version": "1.0.1", "deviceIds": [], "from": null,
            "to": null, "dryRun": true, "rate": null, "createdAt": "2026-11-02T00:00:00.000Z", "updatedAt": null,
            "total": 1_234_567, "done": 1_234_567, "percent": 100.0, "messagesPerSecond": 45_678.9,
            "counts": { "unchanged": 1000, "changed": 1, "added": 0, "removed": 1, "kept": 2, "refused": 0, "unassigned": 0,
                        "skipped": 0 },
            "samples": [
                { "positionId": 1024, "before": before, "after": after },
                { "positionId": 2048, "before": before, "after": null },
                { "positionId": 3072, "before": null, "after": before },
            ]
        })
    }

    #[test]
    fn progress_and_result_name_what_happened() {
        let job = Job::read(job()).unwrap();
        assert!(job.has_ended());
        assert_eq!(
            job.result(),
            "re-decoding 3 of acme by 1.0.1: 1,234,567 of 1,234,567 messages (100.0%), 45,678/s, 1 changed, 0 added, \
             1 removed (dry run)\n  1,000 positions are as they were\n  2 positions were corrected by people and stay \
             theirs\n  finished\n"
        );
    }

    #[test]
    fn differences_are_shown_field_by_field_and_move_no_cursor() {
        let text = Job::read(job()).unwrap().differences();
        assert_eq!(
            text,
            "2 positions would differ:\n\
             position 1024 of device 7, 2026-11-01T10:00:00.000Z\n  \
             attributes.note: a -> \\u{1b}[2J\n  longitude: 46.6 -> -46.6\n  speedKmh: none -> 36.5\n\
             position 2048 is removed: device 7, time 2026-11-01T10:00:00.000Z, latitude -23.5, longitude 46.6, verdict ok\n\
             position 3072 is added: device 7, time 2026-11-01T10:00:00.000Z, latitude -23.5, longitude 46.6, verdict ok\n"
        );
    }

    #[test]
    fn without_a_difference_a_dry_run_says_so() {
        let mut same = job();
        same["samples"] = json!([]);
        same["counts"]["changed"] = json!(0);
        same["counts"]["removed"] = json!(0);
        assert_eq!(
            Job::read(same.clone()).unwrap().differences(),
            "no position would differ\n"
        );
        same["dryRun"] = json!(false);
        assert_eq!(Job::read(same).unwrap().differences(), "");
    }

    #[test]
    fn numbers_are_grouped() {
        let shown = [0, 7, 999, 1000, 12_345, 999_999, 1_000_000].map(grouped);
        assert_eq!(
            shown,
            ["0", "7", "999", "1,000", "12,345", "999,999", "1,000,000"]
        );
    }
}
