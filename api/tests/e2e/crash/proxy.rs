//! A bad line to ClickHouse: slow answers, and answers that are lost after the server has done its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What happens to the answers to inserts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Line {
    /// Each takes so long.
    Slow(Duration),
    /// Of so many one does not arrive: the rows are stored, the connection is cut.
    Cut(u64),
}

/// The line, until dropped.
pub struct Proxy {
    pub url: String,
    /// Answers that were lost on the way.
    pub lost: Arc<AtomicU64>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Listens, and forwards to ClickHouse at `port`.
    pub async fn start(port: u16, line: Line) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        let answers = Arc::new(AtomicU64::new(0));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (counted, answers) = (Arc::clone(&counted), Arc::clone(&answers));
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
                        return;
                    };
                    if forward(client, server, line, &answers).await {
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        Self { url, lost, accepting }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Both ways until one side closes; true when an answer was lost on purpose.
async fn forward(mut client: TcpStream, mut server: TcpStream, line: Line, answers: &AtomicU64) -> bool {
    let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    // whether the request on its way is an insert: its head is the first that comes after an answer
    let (mut answered, mut insert) = (true, false);
    loop {
        tokio::select! {
            read = client.read(&mut up) => match read {
                Ok(read @ 1..) => {
                    if std::mem::take(&mut answered) {
                        insert = is_insert(&up[..read]);
                    }
                    if server.write_all(&up[..read]).await.is_err() {
                        return false;
                    }
                }
                _ => return false,
            },
            read = server.read(&mut down) => match read {
                Ok(read @ 1..) => {
                    if insert && !std::mem::replace(&mut answered, true) {
                        match line {
                            Line::Slow(pause) => tokio::time::sleep(pause).await,
                            Line::Cut(every) => if answers.fetch_add(1, Ordering::Relaxed) % every == every - 1 {
                                return true;
                            },
                        }
                    }
                    answered = true;
                    if client.write_all(&down[..read]).await.is_err() {
                        return false;
                    }
                }
                _ => return false,
            },
        }
    }
}

/// The statement stands in the address, percent-encoded.
fn is_insert(head: &[u8]) -> bool {
    let first = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    String::from_utf8_lossy(first).contains("INSERT")
}
