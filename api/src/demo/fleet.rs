//! The fleet: one real MQTT connection per vehicle, QoS 1.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use time::OffsetDateTime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Sent;
use super::provision::{Demo, Vehicle};
use super::tracks::Drive;

/// Starts all vehicles; they begin spread over one interval, so that the load is even.
pub(super) fn start(
    demo: &Demo,
    broker: SocketAddr,
    interval: Duration,
    sent: &Arc<Sent>,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let mut fleet = JoinSet::new();
    for (number, vehicle) in demo.vehicles.iter().enumerate() {
        let delay = interval.mul_f64(number as f64 / demo.vehicles.len() as f64);
        fleet.spawn(drive(
            number as u32,
            vehicle.clone(),
            broker,
            delay,
            interval,
            Arc::clone(sent),
            stop.clone(),
        ));
    }
    fleet
}

async fn drive(
    number: u32,
    vehicle: Vehicle,
    broker: SocketAddr,
    delay: Duration,
    interval: Duration,
    sent: Arc<Sent>,
    stop: CancellationToken,
) {
    let mut options = MqttOptions::new(&vehicle.username, broker.ip().to_string(), broker.port());
    options
        .set_credentials(&vehicle.username, &vehicle.password)
        .set_keep_alive(Duration::from_secs(30))
        .set_inflight(20);
    let (client, mut events) = AsyncClient::new(options, 16);
    let acknowledged = {
        let (sent, stop, name) = (Arc::clone(&sent), stop.clone(), vehicle.name.clone());
        tokio::spawn(async move {
            loop {
                let event =
                    tokio::select! { event = events.poll() => event, () = stop.cancelled() => return };
                match event {
                    Ok(Event::Incoming(Packet::PubAck(_))) => {
                        sent.acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(vehicle = name, %error, "connection of a simulated tracker");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        })
    };
    let topic = vehicle.format.topic(&vehicle.imei);
    let mut drive = Drive::new(number);
    let mut tick = tokio::time::interval_at(tokio::time::Instant::now() + delay, interval);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut count = 0;
    loop {
        tokio::select! { _ = tick.tick() => {} () = stop.cancelled() => break }
        drive.step(interval.as_secs_f64());
        count += 1;
        let payload = vehicle
            .format
            .message(&vehicle.imei, &drive, OffsetDateTime::now_utc(), count);
        tokio::select! {
            done = client.publish(&topic, QoS::AtLeastOnce, false, payload) => {
                if done.is_err() {
                    break;
                }
                sent.published.fetch_add(1, Ordering::Relaxed);
            }
            () = stop.cancelled() => break,
        }
    }
    acknowledged.abort();
}
