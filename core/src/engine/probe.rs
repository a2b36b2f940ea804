//! Whether the server answers.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::options::Access;

/// One probe takes no longer than this.
const LIMIT: Duration = Duration::from_secs(5);

/// Whether the server takes requests, and a query of the writing user.
///
/// The order matters: the engine's own session must have spent the quota of `default` before anything
/// else can, and it has when `/ping` is answered and users are checked.
pub(super) async fn answers(access: &Access, port: u16) -> bool {
    let asked = timeout(LIMIT, async {
        ping(port).await.unwrap_or(false) && query(access).await
    });
    asked.await.unwrap_or(false)
}

async fn ping(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream
        .write_all(b"GET /ping HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        .await?;
    let mut answer = Vec::with_capacity(512);
    stream.take(4096).read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.") && answer.windows(3).any(|window| window == b"Ok."))
}

async fn query(access: &Access) -> bool {
    let client = clickhouse::Client::default()
        .with_url(&access.url)
        .with_user(&access.user)
        .with_password(&access.password);
    matches!(client.query("SELECT 1").fetch_one::<u8>().await, Ok(1))
}
