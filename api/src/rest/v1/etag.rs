//! ETags of single entities, and what If-Match demands. A tag is a digest of the entity as it is answered.

use poem::Response;
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::rest::envelope::json_response;
use crate::rest::error::ApiError;

/// An entity with its tag.
pub(super) fn entity(status: StatusCode, view: &impl Serialize) -> Response {
    let mut response = json_response(status, view);
    put(&mut response, &tag(view));
    response
}

/// Adds the tag to an answer.
pub(super) fn put(response: &mut Response, tag: &str) {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
}

/// The tag of an entity.
pub(super) fn tag(view: &impl Serialize) -> String {
    tag_of(&serde_json::to_vec(view).unwrap_or_default())
}

/// The tag of an entity that is JSON already.
pub(super) fn tag_of(json: &[u8]) -> String {
    let digest = Sha256::digest(json);
    format!("\"{}\"", hex::encode(&digest[..16]))
}

/// Whether the caller demands the entity as it is in `view`; refused when it demands another one.
pub(super) fn demanded(
    headers: &HeaderMap,
    entity: &'static str,
    view: &impl Serialize,
) -> Result<bool, ApiError> {
    let mut tags = headers.get_all(header::IF_MATCH).iter().peekable();
    if tags.peek().is_none() {
        return Ok(false);
    }
    let current = tag(view);
    let mut any = false;
    for tag in tags
        .filter_map(|tags| tags.to_str().ok())
        .flat_map(|tags| tags.split(','))
    {
        match tag.trim() {
            "*" => any = true,
            // a weak tag never matches here, as RFC 9110 has it
            tag if tag == current => return Ok(true),
            _ => {}
        }
    }
    if any {
        Ok(false)
    } else {
        Err(ApiError::Changed { entity })
    }
}

/// Whether the caller demands that there is an entity: there is none.
pub(super) fn demanded_of_none(headers: &HeaderMap, entity: &'static str) -> Result<(), ApiError> {
    if headers.contains_key(header::IF_MATCH) {
        Err(ApiError::Changed { entity })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn demands(values: &[&str]) -> Option<bool> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, HeaderValue::from_str(value).unwrap());
        }
        demanded(&headers, "DEVICE", &"entity").ok()
    }

    #[test]
    fn the_current_tag_matches_in_any_place_of_a_list() {
        let current = tag(&"entity");
        assert_eq!(demands(&[]), Some(false));
        assert_eq!(demands(&["*"]), Some(false));
        assert_eq!(demands(&[&current]), Some(true));
        assert_eq!(demands(&[&format!("\"other\" , {current}")]), Some(true));
        assert_eq!(demands(&["\"other\"", &current]), Some(true));
        for wrong in [
            "",
            "\"other\"",
            "nonsense",
            &format!("W/{current}"),
            current.trim_matches('"'),
        ] {
            assert_eq!(demands(&[wrong]), None, "{wrong}");
        }
    }
}
