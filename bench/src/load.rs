//! Many connections on one thread: each keeps a number of QoS 1 publishes in flight.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::event::epoll;

use crate::Failure;
use crate::codec;

/// Who connects, and what it publishes to, in turns: each topic is a device.
pub struct Publisher {
    pub client_id: String,
    pub username: String,
    pub password: String,
    pub topics: Vec<String>,
}

/// What came of a load.
pub struct Outcome {
    pub elapsed: Duration,
    /// Milliseconds.
    pub p50_ms: f64,
    /// Milliseconds.
    pub p99_ms: f64,
}

struct Connection<'a> {
    stream: TcpStream,
    topics: &'a [String],
    next: u64,
    waiting: VecDeque<Instant>,
    out: Vec<u8>,
    written: usize,
    read: Vec<u8>,
}

/// Longest time without any acknowledgement before a load gives up.
const STALL: Duration = Duration::from_secs(30);

/// Connects all, then sends `messages` in all; returns when the last one is acknowledged.
pub fn run(
    port: u16,
    publishers: &[Publisher],
    inflight: usize,
    messages: usize,
    start_ms: i64,
) -> Result<Outcome, Failure> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut connections = Vec::with_capacity(publishers.len());
    for (index, publisher) in publishers.iter().enumerate() {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.write_all(&codec::connect(
            &publisher.client_id,
            &publisher.username,
            &publisher.password,
        ))?;
        let mut connack = [0; 4];
        stream.read_exact(&mut connack)?;
        if connack[3] != 0 {
            return Err(format!("connection refused with code {}", connack[3]).into());
        }
        stream.set_nonblocking(true)?;
        epoll::add(
            &poll,
            &stream,
            epoll::EventData::new_u64(index as u64),
            epoll::EventFlags::IN,
        )?;
        connections.push(Connection {
            stream,
            topics: &publisher.topics,
            next: 0,
            waiting: VecDeque::with_capacity(inflight),
            out: Vec::new(),
            written: 0,
            read: Vec::new(),
        });
    }
    let mut latencies: Vec<u32> = Vec::with_capacity(messages);
    let (mut sent, began) = (0, Instant::now());
    for (index, connection) in connections.iter_mut().enumerate() {
        connection.fill(index, inflight, &mut sent, messages, start_ms)?;
    }
    let mut events = Vec::with_capacity(256);
    let mut buffer = vec![0; 1 << 16];
    let mut progress = Instant::now();
    while latencies.len() < messages {
        events.clear();
        epoll::wait(
            &poll,
            rustix::buffer::spare_capacity(&mut events),
            Some(&rustix::event::Timespec {
                tv_sec: 1,
                tv_nsec: 0,
            }),
        )?;
        for event in &events {
            let index = event.data.u64() as usize;
            let connection = &mut connections[index];
            let before = latencies.len();
            connection.take(&mut buffer, &mut latencies)?;
            if latencies.len() > before {
                progress = Instant::now();
            }
            connection.fill(index, inflight, &mut sent, messages, start_ms)?;
        }
        if progress.elapsed() > STALL {
            return Err(format!("stalled after {} of {messages} acknowledgements", latencies.len()).into());
        }
    }
    let elapsed = began.elapsed();
    latencies.sort_unstable();
    let at = |share: f64| f64::from(latencies[((latencies.len() - 1) as f64 * share) as usize]) / 1000.0;
    Ok(Outcome {
        elapsed,
        p50_ms: at(0.5),
        p99_ms: at(0.99),
    })
}

impl Connection<'_> {
    /// Reads acknowledgements.
    fn take(&mut self, buffer: &mut [u8], latencies: &mut Vec<u32>) -> Result<(), Failure> {
        match self.stream.read(buffer) {
            Ok(0) => return Err("the server closed a connection".into()),
            Ok(read) => self.read.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let now = Instant::now();
        let whole = self.read.len() / 4 * 4;
        for packet in self.read[..whole].chunks_exact(4) {
            if packet[..2] != [0x40, 2] {
                return Err(format!("not a PUBACK: {packet:?}").into());
            }
            let sent = self.waiting.pop_front().ok_or("a PUBACK for nothing")?;
            latencies.push(u32::try_from((now - sent).as_micros()).unwrap_or(u32::MAX));
        }
        self.read.drain(..whole);
        Ok(())
    }

    /// Tops the window up; the socket buffer takes a window of this size.
    fn fill(
        &mut self,
        index: usize,
        inflight: usize,
        sent: &mut usize,
        messages: usize,
        start_ms: i64,
    ) -> Result<(), Failure> {
        while self.waiting.len() < inflight && *sent < messages {
            // one second apart and a few metres on, so that every fix is one of its own
            let devices = self.topics.len().max(1);
            let (step, device) = (self.next / devices as u64, self.next as usize % devices);
            let time = start_ms + step as i64 * 1000;
            let longitude = -46.6 + (index * devices + device) as f64 * 1e-3;
            let frame = codec::teltonika(time, -23.5 + step as f64 * 1e-5, longitude);
            codec::publish(
                &mut self.out,
                self.topics.get(device).map_or("", String::as_str),
                (self.next % 65_535) as u16 + 1,
                &frame,
            );
            self.next += 1;
            *sent += 1;
            self.waiting.push_back(Instant::now());
        }
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }
}
