//! REST over many devices, while messages come in: latest positions by id, of many ids and by area; the history of
//! a vehicle's day; the movements of many vehicles' months.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use fixstream_core::model::{ClientId, LinkId};
use fixstream_core::registry::{Registry, Scope, UnknownTracker};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::hub::{self, Hub};
use crate::load::{self, Publisher};
use crate::rest_client::Connection;
use crate::{Failure, cpu, startup};

/// Starting may take this long before it counts as broken.
const PATIENCE: Duration = Duration::from_secs(1200);
/// Rows per statement while preparing …
const SLICE: u64 = 500_000;
/// … and of as many devices: each of them is a state of its own for the view of latest positions.
const DEVICES: u64 = 50_000;
const DAY_S: u64 = 86_400;
/// Ids in one question about many.
const MANY: u64 = 1_000;

/// Arguments.
#[derive(Debug, Args)]
pub struct RestArgs {
    /// The program; built by deploy/setup
    #[arg(long, default_value = "target/debug/fixstream")]
    program: PathBuf,
    /// Plugin bundles; built by deploy/setup
    #[arg(long, default_value = "target/plugins")]
    plugins: PathBuf,
    /// Devices, each with a latest position
    #[arg(long, default_value_t = 1_000_000)]
    devices: u64,
    /// Of them have a history; at most 1,000
    #[arg(long, default_value_t = 1_000)]
    vehicles: u64,
    /// Days of it
    #[arg(long, default_value_t = 30)]
    days: u64,
    /// Seconds between two positions of it
    #[arg(long, default_value_t = 60)]
    every_s: u64,
    /// Connections that ask for latest positions at the same time
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Seconds for each figure about latest positions
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Questions about history
    #[arg(long, default_value_t = 50)]
    questions: u64,
    /// Reports about all vehicles; the slowest and the median are printed
    #[arg(long, default_value_t = 3)]
    reports: u64,
    /// MQTT connections that send all the time, with one message in flight each; 0: none
    #[arg(long, default_value_t = 20)]
    senders: usize,
}

/// The hub and what it knows.
struct World {
    rest: u16,
    mqtt: u16,
    key: String,
    pid: u32,
    publishers: Vec<Publisher>,
    /// Where the history begins, milliseconds; whole days before today.
    start_ms: i64,
}

/// Prints one line per figure.
pub fn run(args: &RestArgs) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let hub = Hub::new(&args.program, folder.path());
    hub.install(&args.plugins.join("teltonika"))?;
    // the first start makes the schema; its engine then takes the rows
    let server = hub.serve(&[], PATIENCE)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let (client, link, key) = runtime.block_on(tenant(&hub.data))?;
    let today = fixstream_core::clock::now().0 / 1000 / DAY_S as i64 * DAY_S as i64;
    let start_s = today - (args.days * DAY_S) as i64;
    prepare(args, &hub, client.0, start_s)?;
    server.stop()?;
    runtime.block_on(startup::register(
        &hub.data,
        usize::try_from(args.devices)?,
        (client.0, link.0),
    ))?;
    let publishers = runtime.block_on(async {
        let registry = Registry::open(&hub.data.join("registry.db")).await?;
        hub::publishers(&registry, client, link, args.senders).await
    })?;
    let server = hub.serve(&[], PATIENCE)?;
    let world = World {
        rest: hub.rest,
        mqtt: hub.mqtt,
        key,
        pid: server.pid(),
        publishers,
        start_ms: start_s * 1000,
    };
    measure(args, &world)?;
    server.stop()
}

/// Client, link, and a key that may read.
async fn tenant(data: &Path) -> Result<(ClientId, LinkId, String), Failure> {
    let registry = Registry::open(&data.join("registry.db")).await?;
    let client = registry.create_client("rest").await?.id;
    registry.create_vendor("teltonika").await?;
    let link = registry
        .create_link(client, "teltonika", UnknownTracker::Reject)
        .await?
        .id;
    let (_, key) = registry
        .create_api_key("rest", client, Some(link), &[Scope::Read])
        .await?;
    Ok((client, link, key))
}

