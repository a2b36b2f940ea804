//! A page for each error code: what happened, and what to do. Made from the one table of codes; checked in as
//! `api/docs/errors/*.md` and served at `/docs/errors/{code}`.

use std::fmt::Write as _;

use poem::http::StatusCode;
use poem::{Endpoint, Request, Response};

use super::codes::{self, Code};
use super::envelope;
use super::error::ApiError;

/// What a page says beyond the table.
struct Advice {
    happened: &'static str,
    remedy: &'static str,
}

/// All codes, in the order of the table.
fn all() -> impl Iterator<Item = &'static Code> {
    let lists = [codes::VALIDATION, codes::RESOURCE, codes::OUTSIDE];
    lists.into_iter().flat_map(<[Code]>::iter)
}

/// Serves `/docs/errors` (the list) and `/docs/errors/{code}`, in either case.
pub(super) fn serve() -> impl Endpoint {
    poem::endpoint::make_sync(|request: Request| -> Response {
        let wanted = request.path_params::<String>().unwrap_or_default();
        let text = if wanted.is_empty() {
            Some(list())
        } else {
            all()
                .find(|code| code.name.eq_ignore_ascii_case(&wanted))
                .map(page)
        };
        match text {
            Some(text) => Response::builder()
                .status(StatusCode::OK)
                .content_type("text/markdown; charset=utf-8")
                .body(text),
            None => envelope::failure(&ApiError::NoRoute, &[]),
        }
    })
}

/// The list of all codes.
fn list() -> String {
    let mut text = String::from("# Error codes\n\n| code | status | message |\n|---|---|---|\n");
    for code in all() {
        let Code {
            name,
            template,
            status,
        } = code;
        // writing to a string does not fail
        let _ = writeln!(text, "| [{name}]({name}.md) | {status} | {template} |");
    }
    text
}

/// The page of a code.
fn page(code: &Code) -> String {
    let Advice { happened, remedy } = advice(code);
    let Code {
        name,
        template,
        status,
    } = code;
    let lower = name.to_ascii_lowercase();
    format!(
        "# {name}\n\nStatus {status}, message `{template}`. On `/v1` the code is `{lower}` (a field's violation: \
         `constraint_violation`; what is not found: `…_not_found` with status 404).\n\n\
         **What happened.** {happened}\n\n**What to do.** {remedy}\n"
    )
}

