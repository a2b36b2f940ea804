//! What a field may be given and what comes of it: at, below and above each bound, of other types, null, empty.

use serde_json::{Value, json};

use crate::rest::validate::{Bound, Field, Rule};

/// A value, and the code of the violation that it is; `None`: it is none.
pub(super) type Variant = (Value, Option<&'static str>);

const BELOW: Option<&str> = Some("VALUE_BELOW_MINIMUM");
const ABOVE: Option<&str> = Some("VALUE_ABOVE_MAXIMUM");
const EMPTY: Option<&str> = Some("FIELD_MUST_NOT_BE_EMPTY");
const NO_TEXT: Option<&str> = Some("FIELD_MUST_BE_STRING");
const NO_INTEGER: Option<&str> = Some("FIELD_MUST_BE_INTEGER");
const NO_NUMBER: Option<&str> = Some("FIELD_MUST_BE_NUMERIC");
const NO_FLAG: Option<&str> = Some("FIELD_MUST_BE_BOOLEAN");
const NO_ARRAY: Option<&str> = Some("FIELD_MUST_BE_ARRAY");
const NO_OBJECT: Option<&str> = Some("FIELD_MUST_BE_OF_TYPE");
const TOO_LONG: Option<&str> = Some("FIELD_MAX_LENGTH_EXCEEDED");
const NO_SUCH_WORD: Option<&str> = Some("UNSUPPORTED_ENUM_VALUE");

/// Variants of a field of a JSON body; `exact`: on the resource surface, where an empty time is no time.
pub(super) fn of_body(field: &Field, exact: bool) -> Vec<Variant> {
    let mut all = vec![(Value::Null, null(field)), (json!(""), empty(field, exact))];
    all.extend(by_rule(field.rule));
    let other_types = match field.rule {
        Rule::Integer { .. } | Rule::Signed { .. } => NO_INTEGER,
        Rule::Number { .. } | Rule::Hundredths { .. } | Rule::Positive { .. } => NO_NUMBER,
        Rule::Flag => {
            all.extend([(json!([]), NO_FLAG), (json!({ "a": 1 }), NO_FLAG)]);
            return all;
        }
        Rule::Ids { .. } | Rule::Records { .. } | Rule::Words(_) => {
            all.extend([
                (json!(1), NO_ARRAY),
                (json!({ "a": 1 }), NO_ARRAY),
                (json!(true), NO_ARRAY),
            ]);
            return all;
        }
        Rule::Settings => {
            all.extend([(json!("a"), NO_OBJECT), (json!(["a"]), NO_OBJECT)]);
            return all;
        }
        _ => NO_TEXT,
    };
    all.extend([
        (json!(true), other_types),
        (json!([1]), other_types),
        (json!({ "a": 1 }), other_types),
    ]);
    all
}

/// Variants of a field of a query or a path, which are texts.
pub(super) fn of_text(field: &Field, exact: bool) -> Vec<(String, Option<&'static str>)> {
    let texts = by_rule(field.rule)
        .into_iter()
        .filter_map(|(value, code)| match value {
            Value::String(text) if !is_typed(field.rule) => Some((text, code)),
            Value::Number(_) | Value::Bool(_) if is_typed(field.rule) => {
                // a number is no flag, but it can't be told from another text
                let fits = value.is_boolean() == matches!(field.rule, Rule::Flag);
                fits.then(|| (value.to_string(), code))
            }
            _ => None,
        });
    let mut all: Vec<_> = texts.collect();
    all.push((String::new(), empty(field, exact)));
    match field.rule {
        Rule::Integer { .. } | Rule::Signed { .. } => all.push(("x".into(), NO_INTEGER)),
        Rule::Number { .. } | Rule::Hundredths { .. } | Rule::Positive { .. } => {
            all.extend([("x".into(), NO_NUMBER), ("1,5".into(), NO_NUMBER)]);
        }
        Rule::Flag => all.extend([("x".into(), NO_FLAG), ("1".into(), NO_FLAG)]),
        _ => {}
    }
    all
}

/// Whether a query's text is read as something else.
fn is_typed(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::Integer { .. }
            | Rule::Signed { .. }
            | Rule::Number { .. }
            | Rule::Hundredths { .. }
            | Rule::Positive { .. }
            | Rule::Flag
    )
}

fn null(field: &Field) -> Option<&'static str> {
    (field.required || field.never_null).then_some("FIELD_MUST_BE_DEFINED")
}

fn empty(field: &Field, exact: bool) -> Option<&'static str> {
    let is_none = matches!(field.rule, Rule::Time) && !field.required && !exact;
    if is_none { None } else { EMPTY }
}

/// The code of a text in another form.
pub(super) fn form(rule: Rule) -> &'static str {
    match rule {
        Rule::Email => "FIELD_MUST_BE_EMAIL",
        Rule::Phone => "FIELD_MUST_BE_PHONE_NUMBER",
        Rule::Url => "INVALID_URL_FORMAT",
        _ => "FIELD_MUST_BE_UUID",
    }
}