/// History of the vehicles, and a last position of every device somewhere in Europe.
///
/// A vehicle goes north and back for 40 minutes of every hour of the day shift, at about 50 km/h, and stands else.
fn prepare(args: &RestArgs, hub: &Hub, client: u32, start_s: i64) -> Result<(), Failure> {
    let insert = |select: String| {
        let query = format!(
            "INSERT INTO fixstream.positions (client_id, device_id, time, content, id, revision, received, verdict, lat_e7, lon_e7, \
             speed_e3, heading_e3, attributes, vendor, plugin) {select}"
        );
        hub.sql("writer", &query).map(drop)
    };
    let every = args.every_s.max(1);
    let fixes_a_day = DAY_S / every;
    let vehicles = args.vehicles.min(args.devices).min(MANY);
    for day in 0..args.days {
        let day_s = start_s + (day * DAY_S) as i64;
        let rows = vehicles * fixes_a_day;
        for from in (0..rows).step_by(usize::try_from(SLICE)?) {
            let count = SLICE.min(rows - from);
            insert(format!(
                "SELECT {client}, intDiv(number, {fixes_a_day}) + 1 AS device, \
                 fromUnixTimestamp64Milli(toInt64({day_s} + s) * 1000, 'UTC'), number, {day} * {rows} + number + 1, 0, now64(3), 'ok', \
                 400000000 + device * 10000 + toInt32(125 * driven), 100000000, if(moves, 50000, 0), 0, \
                 map('satellites', '9'), 'teltonika', 'teltonika 1.0.0' \
                 FROM (SELECT number, (number % {fixes_a_day}) * {every} AS s, s % 3600 AS of_hour, \
                 intDiv(s, 3600) BETWEEN 6 AND 17 AND of_hour < 2400 AS moves, \
                 if(moves, 1200 - abs(toInt32(of_hour) - 1200), 0) AS driven FROM numbers({from}, {count}))"
            ))?;
        }
    }
    for from in (0..args.devices).step_by(usize::try_from(DEVICES)?) {
        let count = DEVICES.min(args.devices - from);
        // an hour old, behind all history
        insert(format!(
            "SELECT {client}, number + 1, now64(3) - 3600, number, 1099511627776 + number, 0, now64(3), 'ok', \
             400000000 + cityHash64(number) % 200000000, -100000000 + toInt32(cityHash64(number, 1) % 400000000), 36000, 90000, \
             map('satellites', '9'), 'teltonika', 'teltonika 1.0.0' FROM numbers({from}, {count})"
        ))?;
    }
    Ok(())
}

/// What is asked, made of a number that is another each time.
type Ask<'a> = dyn Fn(u64) -> (String, Option<String>) + Sync + 'a;

