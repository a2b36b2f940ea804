//! Parameters of a query or of a form body: `id=1&lat=60.0&lon=30.0`, percent-encoded.

use std::borrow::Cow;

use fixstream_decoder::{DecodeError, Value, malformed};

/// More parameters than this nobody sends.
const MOST: usize = 512;

/// Names and values in their order.
pub(crate) struct Parameters<'text>(Vec<(Cow<'text, str>, Cow<'text, str>)>);

/// The query of a path or URL: what follows `?`. `None` when there is none, also when the `?` stands
/// inside a parameter.
pub(crate) fn query_of(path: &[u8]) -> Option<&[u8]> {
    let mark = path.iter().position(|byte| matches!(byte, b'?' | b'=' | b'&'))?;
    path.get(mark..)?.strip_prefix(b"?")
}

/// Reads the parameters of a query and of the body behind it. What has no `=` at all is another format.
pub(crate) fn parse<'text>(query: &'text [u8], body: &'text [u8]) -> Result<Parameters<'text>, DecodeError> {
    if !query.iter().chain(body).any(|byte| *byte == b'=') {
        return Err(DecodeError::NotMine);
    }
    let pairs: Vec<_> = form_urlencoded::parse(query)
        .chain(form_urlencoded::parse(body))
        .take(MOST + 1)
        .collect();
    if pairs.len() > MOST {
        return Err(malformed("more parameters than a report has"));
    }
    Ok(Parameters(pairs))
}

impl Parameters<'_> {
    /// The last value of this name, without blanks around it; `None` when it is absent or empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// All values of this name, joined with `;`.
    pub(crate) fn joined(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .0
            .iter()
            .filter(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_ref())
            .collect();
        (!values.is_empty()).then(|| values.join(";"))
    }

    /// Every name once, where it stands last, with a value that is not empty.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .enumerate()
            .filter(|(at, (name, _))| self.0.iter().skip(at + 1).all(|(later, _)| later != name))
            .map(|(_, (name, value))| (name.as_ref(), value.trim()))
            .filter(|(_, value)| !value.is_empty())
    }
}

/// A finite number in plain or scientific notation (phones write `1.0E-4`).
pub(crate) fn number(text: &str) -> Option<f64> {
    let is_numeric = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
    is_numeric
        .then(|| text.parse().ok())
        .flatten()
        .filter(|number: &f64| number.is_finite())
}

/// True or false, as a word or a digit.
pub(crate) fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

/// The value of a parameter that the format does not name: a number, a flag or text.
pub(crate) fn value(text: &str) -> Value {
    if let Ok(integer) = text.parse::<i64>() {
        return integer.into();
    }
    match (number(text), text) {
        (Some(number), _) => number.into(),
        (None, "true") => true.into(),
        (None, "false") => false.into(),
        (None, text) => text.into(),
    }
}
