//! CPU time of another process, from the kernel.

use std::collections::BTreeMap;

use crate::Failure;

/// Ticks per second in /proc: part of Linux's interface to programs, 100 on every architecture.
const USER_HZ: f64 = 100.0;

/// User and system time of process `pid` and all its threads so far, seconds.
pub fn seconds(pid: u32) -> Result<f64, Failure> {
    Ok(named_seconds(&format!("/proc/{pid}/stat"))?.1)
}

/// User and system time of the living threads of process `pid` so far, seconds, by the thread's name without
/// its number.
pub fn seconds_by_thread(pid: u32) -> Result<BTreeMap<String, f64>, Failure> {
    let mut parts = BTreeMap::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // a thread may end while it is looked at
        let Ok((name, seconds)) = named_seconds(&task?.path().join("stat").to_string_lossy()) else {
            continue;
        };
        let part = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '-');
        *parts.entry(part.to_owned()).or_default() += seconds;
    }
    Ok(parts)
}

fn named_seconds(path: &str) -> Result<(String, f64), Failure> {
    let stat = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    // the name in parentheses may hold anything; fields count from the closing one
    let (head, fields) = stat.rsplit_once(')').ok_or("unknown form of /proc/PID/stat")?;
    let name = head.split_once('(').map_or("", |(_, name)| name).to_owned();
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok((name, ticks as f64 / USER_HZ))
}

/// Resident memory of process `pid`, KiB.
pub fn resident_kib(pid: u32) -> Result<u64, Failure> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.ok_or("no VmRSS in /proc/PID/status")?.trim().parse()?)
}

/// Children of `pid`.
pub fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let mut found: Vec<u32> = std::fs::read_to_string(path)
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect();
    if found.is_empty() {
        // children started by another thread than the main one stand under that thread
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let text = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(text.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
    }
    found
}
