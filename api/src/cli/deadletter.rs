//! `fixstream deadletter`: asks the running hub over REST, because the journal has one writer: the hub.

use std::io::Write as _;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Failure;
use super::hub::{Hub, HubArgs};

/// `fixstream deadletter …`
#[derive(Debug, Args)]
pub struct DeadletterArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print letters, the newest first
    List {
        #[command(flatten)]
        hub: HubArgs,
        #[command(flatten)]
        choice: Choice,
        /// Those that were replayed, instead of those that were not
        #[arg(long)]
        replayed: bool,
        /// Letters on a page, up to 200
        #[arg(long, default_value_t = 20)]
        size: u64,
        /// Which page, from 0
        #[arg(long, default_value_t = 0)]
        page: u64,
        /// Print the hub's answer as it is, with payloads
        #[arg(long)]
        json: bool,
    },
    /// Send letters on their way once more: those with these ids, those that meet the filters, or both
    Replay {
        #[command(flatten)]
        hub: HubArgs,
        #[command(flatten)]
        choice: Choice,
        /// Ids of letters, separated by commas, up to 1,000
        #[arg(long, value_delimiter = ',')]
        id: Vec<u64>,
    },
}

/// Filters; a letter meets all that are given.
#[derive(Debug, Args)]
struct Choice {
    /// Why it was kept, such as unknown_tracker
    #[arg(long)]
    reason: Option<String>,
    /// Vendor
    #[arg(long)]
    vendor: Option<String>,
    /// Device identifier
    #[arg(long)]
    device: Option<String>,
}

/// The hub's answer to a replay.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    replayed: u64,
    already_replayed: u64,
    not_found: u64,
    not_replayable: u64,
    more: bool,
    after: u64,
    before: u64,
}

/// Runs it.
pub(super) async fn deadletter(args: DeadletterArgs) -> Result<(), Failure> {
    match args.command {
        Command::List {
            hub,
            choice,
            replayed,
            size,
            page,
            json,
        } => {
            let mut query = choice.pairs();
            query.push(("replayed", replayed.to_string()));
            query.push(("size", size.to_string()));
            query.push(("page", page.to_string()));
            let hub = Hub::new(hub)?;
            let request = hub.request(Method::GET, "/v1/dead-letters").query(&query);
            print(&hub.ask(request).await?, json)
        }
        Command::Replay { hub, choice, id } => replay(&Hub::new(hub)?, &choice, &id).await,
    }
}

/// Asks until the hub has seen all letters that were there at the first request.
async fn replay(hub: &Hub, choice: &Choice, ids: &[u64]) -> Result<(), Failure> {
    let mut body: Map<String, Value> = choice
        .pairs()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::String(value)))
        .collect();
    if !ids.is_empty() {
        body.insert("ids".into(), json!(ids));
    }
    let (mut replayed, mut not_replayable) = (0, 0);
    loop {
        let request = hub.request(Method::POST, "/v1/dead-letters/replay").json(&body);
        let done: Done = serde_json::from_value(hub.ask(request).await?)?;
        replayed += done.replayed;
        not_replayable += done.not_replayable;
        if !done.more {
            println!(
                "replayed {replayed}, already replayed {}, not found {}, not replayable {not_replayable}",
                done.already_replayed, done.not_found
            );
            return Ok(());
        }
        body.insert("after".into(), json!(done.after));
        body.insert("before".into(), json!(done.before));
    }
}

impl Choice {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let given = [
            ("reason", &self.reason),
            ("vendor", &self.vendor),
            ("device", &self.device),
        ];
        given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect()
    }
}

/// One line per letter, then the page.
fn print(answer: &Value, json: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{answer}")?;
        return Ok(());
    }
    for letter in answer["content"].as_array().into_iter().flatten() {
        // what a tracker or a decoder says must not move the cursor
        let text = |name: &str| letter[name].as_str().unwrap_or("-").escape_debug();
        writeln!(
            out,
            "{}  {}  {}  {}  {}  {} bytes  {}",
            letter["id"],
            text("received"),
            text("reason"),
            text("vendor"),
            text("device"),
            letter["payloadBytes"],
            text("detail"),
        )?;
    }
    writeln!(
        out,
        "page {} of {}, {} letters",
        answer["number"], answer["totalPages"], answer["totalElements"]
    )?;
    Ok(())
}
