//! One way to declare an endpoint: key, scope and body are settled before the handler runs, errors are
//! rendered after it. Routes, metrics and the OpenAPI documents are made from the declarations.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use fixstream_core::model::ClientId;
use fixstream_core::registry::{ApiKey, Client, Scope};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use poem::error::ReadBodyError;
use poem::http::{HeaderMap, Method, Uri};
use poem::{Endpoint, Request, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::Rest;
use super::codes::Code;
use super::dialect::Dialect;
use super::error::ApiError;
use super::validate::Field;

/// Longest body, bytes.
pub(super) const MAX_BODY: usize = 1 << 20;
/// The header with the API key.
const KEY_HEADER: &str = "apikey";

/// A request whose key and scope are settled.
pub(super) struct Call {
    pub(super) rest: Arc<Rest>,
    pub(super) key: Arc<ApiKey>,
    /// The key's client.
    pub(super) client: Arc<Client>,
    pub(super) uri: Uri,
    /// The path's parameters, decoded.
    pub(super) parameters: Vec<(String, String)>,
    /// The head's fields.
    pub(super) headers: HeaderMap,
    /// The query, decoded.
    pub(super) query: Vec<(String, String)>,
    /// Empty for GET: a body there is ignored.
    pub(super) body: Bytes,
}

impl Call {
    /// A parameter of the path; empty where the path has none of that name.
    pub(super) fn parameter(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// Whether something belongs to the key's client.
    pub(super) fn owns(&self, client: ClientId) -> bool {
        client == self.client.id
    }
}

/// Which endpoint answered, and for whom: for the access log and the metrics.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    pub(super) operation: &'static str,
    /// 0 = no valid key.
    pub(super) key: u32,
}

type Handler = Box<dyn Fn(Call) -> BoxFuture<'static, Result<Response, ApiError>> + Send + Sync>;

/// What an answer carries.
#[derive(Clone, Copy)]
pub(super) enum Content {
    /// Nothing.
    Empty,
    /// JSON of this schema.
    Json(fn(&mut SchemaGenerator) -> Schema),
    /// JSON of this schema under another media type.
    JsonAs(&'static str, fn(&mut SchemaGenerator) -> Schema),
    /// Text of these media types, chosen by the request.
    Text(&'static [&'static str]),
}

/// A good answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) says: &'static str,
    pub(super) content: Content,
}

/// The declaration of an endpoint.
pub(super) struct Operation {
    /// Name in metrics and documents.
    pub(super) name: &'static str,
    pub(super) method: Method,
    /// Paths below the surface's prefix, with `{parameters}`. The first is documented, the others are aliases.
    pub(super) paths: &'static [&'static str],
    pub(super) dialect: Dialect,
    /// What the key must be allowed.
    pub(super) scope: Scope,
    /// One line about what it does.
    pub(super) summary: &'static str,
    /// Fields of the path, the query and the body, where it has them.
    pub(super) parameters: &'static [Field],
    pub(super) query: &'static [Field],
    pub(super) body: Option<&'static [Field]>,
    /// Media type of a body that is no JSON.
    pub(super) media: Option<&'static str>,
    /// Longest body, bytes.
    pub(super) max_body: usize,
    pub(super) answers: Vec<Answer>,
    /// Refusals beyond those that every endpoint of its kind may give.
    pub(super) refusals: Vec<&'static Code>,
    handler: Handler,
}