fn measure(args: &RestArgs, world: &World) -> Result<(), Failure> {
    println!(
        "| question | connections | requests/s | p50 ms | p99 ms | KiB per answer | CPU ms per request |"
    );
    println!("|---|---|---|---|---|---|---|");
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| send(world, &stop, &sent).map_err(|error| error.to_string()));
        let measured = questions(args, world);
        stop.store(true, Ordering::Relaxed);
        match sender.join() {
            Ok(Ok(())) => measured,
            Ok(Err(error)) => Err(format!("messages could not be sent: {error}").into()),
            Err(_) => Err("the sender panicked".into()),
        }
    })?;
    println!(
        "| messages taken in meanwhile | {} | {:.0} | | | | |",
        world.publishers.len(),
        sent.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Messages in short loads until told to stop.
fn send(world: &World, stop: &AtomicBool, sent: &AtomicU64) -> Result<(), Failure> {
    const LOAD: usize = 5_000;
    let mut start_ms = fixstream_core::clock::now().0 - 12 * 3_600_000;
    while !world.publishers.is_empty() && !stop.load(Ordering::Relaxed) {
        load::run(world.mqtt, &world.publishers, 1, LOAD, start_ms)?;
        sent.fetch_add(LOAD as u64, Ordering::Relaxed);
        // every fix is one of its own
        start_ms += (LOAD / world.publishers.len() + 1) as i64 * 1000 + 1;
    }
    Ok(())
}

fn questions(args: &RestArgs, world: &World) -> Result<(), Failure> {
    let (devices, vehicles) = (
        args.devices.max(1),
        args.vehicles.min(args.devices).clamp(1, MANY),
    );
    // neighbours in number are not neighbours in the questions
    let device = move |number: u64| number.wrapping_mul(7_919) % devices + 1;
    let ids = move |number: u64| {
        let ids: Vec<String> = (0..MANY)
            .map(|index| device(number + index).to_string())
            .collect();
        ids.join(",")
    };
    let corner = |number: u64, degrees: f64| {
        (
            40.0 + (number.wrapping_mul(131) % 1_000) as f64 / 1_000.0 * (20.0 - degrees),
            -10.0 + (number.wrapping_mul(197) % 1_000) as f64 / 1_000.0 * (40.0 - degrees),
        )
    };
    let area = move |number: u64, degrees: f64| {
        let (south, west) = corner(number, degrees);
        let (north, east) = (south + degrees, west + degrees);
        format!("/v1/latest?size=1000&bbox={west},{south},{east},{north}")
    };
    let latest: [(&str, Box<Ask<'_>>); 6] = [
        (
            "latest by id",
            Box::new(move |number| (format!("/latest-positions/{}", device(number)), None)),
        ),
        (
            "latest of 1,000 ids (POST /latest-positions)",
            Box::new(move |number| {
                (
                    "/latest-positions".into(),
                    Some(format!("{{\"deviceIds\":[{}]}}", ids(number))),
                )
            }),
        ),
        (
            "latest of 1,000 ids (GET /v1/latest)",
            Box::new(move |number| (format!("/v1/latest?size=1000&ids={}", ids(number)), None)),
        ),
        (
            "bounding box of 0.1°",
            Box::new(move |number| (area(number, 0.1), None)),
        ),
        (
            "bounding box of 0.5°",
            Box::new(move |number| (area(number, 0.5), None)),
        ),
        (
            "radius of 10 km",
            Box::new(move |number| {
                let (latitude, longitude) = corner(number, 0.1);
                (
                    format!("/v1/latest?size=1000&latitude={latitude}&longitude={longitude}&radiusM=10000"),
                    None,
                )
            }),
        ),
    ];
    for (says, question) in &latest {
        let until = Instant::now() + Duration::from_secs(args.seconds);
        figure(world, says, args.connections, question.as_ref(), |_| {
            Instant::now() < until
        })?;
    }
    let day = |number: u64| {
        let from = world.start_ms + (number % args.days.max(1) * DAY_S * 1000) as i64;
        (at(from), at(from + DAY_S as i64 * 1000))
    };
    let history: [(&str, &Ask<'_>); 3] = [
        ("history of one vehicle-day (GET /position)", &|number| {
            let (from, to) = day(number);
            let vehicle = number.wrapping_mul(7_919) % vehicles + 1;
            (
                format!("/position?idDevice={vehicle}&startDate={from}&endDate={to}&limit=10000"),
                None,
            )
        }),
        ("track of one vehicle-day (CSV)", &|number| {
            let (from, to) = day(number);
            let vehicle = number.wrapping_mul(7_919) % vehicles + 1;
            (
                format!("/v1/devices/{vehicle}/track?format=csv&from={from}&to={to}"),
                None,
            )
        }),
        ("movements of one vehicle-month", &|number| {
            let vehicle = number.wrapping_mul(7_919) % vehicles + 1;
            (movements(args, world, vehicle, vehicle), None)
        }),
    ];
    for (says, question) in history {
        figure(world, says, 1, question, |asked| asked < args.questions)?;
    }
    let says = format!("movements of {vehicles} vehicles over {} days", args.days);
    let question = |_| (movements(args, world, 1, vehicles), None);
    figure(world, &says, 1, &question, |asked| asked < args.reports)
}

/// The path of the report about vehicles with neighbouring numbers, over all history.
fn movements(args: &RestArgs, world: &World, first: u64, last: u64) -> String {
    let ids: Vec<String> = (first..=last).map(|id| id.to_string()).collect();
    let to = world.start_ms + (args.days * DAY_S * 1000) as i64;
    format!(
        "/v1/reports/movements?from={}&to={}&deviceIds={}",
        at(world.start_ms),
        at(to),
        ids.join(",")
    )
}

/// RFC 3339.
fn at(time_ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp(time_ms / 1000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// Asks on all connections while `goes_on` says so of the number of the question, and prints what it took.
fn figure(
    world: &World,
    says: &str,
    connections: usize,
    question: &Ask<'_>,
    goes_on: impl Fn(u64) -> bool + Sync,
) -> Result<(), Failure> {
    let asked = AtomicU64::new(0);
    let ask = || -> Result<(Vec<f64>, u64), String> {
        let failed = |error: Failure| error.to_string();
        let mut connection = Connection::open(world.rest, &world.key).map_err(failed)?;
        let (mut times, mut bytes) = (Vec::new(), 0);
        loop {
            let number = asked.fetch_add(1, Ordering::Relaxed);
            if !goes_on(number) {
                return Ok((times, bytes));
            }
            let (path, body) = question(number);
            let began = Instant::now();
            bytes += connection.ask(&path, body.as_deref()).map_err(failed)?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
    };
    let (before, began) = (cpu::seconds(world.pid)?, Instant::now());
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections.max(1)).map(|_| scope.spawn(ask)).collect();
        threads
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect()
    });
    let (took, used) = (began.elapsed().as_secs_f64(), cpu::seconds(world.pid)? - before);
    let (mut times, mut bytes) = (Vec::new(), 0);
    for answer in answers {
        let (more, size) = answer.map_err(|_| "a client panicked")??;
        times.extend(more);
        bytes += size;
    }
    times.sort_by(f64::total_cmp);
    let share = |share: f64| {
        let place = (times.len() as f64 * share) as usize;
        times
            .get(place.min(times.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    };
    let count = times.len().max(1) as f64;
    println!(
        "| {says} | {connections} | {:.1} | {:.2} | {:.2} | {:.1} | {:.2} |",
        times.len() as f64 / took,
        share(0.5),
        share(0.99),
        bytes as f64 / count / 1024.0,
        used / count * 1e3
    );
    Ok(())
}
