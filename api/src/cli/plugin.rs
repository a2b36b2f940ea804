//! `fixstream plugin`: what vendors and operators do with decoders.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use fixstream_core::decode::{Bundle, DecodeHost, DecodeOptions, Outcome, pack};

use super::{Common, Failure};
use crate::plugins::{bundles_in, install};
use crate::vectors::{self, Expected, Line};

/// `fixstream plugin …`
#[derive(Debug, Args)]
pub struct PluginArgs {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Installed plugins
    List,
    /// Check a bundle (folder with plugin.toml and its component) and put it into service; a running hub
    /// takes it up at once
    Install {
        /// Bundle folder
        bundle: PathBuf,
    },
    /// Take a plugin out of service
    Remove {
        /// Name
        name: String,
    },
    /// Make a component out of a core WASM module built with the SDK
    Pack {
        /// Core module (cargo's output)
        module: PathBuf,
        /// Component to write
        #[arg(long, short)]
        output: PathBuf,
    },
    /// Run a plugin over vectors in the sandbox and compare with what they expect
    Test {
        /// Name of an installed plugin, or a bundle folder
        plugin: String,
        /// Vectors; one JSON object per line
        #[arg(long, required = true)]
        vectors: Vec<PathBuf>,
        /// Print one JSON object with counts and failures
        #[arg(long)]
        json: bool,
    },
    /// Decode messages and print one JSON line for each
    Decode {
        /// Name of an installed plugin, or a bundle folder
        plugin: String,
        /// Lines in the vectors' format; - for standard input
        #[arg(long)]
        input: PathBuf,
    },
}

/// Runs it.
pub(super) async fn plugin(args: PluginArgs) -> Result<(), Failure> {
    let config = args.common.load()?;
    let installed = config.plugins();
    match args.command {
        Command::List => {
            for folder in bundles_in(&installed) {
                match Bundle::read(&folder) {
                    Ok(bundle) => println!(
                        "{} {} {}",
                        bundle.manifest.name, bundle.manifest.version, bundle.manifest.description
                    ),
                    Err(error) => println!("{}: {error}", folder.display()),
                }
            }
        }
        Command::Install { bundle } => {
            let manifest = install(&bundle, &installed)?;
            println!(
                "{} {} installed in {}",
                manifest.name,
                manifest.version,
                installed.display()
            );
        }
        Command::Remove { name } => {
            let folder = installed.join(&name);
            if !folder.join("plugin.toml").is_file() {
                return Err(format!(
                    "no plugin {name:?} in {}; `fixstream plugin list` shows what there is",
                    installed.display()
                )
                .into());
            }
            std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            println!("{name} removed");
        }
        Command::Pack { module, output } => {
            let core = std::fs::read(&module).map_err(|error| format!("{}: {error}", module.display()))?;
            let component = pack(&core).map_err(|error| format!("{}: {error}", module.display()))?;
            let fresh = output.with_extension("new");
            std::fs::write(&fresh, component).map_err(|error| format!("{}: {error}", fresh.display()))?;
            std::fs::rename(&fresh, &output).map_err(|error| format!("{}: {error}", output.display()))?;
        }
        Command::Test {
            plugin,
            vectors,
            json,
        } => {
            let bench = Bench::open(&plugin, &installed)?;
            let report = bench.test(&vectors).await?;
            if json {
                println!("{}", report.json(&bench.name));
            } else {
                report.failures.iter().for_each(|failure| println!("{failure}"));
                println!(
                    "{}: {} passed, {} failed",
                    bench.name,
                    report.passed,
                    report.failures.len()
                );
            }
            if !report.failures.is_empty() || report.passed == 0 {
                return Err(format!(
                    "{} of {} vectors failed",
                    report.failures.len(),
                    report.failures.len() + report.passed
                )
                .into());
            }
        }
        Command::Decode { plugin, input } => Bench::open(&plugin, &installed)?.decode(&input).await?,
    }
    Ok(())
}

/// A decode host with one plugin in it.
struct Bench {
    host: DecodeHost,
    name: String,
    // removed with the value
    _cache: tempfile::TempDir,
}

/// Lines decoded together.
const BATCH: usize = 256;

