//! Being a client of a running hub: its address, the key, and what it answers.

use std::time::Duration;

use clap::Args;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;

/// The hub answers within 30 s, also where a thousand large messages are sent again.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Which hub, and who asks.
#[derive(Debug, Clone, Args)]
pub(super) struct HubArgs {
    /// Address of the hub
    #[arg(long, env = "FIXSTREAM_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// API key of the client
    // an option only because a subcommand of a command with arguments of its own takes their place
    #[arg(long, env = "FIXSTREAM_KEY", hide_env_values = true, required = true)]
    key: Option<String>,
}

/// Why there is no good answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HubError {
    /// None came.
    #[error("the hub does not answer: {0}")]
    Away(#[from] reqwest::Error),
    /// It refuses, and says why.
    #[error("the hub answers {status}: {said}")]
    Refused {
        /// As what.
        status: StatusCode,
        /// In its words.
        said: String,
    },
}

impl HubError {
    /// Whether the same request may be answered in a while: the hub starts again, or ClickHouse does.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Away(_) => true,
            Self::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
        }
    }

    /// Whether the hub says that what is asked for does not go with how things stand.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::CONFLICT)
    }
}

/// The hub, to be asked.
pub(super) struct Hub {
    client: Client,
    url: String,
    key: String,
}

impl Hub {
    /// Does not connect yet.
    pub(super) fn new(args: HubArgs) -> Result<Self, HubError> {
        let url = args.url.trim_end_matches('/').to_owned();
        Ok(Self {
            client: Client::builder().timeout(TIMEOUT).build()?,
            url,
            key: args.key.unwrap_or_default(),
        })
    }

    /// A request with the key.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        request.header("apikey", &self.key)
    }

    /// The answer (null where it has no body), or what the hub says is wrong.
    pub(super) async fn ask(&self, request: RequestBuilder) -> Result<Value, HubError> {
        let answer = request.send().await?;
        let status = answer.status();
        let body: Value = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let mut said = body["message"].as_str().unwrap_or("(no reason given)").to_owned();
        for violation in body["violations"].as_array().into_iter().flatten() {
            said.push_str("; ");
            said.push_str(violation["message"].as_str().unwrap_or_default());
        }
        Err(HubError::Refused { status, said })
    }

    /// GET.
    pub(super) async fn get(&self, path: &str) -> Result<Value, HubError> {
        self.ask(self.request(Method::GET, path)).await
    }
}
