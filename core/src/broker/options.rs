//! What can be set, and what can go wrong at the start.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Options of the broker.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    /// Where devices connect, plain TCP.
    pub listen: SocketAddr,
    /// Connections at most.
    pub max_connections: usize,
    /// Bytes of one packet at most.
    pub max_packet_bytes: usize,
    /// Time for CONNECT to arrive.
    pub connect_timeout: Duration,
    /// Unacknowledged publishes per connection before its socket is not read any more.
    pub max_inflight: usize,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 1883)),
            max_connections: 20_000,
            max_packet_bytes: 64 * 1024,
            connect_timeout: Duration::from_secs(5),
            max_inflight: 1_000,
        }
    }
}

/// The broker can't start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The port is taken or not allowed.
    #[error("can not listen on {address}: {source}")]
    Listen {
        /// Address.
        address: SocketAddr,
        /// Cause.
        source: std::io::Error,
    },
}
