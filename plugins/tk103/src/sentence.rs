//! One message between parentheses: identifier, command and what follows.

use fixstream_decoder::text::shown;
use fixstream_decoder::{DecodeError, malformed};

/// Characters of the identifier in the form without commas; old trackers have one less.
const ID_LENGTHS: [usize; 2] = [12, 11];

const COMMAND_LENGTH: usize = 4;

/// How identifier, command and body are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Not at all: by their length.
    Digits,
    /// By commas.
    Commas,
}

/// A message without its parentheses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sentence<'text> {
    pub(crate) form: Form,
    pub(crate) device: &'text str,
    pub(crate) command: &'text str,
    pub(crate) body: &'text str,
}

/// Cuts the first message off: (between the parentheses, what follows).
pub(crate) fn split(text: &str) -> Result<(&str, &str), DecodeError> {
    let Some(text) = text.strip_prefix('(') else {
        return Err(DecodeError::NotMine);
    };
    // texts inside a message may have parentheses: only one before the next message or the end counts
    text.match_indices(')')
        .filter_map(|(at, _)| text.split_at_checked(at))
        .map(|(inside, end)| (inside, end.strip_prefix(')').unwrap_or(end)))
        .find(|(_, behind)| {
            let behind = behind.trim_start_matches(is_filler);
            behind.is_empty() || behind.starts_with('(')
        })
        .ok_or_else(|| malformed("cut short: no ) at the end"))
}

/// What stands between messages and around them.
pub(crate) fn is_filler(character: char) -> bool {
    character.is_ascii_whitespace() || character == '\0'
}

impl<'text> Sentence<'text> {
    pub(crate) fn parse(inside: &'text str) -> Result<Self, DecodeError> {
        with_commas(inside)
            .or_else(|| ID_LENGTHS.into_iter().find_map(|length| without(inside, length)))
            .ok_or_else(|| malformed(format_args!("no identifier and command: {}", shown(inside))))
    }
}

fn with_commas(inside: &str) -> Option<Sentence<'_>> {
    let (device, rest) = inside.split_once(',')?;
    let (command, body) = rest.split_once(',').unwrap_or((rest, ""));
    (is_id(device) && is_command(command)).then_some(Sentence {
        form: Form::Commas,
        device,
        command,
        body,
    })
}

fn without(inside: &str, id_length: usize) -> Option<Sentence<'_>> {
    let (device, rest) = inside.split_at_checked(id_length)?;
    let (command, body) = rest.split_at_checked(COMMAND_LENGTH)?;
    (is_id(device) && is_command(command)).then_some(Sentence {
        form: Form::Digits,
        device,
        command,
        body,
    })
}

/// Digits as a rule, a name where the owner set one.
fn is_id(text: &str) -> bool {
    (8..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// `BR00`, `DW5B`
fn is_command(text: &str) -> bool {
    matches!(text.as_bytes(), [first, second, rest @ ..]
        if rest.len() == COMMAND_LENGTH - 2
            && first.is_ascii_uppercase()
            && second.is_ascii_uppercase()
            && rest.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()))
}
