//! The accept loop and the way of a connection until it has logged in.
//!
//! The loop never waits for a client: every connection gets a task of its own at once, and CONNECT a
//! deadline. Beyond the bound a connection is closed right away.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Shared;
use super::auth::{Accepted, ConnectRefusal};
use super::close::Close;
use super::connection;
use super::frame::{self, FrameError, Packet, write};
use super::live::subscriber;
use super::metrics::Throttle;
use crate::clock;
use crate::registry::Role;

/// CONNECT packets are small; this bounds what a stranger may send.
const MAX_CONNECT_BYTES: usize = 16 * 1024;
/// For writing a refusal.
const FAREWELL: Duration = Duration::from_secs(1);
/// A password check waits for its turn and takes at most this.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Accepts until the broker stops.
pub async fn run(shared: Arc<Shared>, listener: TcpListener, tasks: TaskTracker, abort: CancellationToken) {
    let places = Arc::new(Semaphore::new(shared.options.max_connections));
    let (full, failing) = (Throttle::default(), Throttle::default());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stop.cancelled() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if let Some(suppressed) = failing.pass(clock::now()) {
                    tracing::warn!(%error, suppressed, "a connection can not be accepted");
                }
                // Out of file descriptors, most likely: give others time to close.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            shared.metrics.refused_connections.inc();
            if let Some(suppressed) = full.pass(clock::now()) {
                tracing::warn!(%peer, suppressed, limit = shared.options.max_connections, "too many connections, the newest is closed");
            }
            continue;
        };
        shared.metrics.accepted.inc();
        shared.metrics.connections.inc();
        let (shared, abort) = (shared.clone(), abort.clone());
        tasks.spawn(async move {
            let _ = stream.set_nodelay(true);
            let why = abort
                .run_until_cancelled(welcome(&shared, stream))
                .await
                .unwrap_or(Close::Stopping);
            shared.metrics.connections.dec();
            log_end(&shared, peer, &why);
            drop(place);
        });
    }
}

/// From the first byte to the last.
async fn welcome(shared: &Arc<Shared>, mut stream: TcpStream) -> Close {
    let mut buffer = BytesMut::with_capacity(1024);
    let first = tokio::select! {
        first = tokio::time::timeout(shared.options.connect_timeout, first_packet(&mut stream, &mut buffer)) => first,
        () = shared.stop.cancelled() => return Close::Stopping,
    };
    let length = match first {
        Ok(Ok(length)) => length,
        Ok(Err(why)) => {
            shared.metrics.failed_connects.inc();
            if let Close::Malformed(FrameError::Level(level)) = why {
                let mut answer = Vec::new();
                if level >= 5 {
                    write::connack_v5_unsupported(&mut answer);
                } else {
                    write::connack(&mut answer, false, 1);
                }
                say(&mut stream, &answer).await;
            }
            return why;
        }
        Err(_) => {
            shared.metrics.failed_connects.inc();
            return Close::Protocol("CONNECT did not come in time");
        }
    };
    let packet = buffer.split_to(length);
    let Ok(Some((Packet::Connect(connect), _))) = frame::next(&packet, MAX_CONNECT_BYTES) else {
        shared.metrics.failed_connects.inc();
        return Close::Protocol("the first packet is not CONNECT");
    };
    let checked = tokio::time::timeout(
        LOGIN_TIMEOUT,
        shared.authenticator.check(&connect, &shared.registry),
    )
    .await;
    match checked.unwrap_or(Err(ConnectRefusal::Unavailable)) {
        Ok(accepted) => {
            drop(packet);
            serve(shared, stream, buffer, accepted).await
        }
        Err(refusal) => {
            if refusal == ConnectRefusal::BadLogin {
                shared.metrics.failed_logins.inc();
                if let Some(suppressed) = shared.bad_logins.pass(clock::now()) {
                    tracing::warn!(
                        client_id = connect.client_id,
                        suppressed,
                        "login refused: bad user name or password"
                    );
                }
            } else {
                shared.metrics.failed_connects.inc();
            }
            let mut answer = Vec::new();
            write::connack(&mut answer, false, refusal as u8);
            say(&mut stream, &answer).await;
            Close::Protocol("login refused")
        }
    }
}

async fn serve(shared: &Arc<Shared>, mut stream: TcpStream, buffer: BytesMut, accepted: Accepted) -> Close {
    let (key, clean) = (
        (accepted.identity.credential.id, accepted.client_id.clone()),
        accepted.clean,
    );
    let is_app = accepted.identity.credential.role == Role::App;
    let attached = shared.sessions.attach(&key, clean || is_app);
    if attached.displaced {
        shared.metrics.takeovers.inc();
    }
    let mut answer = Vec::new();
    write::connack(&mut answer, attached.present, 0);
    let why = if !say(&mut stream, &answer).await {
        Close::Lost
    } else if is_app {
        subscriber::serve(
            shared.clone(),
            stream,
            buffer,
            accepted,
            attached.taken_over.clone(),
        )
        .await
    } else {
        connection::serve(shared.clone(), stream, buffer, accepted, &attached).await
    };
    shared.sessions.detach(&key, attached.epoch, clean || is_app);
    why
}

/// Reads until the first packet is complete and says how long it is.
async fn first_packet(stream: &mut TcpStream, buffer: &mut BytesMut) -> Result<usize, Close> {
    loop {
        if buffer.has_remaining()
            && let Some((_, length)) = frame::next(buffer, MAX_CONNECT_BYTES)?
        {
            return Ok(length);
        }
        match stream.read_buf(buffer).await {
            Ok(count) if count > 0 => {}
            _ => return Err(Close::Lost),
        }
    }
}

async fn say(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    matches!(
        tokio::time::timeout(FAREWELL, stream.write_all(bytes)).await,
        Ok(Ok(()))
    )
}

fn log_end(shared: &Shared, peer: std::net::SocketAddr, why: &Close) {
    match why {
        Close::Refused(_) => {
            shared.metrics.refused_publishes.inc();
            if let Some(suppressed) = shared.refusals.pass(clock::now()) {
                tracing::warn!(%peer, %why, suppressed, "publish refused, connection closed");
            }
        }
        Close::Malformed(_) | Close::Protocol(_) => {
            shared.metrics.malformed.inc();
            tracing::debug!(%peer, %why, "connection closed");
        }
        _ => tracing::debug!(%peer, %why, "connection closed"),
    }
}
