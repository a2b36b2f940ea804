//! `fixstream plugin test`: vectors, determinism, and messages that no tracker sends.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use fixstream_core::decode::{Input, Outcome, Trial};
use serde_json::{Value, json};

use super::find::{Bench, Found, find, read_vectors};
use super::fuzz::{Fuzzed, fuzz};
use crate::cli::Failure;
use crate::config::Config;
use crate::plugins::{Checked, check};
use crate::vectors::Line;

/// Messages that are decoded again to see whether the answers are the same, at most.
const AGAIN: usize = 2_000;

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Names of installed plugins, bundle folders, .fsp files, or folders of crates that were built
    #[arg(required = true)]
    plugins: Vec<String>,
    /// Vectors, one JSON object per line, instead of the plugins' own; with several plugins each gets the lines of
    /// its `vendor`, and a line that none of them gets is a failure
    #[arg(long)]
    vectors: Vec<PathBuf>,
    /// Edited and random messages for each plugin
    #[arg(long, default_value_t = 2_000, value_name = "NUMBER")]
    inputs: usize,
    /// Where the random messages begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object with counts and failures
    #[arg(long)]
    json: bool,
}

/// What was found out about a plugin.
struct Report {
    name: String,
    version: String,
    sha256: String,
    checked: Checked,
    /// Where the same message was answered differently.
    differences: Vec<String>,
    fuzzed: Fuzzed,
}

pub(super) fn run(args: &TestArgs, config: &Config) -> Result<(), Failure> {
    let bench = Bench::start(config)?;
    let mut given = Vec::new();
    for file in &args.vectors {
        given.extend(read_vectors(file)?);
    }
    let mut reports = Vec::new();
    for plugin in &args.plugins {
        let found = find(plugin, config)?;
        reports.push(test(&bench, &found, &given, args).map_err(|error| format!("{plugin}: {error}"))?);
    }
    let unmatched = unmatched(&given, &reports);
    if args.json {
        println!("{}", to_json(&reports, &unmatched));
    } else {
        print(&reports);
    }
    verdict(&reports, &unmatched)
}

/// Given lines that no plugin gets, by vendor: with several plugins, those of a vendor that is none of them.
type Unmatched<'a> = BTreeMap<Option<&'a str>, usize>;

fn unmatched<'a>(given: &'a [Line], reports: &[Report]) -> Unmatched<'a> {
    let mut unmatched = Unmatched::new();
    if reports.len() == 1 {
        return unmatched;
    }
    for line in given {
        let vendor = line.vendor.as_deref();
        if !reports.iter().any(|report| Some(report.name.as_str()) == vendor) {
            *unmatched.entry(vendor).or_default() += 1;
        }
    }
    unmatched
}

/// The failure that the command ends with, where something is wrong.
fn verdict(reports: &[Report], unmatched: &Unmatched<'_>) -> Result<(), Failure> {
    let bad: Vec<&str> = reports
        .iter()
        .filter(|report| !report.is_good())
        .map(|report| report.name.as_str())
        .collect();
    let mut wrong = Vec::new();
    match bad.as_slice() {
        [] => {}
        [one] => wrong.push(format!("{one} has failures, or no vectors")),
        several => wrong.push(format!(
            "these have failures, or no vectors: {}",
            several.join(", ")
        )),
    }
    if !unmatched.is_empty() {
        let vendors = unmatched.iter().map(|(vendor, lines)| match vendor {
            Some(vendor) => format!("{lines} of {vendor}"),
            None => format!("{lines} without a vendor"),
        });
        let vendors: Vec<String> = vendors.collect();
        wrong.push(format!(
            "these vectors are none of the given plugins': {}",
            vendors.join(", ")
        ));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("; ").into())
    }
}

fn test(bench: &Bench, found: &Found, given: &[Line], args: &TestArgs) -> Result<Report, Failure> {
    let mut trial = bench.trial(found)?;
    let name = trial.manifest().name.clone();
    let own = if args.vectors.is_empty() {
        found.vectors()?
    } else {
        Vec::new()
    };
    let lines: Vec<&Line> = if args.vectors.is_empty() {
        own.iter().collect()
    } else if args.plugins.len() == 1 {
        given.iter().collect()
    } else {
        given
            .iter()
            .filter(|line| line.vendor.as_deref() == Some(name.as_str()))
            .collect()
    };
    let checked = check(&mut trial, &lines)?;
    let inputs = lines
        .iter()
        .map(|line| line.input())
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Report {
        version: trial.manifest().version.to_string(),
        sha256: trial.sha256().to_owned(),
        checked,
        differences: differences(&mut trial, &lines, &inputs),
        fuzzed: fuzz(&mut trial, &inputs, args.inputs, args.seed),
        name,
    })
}

