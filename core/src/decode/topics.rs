//! Vendor-native topic patterns and the rule that makes a device id of what they capture.
//!
//! A pattern is levels divided by `/`: plain text, `{name}` or `{+}`, each for exactly one level. A rule
//! is text with placeholders: `{user}/{device}`.

/// Bytes of a pattern, at most.
const MAX_PATTERN: usize = 256;
/// Bytes of a capture rule, at most.
const MAX_CAPTURE: usize = 128;

/// The name in `{name}`; `None` for other levels of a pattern.
fn capture_name(level: &str) -> Option<&str> {
    level.strip_prefix('{')?.strip_suffix('}')
}

fn is_capture_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// Says what is wrong with a pattern.
pub(super) fn check_pattern(pattern: &str) -> Result<(), String> {
    if pattern.is_empty() || pattern.len() > MAX_PATTERN {
        return Err(format!("a pattern must have 1 to {MAX_PATTERN} bytes"));
    }
    let mut names = Vec::new();
    for (index, level) in pattern.split('/').enumerate() {
        if level.is_empty() {
            return Err(format!("pattern \"{pattern}\" has an empty level"));
        }
        match capture_name(level) {
            Some("+") => {}
            Some(name) if is_capture_name(name) => {
                if names.contains(&name) {
                    return Err(format!("pattern \"{pattern}\" captures {{{name}}} twice"));
                }
                names.push(name);
            }
            Some(_) => {
                return Err(format!(
                    "pattern \"{pattern}\": a capture is {{+}} or {{name}} with a name of a-z, 0-9 and '_'"
                ));
            }
            None => {
                if level
                    .chars()
                    .any(|c| c.is_control() || matches!(c, '+' | '#' | '{' | '}'))
                {
                    return Err(format!(
                        "pattern \"{pattern}\": each level is plain text, {{name}} or {{+}}; '+', '#' and braces inside text are not allowed"
                    ));
                }
                if index == 0 && (level.starts_with('$') || level == "trackers") {
                    return Err(format!(
                        "pattern \"{pattern}\": topics under $… and trackers/ belong to the hub"
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Pieces of a capture rule: `Ok` for text, `Err` for the name of a placeholder.
fn pieces(rule: &str) -> Option<Vec<Result<&str, &str>>> {
    let mut out = Vec::new();
    let mut rest = rule;
    while !rest.is_empty() {
        let (text, after) = match rest.split_once('{') {
            Some((text, after)) => (text, Some(after)),
            None => (rest, None),
        };
        if text.contains('}') {
            return None;
        }
        if !text.is_empty() {
            out.push(Ok(text));
        }
        let Some(after) = after else { break };
        let (name, tail) = after.split_once('}')?;
        if !is_capture_name(name) {
            return None;
        }
        out.push(Err(name));
        rest = tail;
    }
    Some(out)
}

/// Says what is wrong with a capture rule for these (checked) patterns.
pub(super) fn check_capture(rule: &str, topics: &[String]) -> Result<(), String> {
    if rule.is_empty() || rule.len() > MAX_CAPTURE || rule.chars().any(char::is_control) {
        return Err(format!(
            "capture must have 1 to {MAX_CAPTURE} bytes without control characters"
        ));
    }
    let pieces = pieces(rule)
        .ok_or_else(|| "capture must be text with placeholders like {user}/{device}".to_owned())?;
    let names: Vec<&str> = pieces.into_iter().filter_map(Result::err).collect();
    if names.is_empty() {
        return Err("capture must have at least one placeholder like {device}".to_owned());
    }
    let fits = |pattern: &String| {
        names
            .iter()
            .all(|name| pattern.split('/').any(|level| capture_name(level) == Some(name)))
    };
    if topics.is_empty() || topics.iter().any(fits) {
        Ok(())
    } else {
        Err("no pattern under [topics] has all placeholders of capture".to_owned())
    }
}

/// Captures of a topic by a pattern that was checked; `None` when it does not fit.
pub(super) fn match_pattern<'a>(pattern: &'a str, topic: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let mut captures = Vec::new();
    let mut levels = topic.split('/');
    for expected in pattern.split('/') {
        let level = levels.next()?;
        match capture_name(expected) {
            Some("+") => {}
            Some(_) if level.is_empty() => return None,
            Some(name) => captures.push((name, level)),
            None if expected == level => {}
            None => return None,
        }
    }
    levels.next().is_none().then_some(captures)
}

/// The device id that a rule makes of captures; `None` when one is missing.
pub(super) fn fill(rule: &str, captures: &[(&str, &str)]) -> Option<String> {
    let mut out = String::new();
    for piece in pieces(rule)? {
        match piece {
            Ok(text) => out.push_str(text),
            Err(name) => out.push_str(captures.iter().find(|(key, _)| *key == name)?.1),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_patterns_of_known_vendors_are_accepted() {
        for pattern in [
            "msh/{+}/2/json/{+}/{node}",
            "{device}/data",
            "v3/{app}/devices/{device}/up",
            "positions",
        ] {
            assert_eq!(check_pattern(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn a_rule_joins_captures_with_text() {
        let captures = match_pattern("v3/{app}/devices/{device}/up", "v3/farm/devices/cow-7/up").unwrap();
        assert_eq!(fill("{app}:{device}", &captures).as_deref(), Some("farm:cow-7"));
        assert_eq!(fill("{app}:{other}", &captures), None);
        assert_eq!(match_pattern("a/{+}/c", "a/b/c"), Some(Vec::new()));
        assert_eq!(match_pattern("a/{+}/c", "a/b/d"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(pattern in ".{0,100}", rule in ".{0,100}", topic in ".{0,100}") {
            let _ = check_pattern(&pattern);
            let _ = check_capture(&rule, std::slice::from_ref(&pattern));
            if let Some(captures) = match_pattern(&pattern, &topic) {
                let _ = fill(&rule, &captures);
            }
        }
    }
}
