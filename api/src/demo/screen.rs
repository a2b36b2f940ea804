//! The compact view: what to open and copy, and figures that move.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fixstream_core::telemetry::Condition;

use super::Sent;
use super::provision::Demo;
use crate::Server;
use crate::config::Config;

/// The view on the terminal.
pub(super) struct Screen {
    head: String,
    sent: Arc<Sent>,
    vehicles: usize,
    live: bool,
}

impl Screen {
    /// Fixed part: addresses, key, ready commands.
    pub fn new(server: &Server, demo: &Demo, sent: &Arc<Sent>, config: &Config) -> Self {
        let rest = server.rest_address();
        let clickhouse = server.clickhouse();
        let first = demo.vehicles.first().map_or(1, |vehicle| vehicle.device);
        let head = format!(
            "fixstream demo: {} simulated vehicles, four vendor formats, real MQTT, QoS 1\n\
             \n\
             MQTT        {}\n\
             REST        http://{rest}\n\
             ClickHouse  {}  (user {}, password {})\n\
             data        {}\n\
             API key     {}\n\
             \n\
             latest positions of all devices, and of one:\n  \
             curl -s -H 'apikey: {}' http://{rest}/latest-position\n  \
             curl -s -H 'apikey: {}' http://{rest}/latest-positions/{first}\n\
             history in SQL:\n  \
             curl -s '{}/?user={}&password={}' --data 'SELECT device_id, count(), max(time), round(avg(speed_kmh), 1) FROM {}.positions FINAL WHERE trusted GROUP BY device_id ORDER BY device_id LIMIT 5'\n",
            demo.vehicles.len(),
            server.mqtt_address(),
            clickhouse.url,
            clickhouse.analyst_user,
            clickhouse.analyst_password,
            config.data.display(),
            demo.key,
            demo.key,
            demo.key,
            clickhouse.url,
            clickhouse.analyst_user,
            clickhouse.analyst_password,
            config.history.database,
        );
        Self {
            head,
            sent: Arc::clone(sent),
            vehicles: demo.vehicles.len(),
            live: std::io::stdout().is_terminal(),
        }
    }

    /// Prints until dropped: on a terminal one line that is kept current, else a line every ten seconds.
    pub async fn show(&self, server: &Server) {
        println!("{}", self.head);
        let mut tick = tokio::time::interval(if self.live {
            Duration::from_secs(1)
        } else {
            Duration::from_secs(10)
        });
        let (mut before, mut then) = (0, Instant::now());
        loop {
            tick.tick().await;
            let acknowledged = self.sent.acknowledged.load(Ordering::Relaxed);
            let rate = (acknowledged - before) as f64 / then.elapsed().as_secs_f64().max(0.001);
            (before, then) = (acknowledged, Instant::now());
            let lag = server.lag();
            let (durable, applied) = server.progress();
            let trouble: Vec<String> = server
                .health()
                .parts()
                .into_iter()
                .filter_map(|(part, condition)| match condition {
                    Condition::Ok => None,
                    Condition::Degraded(why) | Condition::Down(why) => Some(format!("{part}: {why}")),
                })
                .collect();
            let line = format!(
                "{}/{} connected  {rate:.0} msg/s  {acknowledged} acknowledged  {} rows in ClickHouse  lag {} messages, {} rows, {:.1} s  {}",
                server.connections(),
                self.vehicles,
                lag.stored,
                durable.0.saturating_sub(applied.0),
                lag.rows,
                lag.seconds,
                if trouble.is_empty() {
                    "all parts ok (Ctrl-C stops)".to_owned()
                } else {
                    trouble.join("; ")
                },
            );
            let mut out = std::io::stdout().lock();
            let done = if self.live {
                write!(out, "\r\x1b[2K{line}")
            } else {
                writeln!(out, "{line}")
            };
            if done.and_then(|()| out.flush()).is_err() {
                return;
            }
        }
    }
}
