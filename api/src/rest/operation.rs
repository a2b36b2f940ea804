//! One way to declare an endpoint: key, scope and body are settled before the handler runs, errors are
//! rendered after it.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use fixstream_core::registry::{ApiKey, Client, Scope};
use poem::error::ReadBodyError;
use poem::http::{Method, Uri};
use poem::{Endpoint, Request, Response};

use super::Rest;
use super::dialect::Dialect;
use super::error::ApiError;

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
    /// The path's parameter, decoded, where the path has one.
    pub(super) parameter: Option<String>,
    /// The query, decoded.
    pub(super) query: Vec<(String, String)>,
    /// Empty for GET: a body there is ignored.
    pub(super) body: Bytes,
}

/// Which endpoint answered, and for whom: for the access log and the metrics.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    pub(super) operation: &'static str,
    /// 0 = no valid key.
    pub(super) key: u32,
}

/// A declared endpoint.
pub(super) struct Operation<F> {
    rest: Arc<Rest>,
    name: &'static str,
    scope: Scope,
    dialect: Dialect,
    handler: F,
}

/// Declares an endpoint of the TrackerHub surface that needs a key with `scope`.
pub(super) fn operation<F, Fut>(
    rest: &Arc<Rest>,
    name: &'static str,
    scope: Scope,
    handler: F,
) -> Operation<F>
where
    F: Fn(Call) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Response, ApiError>> + Send,
{
    Operation {
        rest: Arc::clone(rest),
        name,
        scope,
        dialect: Dialect::TrackerHub,
        handler,
    }
}

impl<F> Operation<F> {
    /// The same with answers in another dialect.
    pub(super) fn speaking(self, dialect: Dialect) -> Self {
        Self { dialect, ..self }
    }
}

impl<F, Fut> Endpoint for Operation<F>
where
    F: Fn(Call) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Response, ApiError>> + Send,
{
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let key = request
            .header(KEY_HEADER)
            .and_then(|secret| self.rest.registry.api_key(secret));
        let answered = Answered {
            operation: self.name,
            key: key.as_ref().map_or(0, |key| key.id),
        };
        let mut response = match key {
            Some(key) => self.answer(key, request).await,
            None => self.dialect.failure(&ApiError::Unauthorized, &[]),
        };
        response.set_data(answered);
        Ok(response)
    }
}

impl<F, Fut> Operation<F>
where
    F: Fn(Call) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Response, ApiError>> + Send,
{
    async fn answer(&self, key: Arc<ApiKey>, mut request: Request) -> Response {
        if !key.may(self.scope) {
            return self.dialect.failure(&ApiError::Forbidden(self.scope), &[]);
        }
        let Some(client) = self.rest.registry.client(key.client) else {
            return self.dialect.failure(&ApiError::UnknownInstance, &[]);
        };
        let body = if matches!(*request.method(), Method::GET | Method::HEAD) {
            Bytes::new()
        } else {
            // Read after the key was checked: strangers cost no memory.
            match request.take_body().into_bytes_limit(MAX_BODY).await {
                Ok(body) => body,
                Err(ReadBodyError::PayloadTooLarge) => return self.dialect.failure(&ApiError::TooLarge, &[]),
                Err(error) => {
                    return self.dialect.failure(
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
            parameter: request.path_params::<String>().ok(),
            query: request.params().unwrap_or_default(),
            body: body.clone(),
        };
        match (self.handler)(call).await {
            Ok(response) => response,
            Err(error) => self.dialect.failure(&error, &body),
        }
    }
}
