//! HTTP/1.1 on a connection that stays open: just enough to wait for an answer and drop it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Failure;

/// An answer may take this long.
const PATIENCE: Duration = Duration::from_secs(600);

/// A connection with an API key.
pub struct Connection {
    stream: BufReader<TcpStream>,
    key: String,
}

impl Connection {
    /// Connects.
    pub fn open(port: u16, key: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::with_capacity(1 << 16, stream),
            key: key.to_owned(),
        })
    }

    /// Asks; bytes of the answer's body, which must be 200. A body makes it a POST.
    pub fn ask(&mut self, path: &str, body: Option<&str>) -> Result<u64, Failure> {
        let (method, body) = body.map_or(("GET", ""), |body| ("POST", body));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: bench\r\napikey: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let status = self.line()?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
        }
        let read = if chunked {
            self.chunks()?
        } else {
            self.skip(length)?
        };
        if status.contains(" 200 ") {
            Ok(read)
        } else {
            let path: String = path.chars().take(200).collect();
            Err(format!("{method} {path}: {status}").into())
        }
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err("the hub closed a connection in the middle of an answer".into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn skip(&mut self, length: u64) -> Result<u64, Failure> {
        let read = std::io::copy(&mut (&mut self.stream).take(length), &mut std::io::sink())?;
        if read < length {
            return Err("the hub cut an answer off".into());
        }
        Ok(read)
    }

    fn chunks(&mut self) -> Result<u64, Failure> {
        let mut total = 0;
        loop {
            let length = u64::from_str_radix(self.line()?.split(';').next().unwrap_or_default(), 16)?;
            total += self.skip(length)?;
            self.line()?;
            if length == 0 {
                return Ok(total);
            }
        }
    }
}
