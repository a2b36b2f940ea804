//! A message of a plugin's vectors as an example, with what it means.

use std::fmt::{self, Write as _};

use super::page::{cell, expectations, plain, rows};
use crate::cli::Failure;
use crate::vectors::{Expected, Kind, Line};

/// A message of at most so many characters is short: the first one is taken.
const SHORT: usize = 400;
/// Of a longer one, where there is no short one, so many are shown.
const SHOWN: usize = 800;

/// The example of a kind, where there is one.
pub(super) fn write(page: &mut String, lines: &[Line], kind: Kind) -> Result<(), Failure> {
    let Some((line, expect)) = choose(lines, kind) else {
        return Ok(());
    };
    let heading = match kind {
        Kind::Positions => "With a position",
        Kind::NoPosition => "Without a position",
        Kind::Error => "Refused",
    };
    writeln!(page, "\n### {heading}\n")?;
    let mut input = line.input()?;
    input.context.sort();
    let (what, payload) = if line.encoding == "text" {
        text(&String::from_utf8_lossy(&input.payload))
    } else {
        ("in hex", hex::encode(&input.payload))
    };
    write!(page, "{}", cell(&plain(&line.id)))?;
    if let Some(variant) = line.variant.as_str() {
        write!(page, " ({})", cell(variant))?;
    }
    if !input.channel.is_empty() {
        write!(page, ", topic `{}`", input.channel)?;
    }
    if let Some(device) = &input.device {
        write!(page, ", device `{device}`")?;
    }
    for (name, value) in &input.context {
        write!(page, ", context `{name}`: `{value}`")?;
    }
    let length = payload.chars().count();
    match length {
        0 => writeln!(page, ", empty.")?,
        1..=SHOWN => write_block(page, what, &payload)?,
        _ => {
            let start: String = payload.chars().take(SHOWN).collect();
            let what = format!("{what}, the first {SHOWN} of {length} characters");
            write_block(page, &what, &start)?;
        }
    }
    write_meaning(page, expect)?;
    Ok(())
}

/// The first short one, rather one that needs no settings of its tracker; else the shortest; an empty one only where there
/// is no other.
fn choose(lines: &[Line], kind: Kind) -> Option<(&Line, &Expected)> {
    let of_kind = || expectations(lines).filter(move |(_, expect)| expect.kind == kind);
    let short = |line: &Line| (1..=SHORT).contains(&line.payload.len());
    of_kind()
        .find(|(line, _)| short(line) && line.context.is_none())
        .or_else(|| of_kind().find(|(line, _)| short(line)))
        .or_else(|| of_kind().min_by_key(|(line, _)| (line.payload.is_empty(), line.payload.len())))
}

/// Text as it is where it can be read so, as JSON in many lines; else with its control characters made visible. And what
/// was done.
fn text(text: &str) -> (&'static str, String) {
    let lines = text.trim_end_matches('\n');
    if !lines.contains(|character: char| character.is_control() && !matches!(character, '\n' | '\t')) {
        return ("as text", lines.to_owned());
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    ("as text, with control characters as `\\r`, `\\n`", shown)
}

/// A block between fences that the payload does not have.
fn write_block(page: &mut String, what: &str, payload: &str) -> fmt::Result {
    let ticks = payload.split(|character| character != '`').map(str::len).max();
    let fence = "`".repeat(ticks.unwrap_or_default().max(2) + 1);
    writeln!(page, ", {what}:\n\n{fence}\n{payload}\n{fence}")
}

/// What the vector expects.
fn write_meaning(page: &mut String, expect: &Expected) -> fmt::Result {
    let Some(position) = expect.positions.first() else {
        return match (expect.kind, expect.reason.as_str()) {
            (Kind::Error, Some(reason)) => writeln!(page, "\nIt is refused: {reason}."),
            (Kind::Error, None) => writeln!(page, "\nIt is refused."),
            _ => writeln!(page, "\nIt is understood, and there is nothing to locate."),
        };
    };
    match expect.positions.len() {
        1 => writeln!(page)?,
        several => writeln!(page, "\nThe first of {several} positions:\n")?,
    }
    writeln!(page, "| field | value |\n|---|---|")?;
    rows(page, position)
}