fn by_rule(rule: Rule) -> Vec<Variant> {
    match rule {
        Rule::Text { max } => vec![
            (json!(" "), None),
            (json!("ü".repeat(max)), None),
            (json!("ü".repeat(max + 1)), TOO_LONG),
            (json!(1), NO_TEXT),
        ],
        Rule::Sized { min, max } => vec![
            (json!("ü".repeat(min)), None),
            (json!("ü".repeat(min - 1)), Some("FIELD_MIN_LENGTH_NOT_MET")),
            (json!("ü".repeat(max)), None),
            (json!("ü".repeat(max + 1)), TOO_LONG),
        ],
        Rule::Integer { min, max } => vec![
            (json!(min), None),
            (json!(max), None),
            (json!(5.0), None),
            (json!(i128::from(min) - 1), BELOW),
            (json!(-1), BELOW),
            (json!(i64::MIN), BELOW),
            (json!(max + 1), ABOVE),
            (json!(u64::MAX), ABOVE),
            (json!(1e300), ABOVE),
            (json!(1.5), NO_INTEGER),
            (json!("1"), NO_INTEGER),
        ],
        Rule::Signed { min, max } => vec![
            (json!(min), None),
            (json!(max), None),
            (json!(min - 1), BELOW),
            (json!(max + 1), ABOVE),
            (json!(0.5), NO_INTEGER),
            (json!("0"), NO_INTEGER),
        ],
        Rule::Number { min, max } | Rule::Hundredths { min, max } => {
            let mut all = vec![(json!("1"), NO_NUMBER)];
            all.extend(match min {
                Bound::Inclusive(limit) => [(json!(limit), None), (json!(limit - 0.01), BELOW)],
                Bound::Exclusive(limit) => [(json!(limit + 0.01), None), (json!(limit), BELOW)],
            });
            all.extend(match max {
                Bound::Inclusive(limit) => [(json!(limit), None), (json!(limit + 0.01), ABOVE)],
                Bound::Exclusive(limit) => [(json!(limit - 0.01), None), (json!(limit), ABOVE)],
            });
            all
        }
        Rule::Positive { max } => vec![
            (json!(max), None),
            (json!(max * 1.01), ABOVE),
            (json!(1e-9), None),
            (json!(0), Some("NUMBER_MUST_BE_POSITIVE")),
            (json!(-1.5), Some("NUMBER_MUST_BE_POSITIVE")),
            (json!("1"), NO_NUMBER),
        ],
        Rule::Flag => vec![
            (json!(false), None),
            (json!(true), None),
            (json!("true"), NO_FLAG),
            (json!(1), NO_FLAG),
        ],
        Rule::Time => vec![
            (json!("2025-02-12T10:00:00Z"), None),
            (json!("2025-02-12 10:00:00.000 -0300"), None),
            (json!("yesterday"), Some("INVALID_DATE_FORMAT")),
            (json!("2025-02-30T00:00:00Z"), Some("INVALID_DATE_FORMAT")),
            (json!(1_739_365_200), NO_TEXT),
        ],
        Rule::OneOf(words) => {
            let mut all: Vec<_> = words.iter().map(|word| (json!(word), None)).collect();
            all.extend([(json!("other"), NO_SUCH_WORD), (json!(1), NO_TEXT)]);
            all
        }
        Rule::Email | Rule::Phone | Rule::Url | Rule::Uuid => {
            vec![(json!("nonsense"), Some(form(rule))), (json!(1), NO_TEXT)]
        }
        Rule::Sort(words) => {
            let mut all = vec![(json!(words.join(",+")), None)];
            for word in words {
                all.extend([(json!(word), None), (json!(format!("-{word}")), None)]);
            }
            for wrong in ["other", "id,", ",", "id,other", "ID"] {
                all.push((json!(wrong), NO_SUCH_WORD));
            }
            all.extend([
                (json!([words[0]; 8].join(",")), None),
                (json!([words[0]; 9].join(",")), ABOVE),
            ]);
            all
        }
        Rule::Words(words) => vec![
            (json!(words), None),
            (json!([]), Some("ARRAY_MUST_NOT_BE_EMPTY")),
            (json!(["other"]), NO_SUCH_WORD),
            (json!([1]), NO_TEXT),
            (json!(vec![words[0]; words.len() + 1]), ABOVE),
            (json!(words[0]), NO_ARRAY),
        ],
        Rule::Settings => vec![(json!({}), None), (json!({ "a": "b", "c": "d" }), None)],
        Rule::IdList { max } => vec![
            (json!("1,2, 2"), None),
            (json!(vec!["1"; max].join(",")), None),
            (json!(vec!["1"; max + 1].join(",")), ABOVE),
            (json!("1,x"), NO_INTEGER),
            (json!("1,"), NO_INTEGER),
            (json!("1,0"), BELOW),
            (json!("4294967295"), None),
            (json!("4294967296"), ABOVE),
            (json!(1), NO_TEXT),
        ],
        Rule::Bounds => {
            let right = ["-180,-90,180,90", "170, -5, -170, 5", "0,0,0,0"];
            let wrong = [
                "1,2,3",
                "1,2,3,4,5",
                "1,2,3,x",
                "1,,2,3,4",
                "-180.1,0,0,1",
                "0,0,180.1,1",
                "0,-90.1,1,0",
                "0,0,1,90.1",
                "0,2,1,1",
                "NaN,0,1,1",
                "0,0,inf,1",
            ];
            let mut all = vec![(json!(1), NO_TEXT)];
            all.extend(right.map(|right| (json!(right), None)));
            all.extend(wrong.map(|wrong| (json!(wrong), Some("INVALID_BBOX"))));
            all
        }
        Rule::Ids { max } | Rule::Records { max } => vec![
            (json!([1, 2, 2]), None),
            (json!(vec![1; max]), None),
            (json!(vec![1; max + 1]), ABOVE),
            (json!([]), Some("ARRAY_MUST_NOT_BE_EMPTY")),
            (json!([1, "2"]), NO_INTEGER),
            (json!([1.5]), NO_INTEGER),
            (json!([0]), BELOW),
        ],
    }
}
