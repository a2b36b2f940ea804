//! Why a connection ends.

use super::frame::FrameError;
use super::policy::Refusal;

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub enum Close {
    /// DISCONNECT.
    #[error("the client said good-bye")]
    Disconnected,
    /// The socket was closed or failed.
    #[error("the connection was lost")]
    Lost,
    /// Not MQTT 3.1.1.
    #[error(transparent)]
    Malformed(#[from] FrameError),
    /// MQTT, but not what may come now.
    #[error("protocol violation: {0}")]
    Protocol(&'static str),
    /// A publish to a topic that the credential may not use.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nothing came for one and a half keep-alive times.
    #[error("nothing was received for one and a half keep-alive times")]
    Silent,
    /// The same client connected again.
    #[error("the same client connected again")]
    TakenOver,
    /// The credential was removed or changed.
    #[error("the credential was removed or changed")]
    Revoked,
    /// A subscriber is owed messages that the journal no longer has.
    #[error("the subscriber is further behind than the journal reaches")]
    Lagging,
    /// The router takes no more subscribers, or does not come back.
    #[error("live messages can not be had")]
    NoLiveStream,
    /// The journal has stopped or failed.
    #[error("the journal does not take messages any more")]
    Journal,
    /// The broker stops.
    #[error("the broker stops")]
    Stopping,
}

impl Close {
    /// Whether the client's will is to be published.
    pub fn publishes_will(&self) -> bool {
        !matches!(
            self,
            Self::Disconnected | Self::Stopping | Self::Revoked | Self::Journal
        )
    }
}