/// The same messages again, one at a time, and in a new instance: the answers must be the same.
fn differences(trial: &mut Trial, lines: &[&Line], inputs: &[Input]) -> Vec<String> {
    let inputs: Vec<Input> = inputs.iter().take(AGAIN).cloned().collect();
    let first = trial.decode(inputs.clone(), usize::MAX);
    let again = trial.decode(inputs.clone(), usize::MAX);
    let single = trial.decode(inputs.clone(), 1);
    trial.renew();
    let renewed = trial.decode(inputs, usize::MAX);
    let ways: [(&str, Vec<Outcome>); 3] = [
        ("the second time", again),
        ("alone", single),
        ("in a new instance", renewed),
    ];
    let mut found = Vec::new();
    for (way, outcomes) in ways {
        for ((line, first), other) in lines.iter().zip(&first).zip(&outcomes) {
            if first != other {
                found.push(format!("{}: answered differently {way}", line.id));
            }
        }
    }
    found
}

impl Report {
    fn is_good(&self) -> bool {
        self.checked.passed > 0
            && self.checked.failures.is_empty()
            && self.differences.is_empty()
            && self.fuzzed.faults == 0
    }

    fn json(&self) -> Value {
        json!({
            "plugin": self.name,
            "version": self.version,
            "sha256": self.sha256,
            "messages": self.messages(),
            "positions": self.checked.positions,
            "no_position": self.checked.no_position,
            "errors": self.checked.errors,
            "passed": self.checked.passed,
            "failed": self.checked.failures.len(),
            "failures": self.checked.failures,
            "nondeterministic": self.differences,
            "fuzz": { "inputs": self.fuzzed.inputs, "faults": self.fuzzed.faults, "first": self.fuzzed.told },
            "ok": self.is_good(),
        })
    }

    fn messages(&self) -> usize {
        self.checked.positions + self.checked.no_position + self.checked.errors
    }

    fn problems(&self) -> impl Iterator<Item = &String> {
        self.checked
            .failures
            .iter()
            .chain(&self.differences)
            .chain(&self.fuzzed.told)
    }
}

/// The counts of all plugins, and for one plugin its own at the top as well.
fn to_json(reports: &[Report], unmatched: &Unmatched<'_>) -> Value {
    let unmatched: Vec<Value> = unmatched
        .iter()
        .map(|(vendor, lines)| json!({ "vendor": vendor, "lines": lines }))
        .collect();
    let sum = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
    let mut all = json!({
        "plugins": reports.iter().map(Report::json).collect::<Vec<_>>(),
        "passed": sum(|report| report.checked.passed),
        "failed": sum(|report| report.checked.failures.len()),
        "ok": unmatched.is_empty() && reports.iter().all(Report::is_good),
        "unmatched": unmatched,
    });
    if let ([one], Some(all)) = (reports, all.as_object_mut())
        && let Value::Object(one) = one.json()
    {
        all.extend(one);
    }
    all
}

fn print(reports: &[Report]) {
    for report in reports {
        report
            .problems()
            .for_each(|problem| println!("{}: {problem}", report.name));
    }
    println!(
        "{:<14} {:<9} {:>8} {:>9} {:>11} {:>6} {:>6} {:>6} {:>9} {:>6}",
        "plugin",
        "version",
        "messages",
        "positions",
        "no_position",
        "errors",
        "passed",
        "failed",
        "broken in",
        "faults"
    );
    for report in reports {
        println!(
            "{:<14} {:<9} {:>8} {:>9} {:>11} {:>6} {:>6} {:>6} {:>9} {:>6}",
            report.name,
            report.version,
            report.messages(),
            report.checked.positions,
            report.checked.no_position,
            report.checked.errors,
            report.checked.passed,
            report.checked.failures.len(),
            report.fuzzed.inputs,
            report.fuzzed.faults + report.differences.len()
        );
    }
}