impl Operation {
    /// Declares an endpoint of the TrackerHub surface. Its scope is read for GET, else write.
    pub(super) fn new<F, Fut>(
        method: Method,
        name: &'static str,
        paths: &'static [&'static str],
        summary: &'static str,
        handler: F,
    ) -> Self
    where
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
    {
        Self {
            name,
            scope: if method == Method::GET {
                Scope::Read
            } else {
                Scope::Write
            },
            method,
            paths,
            dialect: Dialect::TrackerHub,
            summary,
            parameters: &[],
            query: &[],
            body: None,
            media: None,
            max_body: MAX_BODY,
            answers: Vec::new(),
            refusals: Vec::new(),
            handler: Box::new(move |call| handler(call).boxed()),
        }
    }

    /// The same on the resource surface.
    pub(super) fn resource(self) -> Self {
        let dialect = Dialect::Resource;
        Self { dialect, ..self }
    }

    /// Needs this scope.
    pub(super) fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// Its path has these parameters.
    pub(super) fn parameters(self, parameters: &'static [Field]) -> Self {
        Self { parameters, ..self }
    }

    /// Its query may have these fields.
    pub(super) fn query(self, query: &'static [Field]) -> Self {
        Self { query, ..self }
    }

    /// Its body is a JSON object with these fields.
    pub(super) fn body(self, fields: &'static [Field]) -> Self {
        let body = Some(fields);
        Self { body, ..self }
    }

    /// Its body is a file of this media type, of at most so many bytes.
    pub(super) fn file(self, media: &'static str, max_body: usize) -> Self {
        Self {
            media: Some(media),
            max_body,
            ..self
        }
    }

    /// Answers with JSON.
    pub(super) fn answers<T: JsonSchema>(self, status: u16, says: &'static str) -> Self {
        self.answers_with(status, says, Content::Json(SchemaGenerator::subschema_for::<T>))
    }

    /// Answers with something else than JSON.
    pub(super) fn answers_with(mut self, status: u16, says: &'static str, content: Content) -> Self {
        self.answers.push(Answer {
            status,
            says,
            content,
        });
        self
    }

    /// May be refused with this code.
    pub(super) fn refuses(mut self, code: &'static Code) -> Self {
        self.refusals.push(code);
        self
    }

    /// May be refused with any of these codes.
    pub(super) fn refuses_all(mut self, codes: &[&'static Code]) -> Self {
        self.refusals.extend(codes);
        self
    }

    /// The endpoint to mount.
    pub(super) fn serve(self, rest: &Arc<Rest>) -> Served {
        Served {
            rest: Arc::clone(rest),
            operation: Arc::new(self),
        }
    }
}

/// A declared endpoint at work. Cheap to clone: it is mounted once for each of its paths.
#[derive(Clone)]
pub(super) struct Served {
    rest: Arc<Rest>,
    operation: Arc<Operation>,
}

impl Endpoint for Served {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let key = request
            .header(KEY_HEADER)
            .and_then(|secret| self.rest.registry.api_key(secret));
        let answered = Answered {
            operation: self.operation.name,
            key: key.as_ref().map_or(0, |key| key.id),
        };
        let mut response = match key {
            Some(key) => self.answer(key, request).await,
            None => self.operation.dialect.failure(&ApiError::Unauthorized, &[]),
        };
        response.set_data(answered);
        Ok(response)
    }
}

impl Served {
    async fn answer(&self, key: Arc<ApiKey>, mut request: Request) -> Response {
        let Operation { dialect, scope, .. } = *self.operation;
        if let Err(retry_after) = self.rest.limits.admit(dialect, key.id) {
            return dialect.failure(&ApiError::TooMany { retry_after }, &[]);
        }
        if !key.may(scope) {
            return dialect.failure(&ApiError::Forbidden(scope), &[]);
        }
        let Some(client) = self.rest.registry.client(key.client) else {
            return dialect.failure(&ApiError::UnknownInstance, &[]);
        };
        let body = if matches!(*request.method(), Method::GET | Method::HEAD) {
            Bytes::new()
        } else {
            // Read after the key was checked: strangers cost no memory.
            match request
                .take_body()
                .into_bytes_limit(self.operation.max_body)
                .await
            {
                Ok(body) => body,
                Err(ReadBodyError::PayloadTooLarge) => {
                    return dialect.failure(&ApiError::TooLarge(self.operation.max_body), &[]);
                }
                Err(error) => {
                    return dialect.failure(
                        &ApiError::Malformed(format!("the body can not be read: {error}")),
                        &[],
                    );
                }
            }
        };
        let call = Call {
            rest: Arc::clone(&self.rest),
            key,
            client,
            uri: request.original_uri().clone(),
            parameters: request
                .path_params::<BTreeMap<String, String>>()
                .map_or_else(|_| Vec::new(), |found| found.into_iter().collect()),
            query: request.params().unwrap_or_default(),
            headers: request.headers().clone(),
            body: body.clone(),
        };
        match (self.operation.handler)(call).await {
            Ok(response) => response,
            Err(error) => dialect.failure(&error, &body),
        }
    }
}
