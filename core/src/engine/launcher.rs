//! What the hidden subcommand `fixstream clickhouse` runs: a ClickHouse server out of `libchdb.so`.
//!
//! The library carries `clickhouse-local`, which can open ClickHouse's own HTTP and native servers
//! (`SYSTEM START LISTEN`). So all there is to do is to confine the process, run that program with the
//! two statements that open the servers and then wait, and end it when asked to.

use std::ffi::{CString, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::ffi::{self, Chdb};
use super::hold::{Hold, Release, say};
use super::options::Sandbox;
use super::sandbox::{self, Enforced};

/// Exit code: the arguments are wrong.
const EXIT_USAGE: i32 = 2;
/// Exit code: the engine can't be started here, and trying again will not help.
pub(super) const EXIT_UNABLE: i32 = 4;

/// Arguments of the launcher.
#[derive(Debug, Clone)]
pub struct LauncherArgs {
    /// `libchdb.so`.
    pub library: PathBuf,
    /// The engine's store.
    pub path: PathBuf,
    /// Address to listen on.
    pub host: String,
    /// HTTP port.
    pub http_port: u16,
    /// Native port, if it shall be open.
    pub tcp_port: Option<u16>,
    /// `config.xml`; `users.xml` stands beside it.
    pub config: PathBuf,
    /// Stop when stdin is closed: the parent has gone.
    pub watch_stdin: bool,
    /// Whether the sandbox is a condition.
    pub sandbox: Sandbox,
}

impl LauncherArgs {
    /// Reads the arguments that follow the subcommand:
    /// `--library F --path D --host H --http-port P [--tcp-port P] --config F [--watch-stdin] [--sandbox required|optional]`.
    /// The error says what is wrong.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let (mut library, mut path, mut config) = (None, None, None);
        let (mut http_port, mut tcp_port) = (None, None);
        let mut host = String::from("127.0.0.1");
        let mut watch_stdin = false;
        let mut sandbox = Sandbox::Required;
        while let Some(name) = arguments.next() {
            let name = text(name)?;
            if name == "--watch-stdin" {
                watch_stdin = true;
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--library" => library = Some(PathBuf::from(value)),
                "--path" => path = Some(PathBuf::from(value)),
                "--config" => config = Some(PathBuf::from(value)),
                "--host" => host = text(value)?,
                "--http-port" => http_port = Some(port(&name, value)?),
                "--tcp-port" => tcp_port = Some(port(&name, value)?),
                "--sandbox" => {
                    sandbox = match text(value)?.as_str() {
                        "required" => Sandbox::Required,
                        "optional" => Sandbox::Optional,
                        other => return Err(format!("--sandbox is required or optional, not {other}")),
                    }
                }
                other => return Err(format!("{other} is not an argument of this command")),
            }
        }
        Ok(Self {
            library: library.ok_or("--library is missing")?,
            path: path.ok_or("--path is missing")?,
            host,
            http_port: http_port.ok_or("--http-port is missing")?,
            tcp_port,
            config: config.ok_or("--config is missing")?,
            watch_stdin,
            sandbox,
        })
    }
}

fn text(value: OsString) -> Result<String, String> {
    value
        .into_string()
        .map_err(|value| format!("{} is not UTF-8", value.display()))
}

fn port(name: &str, value: OsString) -> Result<u16, String> {
    let value = text(value)?;
    value
        .parse()
        .map_err(|_| format!("{name} is a port number, not {value}"))
}

/// [`LauncherArgs::parse`] and [`run`], for programs that do nothing else.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ! {
    match LauncherArgs::parse(arguments) {
        Ok(arguments) => run(&arguments),
        Err(error) => fail(EXIT_USAGE, &error),
    }
}

/// Runs the server until it is asked to stop (SIGTERM, SIGINT, end of stdin); ends the process.
/// To be called before anything has started a thread: the sandbox binds only threads that come later.
pub fn run(arguments: &LauncherArgs) -> ! {
    match serve(arguments) {
        Ok(()) => ffi::exit_now(0),
        Err((code, error)) => fail(code, &error),
    }
}

fn fail(code: i32, error: &str) -> ! {
    say(error);
    ffi::exit_now(code)
}

