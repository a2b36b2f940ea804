//! The two surfaces differ in how an answer looks, not in what is checked or done: one error, two renderers.

use poem::Response;

use super::error::ApiError;
use super::{envelope, resource};

/// How errors are rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The documented envelopes of TrackerHub.
    TrackerHub,
    /// The resource surface, `/v1`.
    Resource,
}

impl Dialect {
    /// The dialect of a path, also of one that leads nowhere.
    pub(super) fn of(path: &str) -> Self {
        match path.strip_prefix(resource::PREFIX) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => Self::Resource,
            _ => Self::TrackerHub,
        }
    }

    /// What its paths begin with; documented is the first. The contract's samples write to the read prefix: both
    /// prefixes, and none, serve everything.
    pub(super) const fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::TrackerHub => &["", "/tracking/read", "/tracking/write"],
            Self::Resource => &[resource::PREFIX],
        }
    }

    /// The answer to a request that is refused. `request` is its body.
    pub(super) fn failure(self, error: &ApiError, request: &[u8]) -> Response {
        match self {
            Self::TrackerHub => envelope::failure(error, request),
            Self::Resource => resource::failure(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_v1_are_resources() {
        for path in ["/v1", "/v1/", "/v1/dead-letters", "/v1/nothing/here"] {
            assert_eq!(Dialect::of(path), Dialect::Resource, "{path}");
        }
        for path in ["/", "", "/v10", "/tracker", "/tracking/read/v1", "/v2/devices"] {
            assert_eq!(Dialect::of(path), Dialect::TrackerHub, "{path}");
        }
    }
}
