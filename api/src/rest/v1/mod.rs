//! The resource surface: entities by path, camelCase, pages and cursors, 201 with `Location`, 204 without a body.

mod cursor;
pub(super) mod positions;

use super::operation::Operation;

/// The endpoints, in the order of the documents.
pub(super) fn operations() -> Vec<Operation> {
    [positions::operations()].into_iter().flatten().collect()
}
