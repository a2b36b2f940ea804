//! Points at which a test ends the process as `kill -9` would: no destructor runs, nothing is flushed.
//!
//! A point does nothing unless the `failpoints` feature of `fail` is compiled in (by the dev-dependencies of
//! the tests; release builds have none) and the environment names it, as in
//! `FAILPOINTS='journal-sync-before=40*off->return(5)'`: the 41st time, after 5 ms in which the other threads
//! go on, the process aborts.

use std::pin::pin;

/// All points, in the order in which a message passes them.
pub const POINTS: [&str; 23] = [
    "journal-write-before",
    "journal-write-after",
    "journal-sync-before",
    "journal-sync-after",
    "journal-rotate-before",
    "journal-rotate-after",
    "puback-write-before",
    "puback-write-after",
    "decode-before",
    "decode-after",
    "apply-before",
    "apply-after",
    "seal-before",
    "spool-rename-before",
    "seal-after",
    "checkpoint-before",
    "checkpoint-after",
    "clickhouse-send-before",
    "clickhouse-send-after",
    "clickhouse-commit-before",
    "clickhouse-commit-after",
    "committed-before",
    "committed-after",
];

/// Takes the points from the environment variable `FAILPOINTS`; to be called once, at the start.
///
/// # Panics
/// When the variable is not in `fail`'s format.
pub fn arm() {
    if fail::has_failpoints() {
        // dropping the scenario would disarm the points
        std::mem::forget(fail::FailScenario::setup());
    }
}

/// A point. `name` is one of [`POINTS`]; or `redecode-make-before`, `redecode-make-after`, around the file of a new
/// re-decoding.
#[inline]
#[allow(unused_variables)]
pub(crate) fn point(name: &'static str) {
    fail::fail_point!(name, |delay| abort(name, delay.as_deref()));
}

/// Passes the point once `work` has begun and has to wait for something.
pub(crate) async fn during<T>(name: &'static str, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut passed = false;
    std::future::poll_fn(|context| {
        let polled = work.as_mut().poll(context);
        if polled.is_pending() && !passed {
            passed = true;
            point(name);
        }
        polled
    })
    .await
}

/// Ends the process after `delay` milliseconds.
#[allow(dead_code)]
fn abort(name: &str, delay: Option<&str>) {
    let delay = delay.and_then(|text| text.parse().ok()).unwrap_or(0);
    std::thread::sleep(std::time::Duration::from_millis(delay));
    eprintln!("fail point {name}: abort");
    std::process::abort();
}
