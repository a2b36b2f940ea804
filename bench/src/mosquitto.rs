//! The same load against mosquitto, which only acknowledges: nothing is stored, nobody subscribes.

use std::io::Write;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::load::Publisher;
use crate::{Failure, Figures, Load, cpu};

/// `None` when it is not installed.
pub fn run(load: Load) -> Result<Option<Figures>, Failure> {
    let Some(program) = [
        "/usr/sbin/mosquitto",
        "/usr/local/sbin/mosquitto",
        "/usr/bin/mosquitto",
    ]
    .into_iter()
    .find(|path| std::path::Path::new(path).exists()) else {
        return Ok(None);
    };
    let port = crate::hub::free_port();
    let mut config = tempfile::NamedTempFile::new()?;
    // set_tcp_nodelay: without it Nagle and delayed acknowledgements decide, not mosquitto
    writeln!(
        config,
        "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\nmax_inflight_messages 0\nlog_type error"
    )?;
    let child = Command::new(program)
        .arg("-c")
        .arg(config.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let child = Running(child);
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if began.elapsed() > Duration::from_secs(10) {
            return Err("mosquitto does not answer".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let publishers: Vec<Publisher> = (0..load.connections)
        .map(|number| Publisher {
            client_id: format!("bench-{number}"),
            username: String::new(),
            password: String::new(),
            topics: vec![format!("trackers/teltonika/3520930{number:08}/up")],
        })
        .collect();
    let pid = child.0.id();
    let before = cpu::seconds(pid)?;
    let outcome = crate::load::run(port, &publishers, load.inflight, load.messages, 1_700_000_000_000)?;
    let messages = load.messages as f64;
    Ok(Some(Figures {
        acknowledged_per_s: messages / outcome.elapsed.as_secs_f64(),
        cpu_us: (cpu::seconds(pid)? - before) / messages * 1e6,
        p50_ms: outcome.p50_ms,
        p99_ms: outcome.p99_ms,
        ..Figures::default()
    }))
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
