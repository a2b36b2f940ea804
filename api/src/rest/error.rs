//! The one error of all endpoints, before any dialect renders it.

use fixstream_core::corrections::CorrectionError;
use fixstream_core::deadletter::DeadLetterError;
use fixstream_core::decode::PluginError;
use fixstream_core::history::{HistoryError, TrackError};
use fixstream_core::ingest::IngestError;
use fixstream_core::journal::AppendError;
use fixstream_core::redecode::RedecodeError;
use fixstream_core::registry::{RegistryError, Scope};

use super::codes::{self, Code};
use super::operation::MAX_BODY;
use crate::plugins::InstallError;

/// A field that breaks a rule.
#[derive(Debug, Clone)]
pub(super) struct Violation {
    pub(super) code: &'static Code,
    pub(super) field: String,
    pub(super) message: String,
}

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum ApiError {
    /// No key, or none that is valid: the caller is not told which.
    Unauthorized,
    /// The key lacks a scope.
    Forbidden(Scope),
    /// A browser's page may not call, or not like this.
    KeptOut(&'static Code),
    /// Fields break rules; never empty, in the order of the field table.
    Violations(Vec<Violation>),
    /// The body can't be understood; why, in words.
    Malformed(String),
    /// Neither ids nor a filter say what is meant.
    NothingChosen,
    /// A unique field is taken.
    Exists {
        entity: &'static str,
        field: &'static str,
    },
    /// There is one already, and there can be only one.
    AlreadyThere { entity: &'static str },
    /// Something refers to it.
    InUse { entity: &'static str },
    /// It is not any more what the caller saw.
    Changed { entity: &'static str },
    /// The idempotency key stands for another request.
    OtherRequest,
    /// The key sends too much; the next request may come after this long, seconds.
    TooMany { retry_after: u32 },
    /// Nothing with this field's value, or another client's.
    NotFound {
        entity: &'static str,
        field: &'static str,
    },
    /// Nothing of this name.
    UnknownName { entity: &'static str, name: String },
    /// The key's client is gone.
    UnknownInstance,
    /// The database refused or failed.
    Query,
    /// Something broke; the log says what.
    Failed,
    /// Full; the sender should wait this long, seconds.
    Overloaded { retry_after: u32 },
    /// ClickHouse does not answer.
    HistoryAway,
    /// The body is too long; bytes at most.
    TooLarge(usize),
    /// Refused for a reason that only words can say: the code's whole message.
    Because(&'static Code, String),
    /// Not finished in time.
    TimedOut,
    /// Unknown path.
    NoRoute,
    /// Unknown method on a known path.
    NoMethod,
}

impl From<RegistryError> for ApiError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Exists {
                entity: entity @ "CONFIG",
                ..
            } => Self::AlreadyThere { entity },
            RegistryError::Exists { entity, field } => Self::Exists { entity, field },
            RegistryError::NotFound {
                entity: "CLIENT_VENDOR",
                ..
            } => Self::no_link(),
            RegistryError::NotFound { entity: "CLIENT", .. } => Self::UnknownInstance,
            RegistryError::NotFound {
                entity: entity @ "CONFIG",
                ..
            } => Self::UnknownName {
                entity,
                name: "of this client".into(),
            },
            RegistryError::NotFound { entity, field } => Self::NotFound { entity, field },
            RegistryError::InUse { entity } => Self::InUse { entity },
            RegistryError::Changed { entity } => Self::Changed { entity },
            RegistryError::OtherRequest => Self::OtherRequest,
            error if error.is_shortage() => {
                tracing::warn!(%error, "the registry has no space");
                Self::Overloaded { retry_after: 5 }
            }
            RegistryError::Database(error) => {
                tracing::error!(%error, "registry query failed");
                Self::Query
            }
            error => {
                tracing::error!(%error, "registry failed");
                Self::Failed
            }
        }
    }
}

impl From<IngestError> for ApiError {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Append(AppendError::Full { .. }) | IngestError::NoSpace => {
                Self::Overloaded { retry_after: 5 }
            }
            IngestError::Append(AppendError::TooLarge(_)) => Self::TooLarge(MAX_BODY),
            // Stopping: another instance, or this one in a moment, will take it.
            IngestError::Append(AppendError::Stopped) => Self::Overloaded { retry_after: 1 },
            error => {
                tracing::error!(%error, "a position was not journalled");
                Self::Failed
            }
        }
    }
}

impl From<HistoryError> for ApiError {
    fn from(error: HistoryError) -> Self {
        tracing::warn!(%error, "history does not answer a request");
        match error {
            HistoryError::TooLarge(_) => Self::Query,
            _ => Self::HistoryAway,
        }
    }
}

impl From<TrackError> for ApiError {
    fn from(error: TrackError) -> Self {
        match error {
            TrackError::History(error) => error.into(),
            TrackError::TooLong { .. } => Self::Query,
            TrackError::Busy => Self::Overloaded { retry_after: 10 },
        }
    }
}

impl ApiError {
    /// Why a position was not read or corrected; `id` and `time` are its fields' names in the request.
    pub(super) fn uncorrected(error: CorrectionError, id: &'static str, time: &'static str) -> Self {
        const ENTITY: &str = "POSITION";
        match error {
            CorrectionError::NotFound => Self::NotFound {
                entity: ENTITY,
                field: id,
            },
            CorrectionError::Taken => Self::Exists {
                entity: ENTITY,
                field: time,
            },
            CorrectionError::Changed => Self::Changed { entity: ENTITY },
            CorrectionError::Exhausted => Self::Query,
            CorrectionError::History(error) => error.into(),
            CorrectionError::Ingest(error) => error.into(),
        }
    }
}

impl From<DeadLetterError> for ApiError {
    fn from(error: DeadLetterError) -> Self {
        match error {
            DeadLetterError::History(error) => error.into(),
            DeadLetterError::Ingest(error) => error.into(),
            DeadLetterError::Failed(error) => {
                tracing::error!(%error, "a replay failed");
                Self::Failed
            }
        }
    }
}

impl From<RedecodeError> for ApiError {
    fn from(error: RedecodeError) -> Self {
        let code = match error {
            RedecodeError::NotFound => {
                return Self::NotFound {
                    entity: "REDECODE",
                    field: "id",
                };
            }
            RedecodeError::History(error) => return error.into(),
            RedecodeError::NoPlugin(_) => &codes::PLUGIN_NOT_FOUND,
            RedecodeError::State(_) | RedecodeError::TooMany => &codes::REDECODE_CONFLICT,
            RedecodeError::File { ref source, .. } => {
                tracing::error!(%error, "a re-decoding could not be kept");
                let full = [std::io::ErrorKind::StorageFull, std::io::ErrorKind::QuotaExceeded];
                return if full.contains(&source.kind()) {
                    Self::Overloaded { retry_after: 5 }
                } else {
                    Self::Failed
                };
            }
        };
        Self::Because(code, error.to_string())
    }
}

impl From<InstallError> for ApiError {
    fn from(error: InstallError) -> Self {
        let code = match &error {
            InstallError::Unknown(_) | InstallError::UnknownVersion { .. } => &codes::PLUGIN_NOT_FOUND,
            InstallError::OtherBuild { .. }
            | InstallError::TooMany { .. }
            | InstallError::IsActive { .. }
            | InstallError::NothingBefore(_)
            | InstallError::Pinned { .. } => &codes::PLUGIN_CONFLICT,
            InstallError::Plugin(PluginError::Refused { .. } | PluginError::Pack { .. })
            | InstallError::Signature(_)
            | InstallError::Vectors { .. }
            | InstallError::BadVectors(_) => &codes::PLUGIN_REFUSED,
            InstallError::Io { .. } | InstallError::Plugin(PluginError::Start { .. }) => {
                tracing::error!(%error, "a plugin could not be stored");
                return Self::Failed;
            }
        };
        Self::Because(code, error.to_string())
    }
}

impl ApiError {
    /// How long the sender should wait before trying again, seconds, where that helps.
    pub(super) fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Overloaded { retry_after } | Self::TooMany { retry_after } => Some(*retry_after),
            Self::HistoryAway => Some(5),
            _ => None,
        }
    }

    /// The key picks no client-vendor link.
    pub(super) fn no_link() -> Self {
        Self::UnknownName {
            entity: "CLIENT_VENDOR",
            name: "link".into(),
        }
    }
}
