//! Lists: a page of what matches, sorted as asked.

use std::cmp::Ordering;

use crate::rest::error::ApiError;
use crate::rest::operation::Call;
use crate::rest::resource::Page;
use crate::rest::validate::{self, Checked, Field, Rule};

/// Elements of a page, where the request says nothing, and at most.
const SIZE: u64 = 20;
const MAX_SIZE: u64 = 1_000;
/// The deepest page.
const LAST: u64 = 1_000_000;

/// Paths with an id.
pub(in crate::rest) const BY_ID: &[Field] = &[Field::id("id").required()];

/// Query field: elements of a page.
pub(super) const fn size() -> Field {
    let rule = Rule::Integer {
        min: 1,
        max: MAX_SIZE,
    };
    Field::new("size", rule)
}

/// Query field: number of the page, from 0.
pub(super) const fn number() -> Field {
    Field::new("page", Rule::Integer { min: 0, max: LAST })
}

/// Query field: attributes to sort by, `-` before those that fall.
pub(super) const fn sort(attributes: &'static [&'static str]) -> Field {
    Field::new("sort", Rule::Sort(attributes))
}

/// The id in the path.
pub(super) fn id(call: &Call) -> Result<u32, ApiError> {
    Ok(validate::query(call.parameters.clone(), BY_ID)?.required_id("id"))
}

/// Number and size of the page that `query` asks for.
pub(super) fn asked(query: &Checked) -> (u64, u64) {
    (
        query.long("page").unwrap_or(0),
        query.long("size").unwrap_or(SIZE),
    )
}

/// The page that `query` asks for. `compare` knows every attribute of the `sort` rule; equal elements stand by id.
pub(super) fn of<T, V>(
    mut items: Vec<T>,
    query: &Checked,
    compare: impl Fn(&str, &T, &T) -> Ordering,
    view: impl Fn(&T) -> V,
) -> Page<V> {
    let (number, size) = asked(query);
    let total = items.len() as u64;
    let (start, end) = (
        number.saturating_mul(size).min(total) as usize,
        (number + 1).saturating_mul(size).min(total) as usize,
    );
    if let Some(sort) = query.text("sort") {
        let orders: Vec<(&str, bool)> = sort
            .split(',')
            .map(|attribute| {
                (
                    attribute.trim_start_matches(['+', '-', ' ']),
                    attribute.starts_with('-'),
                )
            })
            .collect();
        let order = |one: &T, other: &T| {
            orders
                .iter()
                .map(|(attribute, falls)| {
                    let order = compare(attribute, one, other);
                    if *falls { order.reverse() } else { order }
                })
                .find(|order| order.is_ne())
                .unwrap_or_else(|| compare("id", one, other))
        };
        // a page of a million elements needs no sorted million
        if end < items.len() {
            items.select_nth_unstable_by(end, order);
            items.truncate(end);
        }
        items.sort_unstable_by(order);
    }
    let content = items.get(start..end).unwrap_or_default().iter().map(view);
    Page::new(content.collect(), total, number, size)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rest::validate;

    const LIST: &[Field] = &[number(), size(), sort(&["id", "name"])];

    fn listed(pairs: &[(&str, &str)]) -> Vec<(u32, &'static str)> {
        let items = vec![(1, "b"), (2, "a"), (3, "b"), (4, "c"), (5, "a")];
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let query = validate::query(pairs.collect(), LIST).unwrap();
        let compare = |attribute: &str, one: &(u32, &str), other: &(u32, &str)| match attribute {
            "name" => one.1.cmp(other.1),
            _ => one.0.cmp(&other.0),
        };
        let page = of(items, &query, compare, |item| *item);
        let ids = serde_json::to_value(&page).unwrap()["content"].clone();
        let ids = ids.as_array().unwrap().iter();
        ids.map(|item| {
            let name = ["a", "b", "c"]
                .into_iter()
                .find(|name| item[1] == **name)
                .unwrap();
            (item[0].as_u64().unwrap() as u32, name)
        })
        .collect()
    }

    #[test]
    fn every_page_of_a_sorted_list_is_a_piece_of_the_whole() {
        for sort in ["name", "-name", "name,-id", "-name,+id", "-id", " name"] {
            let whole = listed(&[("sort", sort)]);
            for size in 1..=6_usize {
                let mut pieces = Vec::new();
                for number in 0..6 {
                    pieces.extend(listed(&[
                        ("sort", sort),
                        ("size", &size.to_string()),
                        ("page", &number.to_string()),
                    ]));
                }
                assert_eq!(pieces, whole, "{sort} {size}");
            }
        }
        assert_eq!(
            listed(&[("sort", "name,-id")]),
            [(5, "a"), (2, "a"), (3, "b"), (1, "b"), (4, "c")]
        );
        assert_eq!(listed(&[("sort", "-name"), ("size", "2")]), [(4, "c"), (1, "b")]);
    }

    #[test]
    fn an_unsorted_list_keeps_its_order_and_the_page_behind_the_last_is_empty() {
        assert_eq!(listed(&[("size", "2"), ("page", "1")]), [(3, "b"), (4, "c")]);
        assert_eq!(listed(&[("size", "2"), ("page", "3")]), []);
        assert_eq!(listed(&[("size", "1000"), ("page", "1000000")]), []);
    }
}
