//! `fixstream redecode`: has the running hub decode history again, over REST, and follows how far it is.

mod follow;
mod job;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use self::job::Job;
use super::Failure;
use super::hub::{Hub, HubArgs};

/// `fixstream redecode …`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct RedecodeArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    hub: HubArgs,
    #[command(flatten)]
    new: New,
    #[command(flatten)]
    way: Way,
}

/// What is to be decoded again: the messages that meet all that is given.
#[derive(Debug, Args)]
struct New {
    /// Whose messages; the version of the plugin that is in service decodes them
    #[arg(long, required = true)]
    vendor: Option<String>,
    /// Only of this device, by its id; more than once, or with commas, for several
    #[arg(long = "device", value_name = "ID", value_delimiter = ',')]
    devices: Vec<u32>,
    /// Received at or after this, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Received before this
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Change nothing: only say what would differ
    #[arg(long)]
    dry_run: bool,
    /// Messages per second at most, to leave the hub to those who send now
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
}

/// How the command goes on when the hub has the job.
#[derive(Debug, Clone, Copy, Args)]
struct Way {
    /// Do not wait for the end
    #[arg(long)]
    detach: bool,
    /// Print the hub's last answer as it is, instead of progress and result
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print re-decodings, the newest first
    List {
        #[command(flatten)]
        hub: HubArgs,
        /// How many on a page, up to 1,000
        #[arg(long, default_value_t = 20)]
        size: u64,
        /// Which page, from 0
        #[arg(long, default_value_t = 0)]
        page: u64,
        /// Print the hub's answer as it is
        #[arg(long)]
        json: bool,
    },
    /// Print how far a re-decoding is, and the first positions that differ
    Show {
        #[command(flatten)]
        hub: HubArgs,
        /// Which
        id: u64,
        /// Wait for its end first
        #[arg(long)]
        follow: bool,
        /// Print the hub's answer as it is
        #[arg(long)]
        json: bool,
    },
    /// Stop a re-decoding; what is done stays done
    Stop {
        #[command(flatten)]
        hub: HubArgs,
        /// Which
        id: u64,
    },
    /// Go on with a re-decoding that was stopped or has failed, and follow it
    Continue {
        #[command(flatten)]
        hub: HubArgs,
        /// Which
        id: u64,
        #[command(flatten)]
        way: Way,
    },
}

/// Where jobs are.
const JOBS: &str = "/v1/redecodes";

/// Runs it.
pub(super) async fn redecode(args: RedecodeArgs) -> Result<(), Failure> {
    let Some(command) = args.command else {
        let hub = Hub::new(args.hub)?;
        let request = hub.request(Method::POST, JOBS).json(&args.new.body());
        let made = hub.ask(request).await?;
        return go_on(&hub, made, args.way).await;
    };
    match command {
        Command::List {
            hub,
            size,
            page,
            json,
        } => {
            let hub = Hub::new(hub)?;
            let query = [("size", size), ("page", page)];
            let found = hub.ask(hub.request(Method::GET, JOBS).query(&query)).await?;
            list(&found, json)
        }
        Command::Show {
            hub,
            id,
            follow,
            json,
        } => {
            let hub = Hub::new(hub)?;
            if follow {
                return follow::follow(&hub, id, json).await;
            }
            let found = hub.get(&path(id)).await?;
            if json {
                println!("{found}");
                return Ok(());
            }
            let job = Job::read(found)?;
            print!("{}{}", job.result(), job.differences());
            Ok(())
        }
        Command::Stop { hub, id } => {
            let hub = Hub::new(hub)?;
            hub.ask(hub.request(Method::DELETE, &path(id))).await?;
            println!("re-decoding {id} stops; {}", follow::how_to_go_on(id));
            Ok(())
        }
        Command::Continue { hub, id, way } => {
            let hub = Hub::new(hub)?;
            let request = hub.request(Method::POST, &format!("{}/continue", path(id)));
            let job = hub.ask(request).await?;
            go_on(&hub, job, way).await
        }
    }
}

/// Follows what the hub has taken, or says how to.
async fn go_on(hub: &Hub, taken: Value, way: Way) -> Result<(), Failure> {
    let job = Job::read(taken.clone())?;
    if !way.detach {
        return follow::follow(hub, job.id, way.json).await;
    }
    if way.json {
        println!("{taken}");
    } else {
        println!(
            "re-decoding {} of {} messages is {}; follow it with `fixstream redecode show {} --follow`",
            job.id, job.total, job.state, job.id
        );
    }
    Ok(())
}

impl New {
    fn body(&self) -> Value {
        let mut body = Map::new();
        let texts = [("vendor", &self.vendor), ("from", &self.from), ("to", &self.to)];
        for (name, text) in texts {
            if let Some(text) = text {
                body.insert(name.into(), json!(text));
            }
        }
        if !self.devices.is_empty() {
            body.insert("deviceIds".into(), json!(self.devices));
        }
        if let Some(rate) = self.rate {
            body.insert("rate".into(), json!(rate));
        }
        body.insert("dryRun".into(), json!(self.dry_run));
        Value::Object(body)
    }
}

fn path(id: u64) -> String {
    format!("{JOBS}/{id}")
}

/// One line per job, then the page.
fn list(page: &Value, json: bool) -> Result<(), Failure> {
    if json {
        println!("{page}");
        return Ok(());
    }
    for job in page["content"].as_array().into_iter().flatten() {
        let job = Job::read(job.clone())?;
        println!("{}  {}  {}", job.created(), job.state, job.progress());
    }
    println!(
        "page {} of {}, {} re-decodings",
        page["number"], page["totalPages"], page["totalElements"]
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser as _;
    use serde_json::json;

    use super::super::Cli;
    use super::{New, RedecodeArgs};

    fn parsed(line: &str) -> Result<RedecodeArgs, String> {
        let words = ["fixstream", "redecode"]
            .into_iter()
            .chain(line.split_whitespace());
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        match cli.command {
            super::super::Command::Redecode(args) => Ok(args),
            _ => Err("another command".into()),
        }
    }

    fn body(new: &New) -> serde_json::Value {
        new.body()
    }

    #[test]
    fn what_is_given_is_asked_for_and_nothing_else() {
        let args = parsed("--key k --vendor acme").unwrap();
        assert_eq!(body(&args.new), json!({ "vendor": "acme", "dryRun": false }));
        let args = parsed(
            "--key k --vendor acme --device 7 --device 8,9 --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z \
             --dry-run --rate 500 --detach",
        )
        .unwrap();
        assert_eq!(
            body(&args.new),
            json!({
                "vendor": "acme", "deviceIds": [7, 8, 9], "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z",
                "dryRun": true, "rate": 500
            })
        );
        assert!(args.way.detach && !args.way.json);
    }

    #[test]
    fn a_job_needs_a_vendor_and_a_subcommand_its_own_arguments() {
        assert!(parsed("--key k").unwrap_err().contains("--vendor"));
        assert!(parsed("show --key k").unwrap_err().contains("<ID>"));
        assert!(parsed("--vendor acme --key k list").is_err());
        for line in [
            "list --key k",
            "show 3 --key k",
            "stop 3 --key k",
            "continue 3 --key k --detach",
        ] {
            assert!(parsed(line).unwrap().command.is_some(), "{line}");
        }
    }
}
