//! `fixstream journal`: look into the journal while the hub is stopped.

use std::ops::ControlFlow;

use clap::{Args, Subcommand};
use fixstream_core::journal::inspect::{self, Problem, Report};
use fixstream_core::model::{Offset, Uplink};

use super::{Common, Failure};

/// `fixstream journal …`
#[derive(Debug, Args)]
pub struct JournalArgs {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Segments, offsets, bytes, checkpoint
    Stat,
    /// Check every block of every segment; damage is reported with file and byte
    Verify,
    /// Print records as JSON lines
    Dump {
        /// First record
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Records at most
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Cut damaged blocks out, keeping a copy of each changed segment beside it
    Repair,
}

/// Runs it.
pub(super) fn journal(args: &JournalArgs) -> Result<(), Failure> {
    let path = args.common.load()?.data.join("journal");
    match args.command {
        Command::Stat => print(&inspect::stat(&path)?),
        Command::Verify => {
            let report = inspect::verify(&path)?;
            print(&report);
            if !report.is_sound() {
                return Err("the journal is damaged; `fixstream journal repair` keeps what is whole".into());
            }
        }
        Command::Dump { from, limit } => {
            let mut left = limit;
            let report = inspect::dump(&path, Offset(from), |offset, record| {
                if left == 0 {
                    return ControlFlow::Break(());
                }
                left -= 1;
                println!("{}", json(offset, record));
                ControlFlow::Continue(())
            })?;
            report
                .problems
                .iter()
                .for_each(|problem| eprintln!("{}", shown(problem)));
        }
        Command::Repair => print(&inspect::repair(&path)?),
    }
    Ok(())
}

fn json(offset: Offset, record: &[u8]) -> serde_json::Value {
    match Uplink::decode(record) {
        Ok(uplink) => serde_json::json!({
            "offset": offset, "received_ms": uplink.received, "client": uplink.sender.client,
            "vendor": uplink.vendor(), "channel": uplink.channel(), "payload_hex": hex::encode(uplink.payload_bytes()),
        }),
        Err(error) => {
            serde_json::json!({ "offset": offset, "error": error.to_string(), "record_hex": hex::encode(record) })
        }
    }
}

fn print(report: &Report) {
    let offsets = report.offsets();
    println!("journal {}", report.id.as_deref().unwrap_or("(identity unknown)"));
    println!("records {} to {} (end not included)", offsets.start, offsets.end);
    match report.checkpoint {
        Some(checkpoint) => println!("checkpoint {checkpoint}: history keeps what is below"),
        None => println!("checkpoint missing or damaged"),
    }
    for segment in &report.segments {
        let state = if segment.sealed { "complete" } else { "open" };
        println!(
            "{}  {} to {}  {} records  {} bytes  {state}",
            segment.file.display(),
            segment.first,
            segment.end,
            segment.end.0 - segment.first.0 - segment.lost,
            segment.bytes
        );
    }
    report
        .problems
        .iter()
        .for_each(|problem| println!("{}", shown(problem)));
}

fn shown(problem: &Problem) -> String {
    let lost = problem.lost.end.0.saturating_sub(problem.lost.start.0);
    format!(
        "{:?} in {} at byte {}: {} ({lost} records can not be read)",
        problem.kind,
        problem.file.display(),
        problem.position,
        problem.what
    )
}
