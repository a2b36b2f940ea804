//! Where REST clients connect.

use std::io;
use std::net::SocketAddr;

use poem::http::uri::Scheme;
use poem::listener::{Acceptor, BoxAcceptor, Listener, TcpAcceptor, TcpListener};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::TcpStream;

use crate::config;
use crate::server::StartError;

/// Opens the door: HTTPS where there is a certificate, else HTTP.
pub(crate) async fn open(config: &config::Rest) -> Result<BoxAcceptor, StartError> {
    let listener = Prompt(config.listen);
    let listener = match config.tls() {
        None => listener.boxed(),
        Some(files) => {
            let files = files.watch().await?;
            listener.rustls(Box::pin(files)).boxed()
        }
    };
    listener.into_acceptor().await.map_err(|source| StartError::Port {
        address: config.listen,
        what: "rest.listen",
        source,
    })
}

/// TCP connections that send what they are given at once (`TCP_NODELAY`). Without that the end of a large answer waits
/// until the client has acknowledged what came before, and clients put that off for 40 ms.
struct Prompt<T>(T);

impl Listener for Prompt<SocketAddr> {
    type Acceptor = Prompt<TcpAcceptor>;

    async fn into_acceptor(self) -> io::Result<Self::Acceptor> {
        TcpListener::bind(self.0).into_acceptor().await.map(Prompt)
    }
}

impl Acceptor for Prompt<TcpAcceptor> {
    type Io = TcpStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        let accepted = self.0.accept().await?;
        // a connection that is gone already is found out by whoever reads from it
        let _ = accepted.0.set_nodelay(true);
        Ok(accepted)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn connections_send_at_once() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut acceptor = Prompt(any).into_acceptor().await.unwrap();
        let address = acceptor.local_addr().remove(0);
        let _client = TcpStream::connect(*address.as_socket_addr().unwrap())
            .await
            .unwrap();
        let (stream, ..) = acceptor.accept().await.unwrap();
        assert!(stream.nodelay().unwrap());
    }
}