impl Bench {
    /// Finds the plugin by path, else by name: installed ones, `FIXSTREAM_PLUGINS`, `plugins` beside the
    /// folder of the program (where `deploy/build-plugins` puts them).
    fn open(plugin: &str, installed: &Path) -> Result<Self, Failure> {
        let built = std::env::current_exe()
            .ok()
            .and_then(|exe| Some(exe.parent()?.parent()?.join("plugins")));
        let places: Vec<PathBuf> = [
            Some(PathBuf::new()),
            Some(installed.to_owned()),
            std::env::var_os("FIXSTREAM_PLUGINS").map(PathBuf::from),
            built,
        ]
        .into_iter()
        .flatten()
        .collect();
        let folder = places
            .iter()
            .map(|place| place.join(plugin))
            .find(|folder| folder.join("plugin.toml").is_file() && Bundle::read(folder).is_ok())
            .or_else(|| places.iter().map(|place| place.join(plugin)).find(|folder| folder.join("plugin.toml").is_file()))
            .ok_or_else(|| format!("no plugin {plugin:?}: give a bundle folder, or install it with `fixstream plugin install FOLDER`"))?;
        let cache = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let host = DecodeHost::start(DecodeOptions {
            workers: 1,
            ..DecodeOptions::new(cache.path().to_owned())
        })?;
        let manifest = host.load(&folder)?;
        Ok(Self {
            host,
            name: manifest.name.clone(),
            _cache: cache,
        })
    }

    async fn run(&self, lines: &[Line]) -> Result<Vec<Outcome>, Failure> {
        let inputs = lines.iter().map(Line::input).collect::<Result<Vec<_>, _>>()?;
        Ok(self.host.decode(&self.name, inputs).await.outcomes)
    }

    async fn decode(&self, input: &Path) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        for lines in batches(input)? {
            let lines = lines?;
            for (line, outcome) in lines.iter().zip(self.run(&lines).await?) {
                let result = vectors::result(&outcome);
                match writeln!(out, "{}", serde_json::json!({ "id": line.id, "result": result })) {
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                    done => done?,
                }
            }
        }
        Ok(())
    }

    async fn test(&self, files: &[PathBuf]) -> Result<Report, Failure> {
        let mut report = Report::default();
        for file in files {
            for lines in batches(file)? {
                let lines = lines?;
                for (line, outcome) in lines.iter().zip(self.run(&lines).await?) {
                    match line
                        .expect
                        .as_ref()
                        .map(|expect| Expected::differences(expect, &outcome))
                    {
                        None => report
                            .failures
                            .push(format!("{}: the line has no `expect`", line.id)),
                        Some(differences) if differences.is_empty() => report.passed += 1,
                        Some(differences) => {
                            report
                                .failures
                                .push(format!("{}: {}", line.id, differences.join("; ")));
                        }
                    }
                }
            }
        }
        Ok(report)
    }
}

#[derive(Default)]
struct Report {
    passed: usize,
    failures: Vec<String>,
}

impl Report {
    fn json(&self, name: &str) -> serde_json::Value {
        serde_json::json!({ "plugin": name, "passed": self.passed, "failed": self.failures.len(), "failures": self.failures })
    }
}

/// The lines of a file in groups; an error names the line.
fn batches(path: &Path) -> Result<impl Iterator<Item = Result<Vec<Line>, Failure>>, Failure> {
    let reader: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let file = std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Box::new(std::io::BufReader::new(file))
    };
    let shown = path.display().to_string();
    let mut lines = reader.lines().enumerate();
    Ok(std::iter::from_fn(move || {
        let mut group = Vec::new();
        while group.len() < BATCH {
            let Some((number, line)) = lines.next() else { break };
            let parsed = line.map_err(Failure::from).and_then(|line| match line.trim() {
                "" => Ok(None),
                text => serde_json::from_str(text).map(Some).map_err(Failure::from),
            });
            match parsed {
                Ok(line) => group.extend(line),
                Err(error) => return Some(Err(format!("{shown} line {}: {error}", number + 1).into())),
            }
        }
        (!group.is_empty()).then_some(Ok(group))
    }))
}
