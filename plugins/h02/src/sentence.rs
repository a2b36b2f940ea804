//! One text message: `*<maker>,<id>,<type>,<fields>#`.

use fixstream_decoder::text::{device_id, shown};
use fixstream_decoder::{DecodeError, Position, malformed};

use crate::group::{self, Group};
use crate::keys;

/// More fields than any message has.
const MOST_FIELDS: usize = 128;

/// Number of the field with the type; those before are maker and identifier.
pub(crate) const TYPE: usize = 2;

/// Types without position group: cells, heartbeats, links.
const WITHOUT_POSITION: [&str; 8] = ["V0", "V3", "NBR", "LINK", "HTBT", "XT", "BS", "BASE"];

/// Types that are reports: with a valid fix they must have a place.
const REPORTS: [&str; 9] = ["V1", "V2", "V5", "V6", "V8", "V19", "VI1", "VP1", "SMS"];

/// A message taken apart at its commas.
#[derive(Debug, Clone)]
pub(crate) struct Sentence<'text> {
    fields: Vec<&'text str>,
}

/// Cuts the first message off: (between `*` and `#`, what follows).
pub(crate) fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    let inside = bytes.strip_prefix(b"*").ok_or(DecodeError::NotMine)?;
    let end = inside
        .iter()
        .position(|byte| *byte == b'#')
        .ok_or_else(|| malformed("cut short: no # at the end"))?;
    let (inside, behind) = inside.split_at_checked(end).unwrap_or((inside, &[]));
    Ok((inside, behind.strip_prefix(b"#").unwrap_or(behind)))
}

impl<'text> Sentence<'text> {
    pub(crate) fn parse(inside: &'text str) -> Result<Self, DecodeError> {
        let fields: Vec<&str> = inside.split(',').take(MOST_FIELDS).map(str::trim).collect();
        let sentence = Self { fields };
        let maker = sentence.maker();
        if maker.len() != 2 || !maker.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(DecodeError::NotMine);
        }
        if sentence.fields.len() <= TYPE {
            return Err(malformed(format_args!("no type: {}", shown(inside))));
        }
        Ok(sentence)
    }

    /// The field of this number; empty when there is none.
    pub(crate) fn field(&self, number: usize) -> &'text str {
        self.fields.get(number).copied().unwrap_or_default()
    }

    pub(crate) fn fields(&self) -> &[&'text str] {
        &self.fields
    }

    /// `HQ`, `TH` …
    pub(crate) fn maker(&self) -> &'text str {
        self.field(0)
    }

    /// The identifier; empty when the tracker has none.
    pub(crate) fn id(&self) -> &'text str {
        self.field(1)
    }

    /// What kind of message it is; empty in a link that says nothing.
    pub(crate) fn kind(&self) -> &'text str {
        self.field(TYPE)
    }
}

/// The position of a message, when it has one.
pub(crate) fn position(sentence: &Sentence<'_>) -> Result<Option<Position>, DecodeError> {
    if WITHOUT_POSITION.contains(&sentence.kind()) {
        return Ok(None);
    }
    let Some(group) = Group::find(sentence) else {
        return if is_valid_report(sentence) {
            Err(malformed("report without degrees and hemispheres"))
        } else {
            Ok(None)
        };
    };
    let Some(mut position) = group::decode(group, sentence)? else {
        return Ok(None);
    };
    position.device = device_id(sentence.id());
    if sentence.kind() == "V4" {
        // what the command answered, between the type and the time
        let result = sentence.fields().get(TYPE + 1..group.clock_at().unwrap_or(0));
        let result = result.map(|fields| fields.join(","));
        position.add_some(keys::RESULT, result.filter(|result| !result.is_empty()));
    }
    Ok(Some(position))
}

/// Whether it says that it has a fix: behind the time, or behind the type where there is no time.
fn is_valid_report(sentence: &Sentence<'_>) -> bool {
    let validity = if sentence.kind() == "VP1" { 3 } else { 4 };
    REPORTS.contains(&sentence.kind()) && sentence.field(validity) == "A"
}
