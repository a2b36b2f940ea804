//! One frame: header, version, identifier and fields.

use fixstream_decoder::{DecodeError, malformed, text, unsupported};

/// More fields than any report has; a position group has eleven.
const MOST_FIELDS: usize = 4096;

/// Why a frame was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `+RESP`
    Live,
    /// `+BUFF`: kept while there was no connection.
    Replayed,
    /// `+ACK`
    CommandReply,
}

/// A frame without its `$`.
#[derive(Debug)]
pub(crate) struct Frame<'text> {
    pub(crate) kind: Kind,
    /// The letters behind `GT`.
    pub(crate) report: &'text str,
    /// Protocol version, whose first characters name the model; a few old reports have none.
    pub(crate) version: Option<&'text str>,
    /// IMEI or MEID.
    pub(crate) device: &'text str,
    /// All fields; the header is number 0.
    pub(crate) fields: Vec<&'text str>,
    /// Number of the first field behind the identifier.
    pub(crate) first: usize,
}

/// Cuts the first frame off: (frame without `$`, what follows).
pub(crate) fn split(text: &str) -> Result<(&str, &str), DecodeError> {
    if !text.starts_with('+') {
        return Err(DecodeError::NotMine);
    }
    // serial data inside a frame may hold a `$`: only one before the next frame or the end counts
    text.match_indices('$')
        .filter_map(|(at, _)| text.split_at_checked(at))
        .map(|(frame, end)| (frame, end.strip_prefix('$').unwrap_or(end)))
        .find(|(_, behind)| {
            let behind = behind.trim_start_matches(crate::is_filler);
            behind.is_empty() || behind.starts_with('+')
        })
        .ok_or_else(|| malformed("cut short: no $ at the end"))
}

impl<'text> Frame<'text> {
    /// Takes a frame apart. Nothing but the identifier is checked.
    pub(crate) fn parse(frame: &'text str) -> Result<Self, DecodeError> {
        let (kind, report_and_fields) = header(frame)?;
        let fields: Vec<&str> = report_and_fields.split(',').take(MOST_FIELDS + 1).collect();
        if fields.len() > MOST_FIELDS {
            return Err(malformed("more fields than a report can have"));
        }
        let report = fields.first().copied().unwrap_or_default();
        if report.is_empty()
            || !report
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        {
            return Err(malformed(format_args!("no report type: {}", text::shown(report))));
        }
        let field = |number: usize| fields.get(number).copied().unwrap_or_default();
        let (version, device, first) = if is_version(field(1)) && is_device(field(2)) {
            (Some(field(1)), field(2), 3)
        } else if is_device(field(1)) {
            (None, field(1), 2)
        } else {
            return Err(malformed("no identifier of the device"));
        };
        Ok(Self {
            kind,
            report,
            version,
            device,
            fields,
            first,
        })
    }

    /// The field of this number; empty when there is none.
    pub(crate) fn field(&self, number: usize) -> &'text str {
        self.fields.get(number).copied().unwrap_or_default()
    }

    /// Number of the send time, with which the fields of the report end.
    pub(crate) fn end(&self) -> usize {
        self.fields.len().saturating_sub(2)
    }

    /// Whether the protocol version begins so.
    pub(crate) fn is_model(&self, prefix: &str) -> bool {
        self.version.is_some_and(|version| version.starts_with(prefix))
    }
}

fn header(frame: &str) -> Result<(Kind, &str), DecodeError> {
    for (header, kind) in [
        ("+RESP:GT", Kind::Live),
        ("+BUFF:GT", Kind::Replayed),
        ("+ACK:GT", Kind::CommandReply),
    ] {
        if let Some(rest) = frame.strip_prefix(header) {
            return Ok((kind, rest));
        }
    }
    let name: String = frame
        .chars()
        .skip(1)
        .take_while(char::is_ascii_alphabetic)
        .collect();
    if (3..=4).contains(&name.len()) {
        // +RSP, +EVT, +INF … are the binary form of the protocol
        return Err(unsupported(format_args!("frame +{name}")));
    }
    Err(DecodeError::NotMine)
}

/// Model and version: `060228`, `8020040305`, also with letters beyond F.
fn is_version(field: &str) -> bool {
    matches!(field.len(), 6 | 10)
        && field
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// IMEI of 15 digits or MEID of 14 hexadecimal ones.
fn is_device(field: &str) -> bool {
    match field.len() {
        15 => field.bytes().all(|byte| byte.is_ascii_digit()),
        14 => field.bytes().all(|byte| byte.is_ascii_hexdigit()),
        _ => false,
    }
}