fn serve(arguments: &LauncherArgs) -> Result<(), (i32, String)> {
    let unable = |what: &'static str| move |error: std::io::Error| (EXIT_UNABLE, format!("{what}: {error}"));
    std::fs::create_dir_all(&arguments.path).map_err(unable("store"))?;
    let store = std::fs::canonicalize(&arguments.path).map_err(unable("store"))?;
    let config = std::fs::canonicalize(&arguments.config).map_err(unable("configuration"))?;
    let config_folder = config.parent().unwrap_or(&config).to_path_buf();
    // The library lies outside of what the sandbox allows, so it is loaded first.
    let library = Chdb::load(&arguments.library)
        .map_err(|error| (EXIT_UNABLE, format!("{}: {error}", arguments.library.display())))?;

    let parent = if arguments.watch_stdin {
        Some(
            rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)
                .map_err(|e| unable("stdin")(e.into()))?,
        )
    } else {
        None
    };
    let hold = Hold::new().map_err(unable("pseudo-terminal"))?;

    let ports: Vec<u16> = [Some(arguments.http_port), arguments.tcp_port]
        .into_iter()
        .flatten()
        .collect();
    let enforced = sandbox::confine(&store, &config_folder, &ports).unwrap_or_else(|error| {
        say(&error);
        Enforced::Nothing
    });
    say(&format!("libchdb {}, sandbox: {enforced:?}", library.version()));
    if enforced == Enforced::Nothing && arguments.sandbox == Sandbox::Required {
        return Err((
            EXIT_UNABLE,
            String::from(
                "this kernel can not confine the engine (Landlock, Linux 5.19 or later); \
                 FIXSTREAM_ENGINE_SANDBOX=optional runs it unconfined and without the analyst user",
            ),
        ));
    }

    watch_signals(hold.release()).map_err(unable("signals"))?;
    if let Some(parent) = parent {
        watch_parent(parent, hold.release()).map_err(unable("thread"))?;
    }
    let command = command(arguments, &store, &config, &hold).map_err(|error| (EXIT_USAGE, error))?;
    library.run(&command).map_err(|error| (1, error))
}

/// The command line of `clickhouse-local`.
fn command(
    arguments: &LauncherArgs,
    store: &std::path::Path,
    config: &std::path::Path,
    hold: &Hold,
) -> Result<Vec<CString>, String> {
    let listen_native = if arguments.tcp_port.is_some() {
        "SYSTEM START LISTEN TCP;"
    } else {
        ""
    };
    let statements = format!(
        "SYSTEM START LISTEN HTTP;{listen_native}\
         SELECT * FROM file('/dev/fd/{}', 'LineAsString', 'l String') \
         SETTINGS max_execution_time = 0, max_threads = 1 FORMAT Null",
        hold.descriptor()
    );
    let mut command: Vec<Vec<u8>> = vec![
        b"clickhouse".to_vec(),
        [b"--path=", store.as_os_str().as_bytes()].concat(),
        format!("--listen_host={}", arguments.host).into_bytes(),
        format!("--http_port={}", arguments.http_port).into_bytes(),
        [b"--config-file=", config.as_os_str().as_bytes()].concat(),
    ];
    if let Some(port) = arguments.tcp_port {
        command.push(format!("--tcp_port={port}").into_bytes());
    }
    command.push(b"--interactive".to_vec());
    command.push(b"--query".to_vec());
    command.push(statements.into_bytes());
    command
        .into_iter()
        .map(|part| CString::new(part).map_err(|_| String::from("an argument contains NUL")))
        .collect()
}

fn watch_signals(release: Release) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            if let Some(signal) = signals.forever().next() {
                release.end(&format!("signal {signal}"));
            }
        })?;
    Ok(())
}

/// The parent never writes: its end of our stdin closes when it ends, however it ends.
fn watch_parent(parent: OwnedFd, release: Release) -> std::io::Result<()> {
    std::thread::Builder::new().name("parent".into()).spawn(move || {
        let mut buffer = [0u8; 64];
        loop {
            match rustix::io::read(&parent, &mut buffer) {
                Ok(1..) | Err(rustix::io::Errno::INTR) => {}
                Ok(0) | Err(_) => release.end("the parent has gone"),
            }
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn parse(line: &str) -> Result<LauncherArgs, String> {
        LauncherArgs::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn arguments_are_read_and_the_sandbox_is_required_unless_waived() {
        let line = "--library /l --path /d --http-port 8123 --config /c/config.xml --watch-stdin";
        let arguments = parse(line).unwrap();
        assert_eq!(arguments.http_port, 8123);
        assert_eq!(arguments.host, "127.0.0.1");
        assert!(arguments.watch_stdin && arguments.tcp_port.is_none());
        assert_eq!(arguments.sandbox, Sandbox::Required);
        assert_eq!(
            parse(&format!("{line} --sandbox optional")).unwrap().sandbox,
            Sandbox::Optional
        );
    }

    #[test]
    fn wrong_arguments_are_refused_by_name() {
        assert!(parse("--library").unwrap_err().contains("--library"));
        assert!(parse("--user x").unwrap_err().contains("--user"));
        assert!(parse("--http-port 99999").unwrap_err().contains("99999"));
        assert!(parse("--path /d").unwrap_err().contains("--library"));
    }
}
