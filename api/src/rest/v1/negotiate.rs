//! In which form an answer is wanted: `format=` says it, else the header `Accept`.

use poem::http::header;

use crate::rest::operation::Call;
use crate::rest::validate::Checked;

/// Media ranges that are looked at, at most.
const MAX_RANGES: usize = 32;

/// A form: its name for `format=`, and its media types without parameters.
pub(super) struct Form<T> {
    pub(super) name: &'static str,
    pub(super) media: &'static [&'static str],
    pub(super) is: T,
}

/// The wanted one. Without a wish, or when nothing that is wanted is there, the first.
pub(super) fn wanted<T: Copy>(call: &Call, query: &Checked, forms: &[Form<T>], otherwise: T) -> T {
    if let Some(name) = query.text("format") {
        let named = forms.iter().find(|form| form.name == name);
        return named.map_or(otherwise, |form| form.is);
    }
    let accept = call.headers.get(header::ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    best(accept, forms).unwrap_or(otherwise)
}

/// The form of the greatest quality; of equal ones the first.
fn best<T: Copy>(accept: &str, forms: &[Form<T>]) -> Option<T> {
    let mut best: Option<(f32, T)> = None;
    for form in forms {
        let qualities = form.media.iter().map(|media| quality(accept, media));
        let quality = qualities.fold(0.0, f32::max);
        if quality > best.map_or(0.0, |(quality, _)| quality) {
            best = Some((quality, form.is));
        }
    }
    best.map(|(_, form)| form)
}

/// What the most specific range that fits gives to a media type.
fn quality(accept: &str, media: &str) -> f32 {
    let kind = media.split('/').next().unwrap_or_default();
    let mut found = (0, 0.0);
    for range in accept.split(',').take(MAX_RANGES) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let specific = if name.eq_ignore_ascii_case(media) {
            3
        } else if name
            .strip_suffix("/*")
            .is_some_and(|name| name.eq_ignore_ascii_case(kind))
        {
            2
        } else if name == "*/*" {
            1
        } else {
            continue;
        };
        let quality = parts
            .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
            .map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
        if specific > found.0 {
            found = (specific, quality);
        }
    }
    found.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_the_greatest_quality_is_taken() {
        let form = |name, media| Form {
            name,
            media,
            is: name,
        };
        let forms = [
            form("json", &["application/json"][..]),
            form("csv", &["text/csv", "text/comma-separated-values"][..]),
        ];
        for (accept, expected) in [
            ("*/*", Some("json")),
            ("text/csv", Some("csv")),
            ("TEXT/CSV; charset=utf-8", Some("csv")),
            ("text/*", Some("csv")),
            ("application/json;q=0.5, text/csv;q=0.8", Some("csv")),
            ("application/json;q=0.5, text/csv;q=0.5", Some("json")),
            ("text/csv;q=0, */*;q=0.1", Some("json")),
            ("application/*, text/csv;q=0.9", Some("json")),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Some("json")),
            ("text/csv;q=nonsense", None),
            ("image/png", None),
            ("", None),
            (",;,=/*", None),
        ] {
            assert_eq!(best(accept, &forms), expected, "{accept}");
        }
    }
}
