//! An endpoint as it declares itself, with its good request and the variants of that.

use serde_json::Value;

use super::requests::{self, Good};
use super::world::{Answer, World};
use crate::rest::dialect::Dialect;
use crate::rest::operation::Operation;
use crate::rest::routes::operations;
use crate::rest::validate::Field;

/// An endpoint with its good request.
pub(super) struct Endpoint {
    pub(super) operation: Operation,
    pub(super) good: Good,
}

/// All of them; fails when one has no request.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let mut goods = requests::all();
    let mut endpoints = Vec::new();
    for operation in operations() {
        let found = goods.iter().position(|good| good.operation == operation.name);
        let found = found.unwrap_or_else(|| panic!("{} has no request", operation.name));
        let good = goods.swap_remove(found);
        endpoints.push(Endpoint { operation, good });
    }
    assert!(goods.is_empty(), "requests without an endpoint");
    endpoints
}

impl Endpoint {
    pub(super) fn exact(&self) -> bool {
        self.operation.dialect == Dialect::Resource
    }

    /// The request's path without its query, and the query.
    pub(super) fn split(&self) -> (&'static str, Vec<(String, String)>) {
        let (path, query) = self.good.path.split_once('?').unwrap_or((self.good.path, ""));
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        (path, pairs.into_owned().collect())
    }

    /// Fields of a JSON body.
    pub(super) fn fields(&self) -> &'static [Field] {
        self.operation.body.unwrap_or_default()
    }

    pub(super) async fn send(&self, world: &World, key: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        world
            .send(self.operation.method.clone(), path, Some(key), body)
            .await
    }

    /// The request with another value for a field of its query.
    pub(super) fn asking(&self, name: &str, value: &str) -> String {
        let (path, mut query) = self.split();
        query.retain(|(known, _)| known != name);
        query.push((name.to_owned(), value.to_owned()));
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        format!("{path}?{}", text.extend_pairs(query).finish())
    }

    /// The request with another value for a parameter of its path.
    pub(super) fn at(&self, name: &str, value: &str) -> String {
        let template = self.template();
        let wanted = format!("{{{name}}}");
        let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let (path, _) = self.split();
        let parts: Vec<&str> = template
            .split('/')
            .zip(path.split('/'))
            .map(|(part, given)| if part == wanted { value.as_str() } else { given })
            .collect();
        match self.good.path.split_once('?') {
            Some((_, query)) => format!("{}?{query}", parts.join("/")),
            None => parts.join("/"),
        }
    }

    /// The documented path with its prefix.
    pub(super) fn template(&self) -> String {
        let prefix = self.operation.dialect.prefixes()[0];
        format!("{prefix}{}", self.operation.paths[0])
    }

    /// Every path that leads here, with `id` for each parameter.
    pub(super) fn everywhere(&self, id: &str) -> Vec<String> {
        let mut all = Vec::new();
        for prefix in self.operation.dialect.prefixes() {
            for path in self.operation.paths {
                let parts = path.split('/');
                let parts: Vec<&str> = parts
                    .map(|part| if part.starts_with('{') { id } else { part })
                    .collect();
                all.push(format!("{prefix}{}", parts.join("/")));
            }
        }
        all
    }

    /// Whether a variant of the request was answered as one that breaks `code`'s rule by the field, or none.
    #[track_caller]
    pub(super) fn judge(&self, answer: &Answer, field: &str, code: Option<&str>, shown: &str) {
        let shown = format!(
            "{} {field} = {shown:.60}: {} {}",
            self.operation.name, answer.status, answer.body
        );
        let found = violations(answer);
        if let Some(code) = code {
            assert_eq!(answer.status, 400, "{shown}");
            assert_eq!(found, [(code.to_owned(), field.to_owned())], "{shown}");
        } else {
            assert!(found.is_empty(), "{shown}");
            assert!(answer.status < 500 || answer.status == 503, "{shown}");
        }
    }
}

/// Code and field of all violations, of either surface.
pub(super) fn violations(answer: &Answer) -> Vec<(String, String)> {
    let of = |list: &str, code: &str| {
        let all = answer.body[list].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        all.into_iter()
            .map(|one| (text(&one[code]).to_ascii_uppercase(), text(&one["field"])))
            .collect::<Vec<_>>()
    };
    [of("violations", "code"), of("errors", "error_code")].concat()
}

/// The answer's code, of either surface.
pub(super) fn code(answer: &Answer) -> &str {
    let code = answer
        .body
        .get("code")
        .unwrap_or(&answer.body["error"]["error_code"]);
    code.as_str().unwrap_or_default()
}