/// What a code means to the caller.
fn advice(code: &Code) -> Advice {
    let (happened, remedy) = match code.name {
        "ARRAY_MUST_NOT_BE_EMPTY" => (
            "The field is an array without elements.",
            "Send at least one element, or leave the field out where it is optional.",
        ),
        "FIELD_MAX_LENGTH_EXCEEDED" => (
            "The text is longer than the field holds.",
            "Shorten it; the message names the limit, counted in characters.",
        ),
        "FIELD_MIN_LENGTH_NOT_MET" => (
            "The text is too short.",
            "Send at least as many characters as the message says.",
        ),
        "FIELD_MUST_BE_BOOLEAN" => (
            "The value is neither true nor false.",
            "Send a JSON boolean, not a string or a number.",
        ),
        "FIELD_MUST_BE_EMAIL" => (
            "The value is not an e-mail address.",
            "Send one address of the form name@host.",
        ),
        "FIELD_MUST_BE_INTEGER" => (
            "The value is not a whole number.",
            "Send a JSON number without a fraction, not a string.",
        ),
        "FIELD_MUST_BE_NUMERIC" => ("The value is not a number.", "Send a JSON number, not a string."),
        "FIELD_MUST_BE_PHONE_NUMBER" => (
            "The value is not a telephone number.",
            "Send it in the international form: + and up to 15 digits.",
        ),
        "FIELD_MUST_BE_STRING" => ("The value is not a text.", "Send a JSON string."),
        "FIELD_MUST_NOT_BE_EMPTY" => (
            "The value is the empty string.",
            "Send a value, or leave the field out where it is optional.",
        ),
        "INVALID_DATE_FORMAT" => (
            "The value is not a point in time.",
            "Send RFC 3339 (2025-02-12T13:00:00Z) or the form 2025-02-12 10:00:00.000 -0300.",
        ),
        "INVALID_URL_FORMAT" => ("The value is not a URL.", "Send an absolute http or https URL."),
        "NUMBER_MUST_BE_POSITIVE" => ("The number is zero or negative.", "Send a number above zero."),
        "UNSUPPORTED_ENUM_VALUE" => (
            "The value is not one of those allowed.",
            "Take one of the values in the message.",
        ),
        "VALUE_ABOVE_MAXIMUM" => (
            "The number, or the number of elements, is too great.",
            "Stay at or below the limit in the message.",
        ),
        "VALUE_BELOW_MINIMUM" => (
            "The number is too small. Ids begin at 1.",
            "Stay at or above the limit in the message.",
        ),
        "FIELD_MUST_BE_ARRAY" => (
            "The value is not an array.",
            "Send a JSON array, also for one element.",
        ),
        "FIELD_MUST_BE_UUID" => (
            "The value is not a UUID.",
            "Send 32 hexadecimal digits in the form 8-4-4-4-12.",
        ),
        "FIELD_MUST_BE_DEFINED" => ("A field that is required is missing or null.", "Send the field."),
        "INVALID_PARAMETERS" => (
            "The body is not a JSON object, or a vendor's decoder could not read it; `details.reason` says what was wrong.",
            "Correct the request; the same request will be refused again.",
        ),
        "ENTITY_WITH_FIELD_ALREADY_EXISTS" => (
            "Something of yours has this value already, and the value must be unique.",
            "Take another value, or change the existing entity.",
        ),
        "ENTITY_WITH_FIELD_NOT_FOUND" => (
            "Nothing of yours has this id or value. Another client's entities answer in the same way.",
            "List what there is, and check that the key belongs to the client you mean.",
        ),
        "FIELD_MUST_BE_OF_TYPE" => (
            "The value has another type than the field.",
            "Send the type that the message names.",
        ),
        "INSTANCE_NOT_FOUND" => (
            "The client that the key belongs to is gone.",
            "Ask the operator for a key of an existing client.",
        ),
        "ENTITY_NOT_FOUND" => (
            "Nothing has this name: an unknown vendor, or a vendor without a link to your client; or the key picks no link.",
            "Ask the operator to create the link (fixstream admin link), or to install the plugin.",
        ),
        "ENTITY_ALREADY_EXISTS" => (
            "There can be only one, and there is one already.",
            "Change the existing one.",
        ),
        "QUERY_FAILED" => (
            "The database refused: because something else still refers to what is to be deleted, or because a question \
             is about more positions than one answer may have.",
            "Delete or detach what refers to it first; ask about fewer devices or less time. If it is neither, the \
             operator's log has the cause.",
        ),
        "REQUEST_FAILED" => (
            "Something broke in the hub.",
            "Try again later; give the operator the x-request-id of the answer.",
        ),
        "UNAUTHORIZED" => (
            "The header `apikey` is missing, or the key is unknown, expired or revoked.",
            "Send a valid key. The operator makes one with fixstream admin key.",
        ),
        "FORBIDDEN" => (
            "The key is valid, but lacks the scope that this needs.",
            "Use a key with the scope in the message.",
        ),
        "ORIGIN_NOT_ALLOWED" => (
            "The request comes from a web page whose origin is not configured.",
            "Ask the operator to add the origin to rest.cors_origins.",
        ),
        "PREFLIGHT_METHOD_NOT_ALLOWED" => (
            "A browser asked, on behalf of a page, whether it may send a request with a method that no endpoint \
             answers, or named none in Access-Control-Request-Method.",
            "Use one of the methods in /docs/: GET, POST, PUT, PATCH or DELETE. Names of methods are upper case.",
        ),
        "PREFLIGHT_HEADER_NOT_ALLOWED" => (
            "A browser asked, on behalf of a page, whether it may send a header that no endpoint reads.",
            "Send only apikey, content-type, if-match, idempotency-key and x-request-id beside those that a browser \
             sends of itself.",
        ),
        "ROUTE_NOT_FOUND" => ("There is no such path.", "See the documents at /docs/."),
        "METHOD_NOT_ALLOWED" => (
            "The path is known, but not with this method.",
            "See the documents at /docs/.",
        ),
        "REQUEST_TIMEOUT" => (
            "The request did not arrive, or could not be answered, in 30 seconds. Whether it was done is open.",
            "Ask for less at once, or try again; positions that are sent twice are recognised.",
        ),
        "BODY_TOO_LARGE" => (
            "The body is longer than allowed.",
            "Split it; the message names the limit in bytes.",
        ),
        "PRECONDITION_FAILED" => (
            "Somebody changed the entity after you read it.",
            "Read it again, look at what changed, and send If-Match with its new ETag.",
        ),
        "IDEMPOTENCY_KEY_REUSED" => (
            "An earlier request with this Idempotency-Key asked for something else.",
            "Take a new key, a UUID for example, for each thing that is to be made.",
        ),
        "ENTITY_IN_USE" => (
            "Something else refers to what is to be deleted: a device to its tracker, positions to their device.",
            "Delete or detach what refers to it first.",
        ),
        "TOO_MANY_REQUESTS" => (
            "The key has used up the requests that the operator allows it for the moment.",
            "Wait the seconds in Retry-After. The operator sets rest.rate_limit_per_second.",
        ),
        "INVALID_CURSOR" => (
            "The cursor is none that an earlier page gave.",
            "Send the `next` of the page before, unchanged, or leave it out to begin at the first page.",
        ),
        "INVALID_BBOX" => (
            "The box is not four numbers with commas between them, lies outside the earth, or its south is above its north.",
            "Send west,south,east,north: west and east from -180 to 180, south and north from -90 to 90. A box over the \
             antimeridian has the greater longitude as its west.",
        ),
        "PLUGIN_REFUSED" => (
            "The plugin is not installed: its file, signature, imports, contract or own vectors are not in order; the \
             message says which.",
            "Correct the plugin: `fixstream plugin test` finds the same before you send it. What was installed goes on.",
        ),
        "PLUGIN_CONFLICT" => (
            "The version exists with other bytes, is in use, or there is no earlier one.",
            "Do what the message says: another version number, `replace=true`, or another version first.",
        ),
        "PLUGIN_NOT_FOUND" => (
            "No plugin, or no version of it, has this name.",
            "List what there is: GET /v1/plugins.",
        ),
        "REDECODE_CONFLICT" => (
            "The re-decoding is in a state in which that can not be done, or too many wait already; the message says which.",
            "Look at it: GET /v1/redecodes/{id}. Only what waits or runs is stopped, only what was stopped or has failed \
             is continued.",
        ),
        "FIELD_IS_UNKNOWN" => (
            "The request has a field that is not known here, and a misspelt one would change what is meant.",
            "Correct its name, or leave it out.",
        ),
        "NOTHING_CHOSEN" => (
            "Neither ids nor filters say what is meant.",
            "Name ids, or set at least one filter.",
        ),
        "HISTORY_AWAY" => (
            "ClickHouse does not answer at the moment. What is acknowledged is safe; only history can not be read.",
            "Try again after the seconds in Retry-After.",
        ),
        "OVERLOADED" => (
            "The journal is full, the disk is, a decoder is out of service, or as many reports as may be are read \
             already: more can not be accepted now.",
            "Try again after the seconds in Retry-After; /healthcheck tells an administrator why.",
        ),
        _ => ("", ""),
    };
    Advice { happened, remedy }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_code_has_a_page_and_the_pages_are_those_that_are_checked_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors");
        if std::env::var_os("FIXSTREAM_GOLDEN").is_some_and(|value| value == "write") {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("README.md"), list()).unwrap();
            for code in all() {
                std::fs::write(folder.join(format!("{}.md", code.name)), page(code)).unwrap();
            }
        }
        let hint = "write the pages anew with FIXSTREAM_GOLDEN=write and look at the diff";
        assert_eq!(
            std::fs::read_to_string(folder.join("README.md")).unwrap_or_default(),
            list(),
            "{hint}"
        );
        let mut names = BTreeSet::from(["README.md".to_owned()]);
        for code in all() {
            let Advice { happened, remedy } = advice(code);
            assert!(
                !happened.is_empty() && !remedy.is_empty(),
                "{} says nothing",
                code.name
            );
            let name = format!("{}.md", code.name);
            assert_eq!(
                std::fs::read_to_string(folder.join(&name)).unwrap_or_default(),
                page(code),
                "{hint}"
            );
            names.insert(name);
        }
        let found: BTreeSet<String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(found, names, "{hint}");
    }
}
