-- The newest trusted row of each device: 3 ms for all devices instead of a scan of all positions.
--
-- Everything here is idempotent (max, argMax): the same rows may come twice, and after a crash they do.
-- What argMax can't do is take back: where a later revision says that a trusted row is not to be trusted,
-- its time goes into revoked_time, and a reader that finds revoked_time >= time looks into positions.
CREATE TABLE IF NOT EXISTS {database}.latest {on_cluster}
(
    client_id    UInt32,
    device_id    UInt32,
    time         SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    revoked_time SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    state        AggregateFunction(argMax, Tuple(
        content UInt64, id UInt64, revision UInt8, received DateTime64(3, 'UTC'),
        stated_offset_ms Nullable(Int64), verdict Int8, valid Nullable(Bool), lat_e7 Int32, lon_e7 Int32,
        altitude_e3 Nullable(Int64), speed_e3 Nullable(Int64), heading_e3 Nullable(Int64),
        accuracy_e3 Nullable(Int64), hdop_e3 Nullable(Int64), satellites Nullable(UInt16),
        odometer_e3 Nullable(Int64), distance_e3 Nullable(Int64), ignition Nullable(Bool),
        fuel_e3 Nullable(Int64), temperature_e3 Nullable(Int64), rpm_e3 Nullable(Int64),
        battery_v_e3 Nullable(Int64), battery_e3 Nullable(Int64), power_v_e3 Nullable(Int64),
        signal_e3 Nullable(Int64), event Nullable(String), attributes Map(String, String), vendor String,
        plugin String),
        Tuple(DateTime64(3, 'UTC'), UInt64, UInt8))
)
ENGINE = {replicated}AggregatingMergeTree
ORDER BY (client_id, device_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.latest_trusted {on_cluster} TO {database}.latest AS
SELECT
    client_id,
    device_id,
    max(p.time) AS time,
    argMaxState(tuple(
        content, id, revision, received, stated_offset_ms, toInt8(verdict), valid, lat_e7, lon_e7,
        altitude_e3, speed_e3, heading_e3, accuracy_e3, hdop_e3, satellites, odometer_e3, distance_e3,
        ignition, fuel_e3, temperature_e3, rpm_e3, battery_v_e3, battery_e3, power_v_e3, signal_e3, event,
        CAST(attributes, 'Map(String, String)'), toString(vendor), toString(plugin)),
        tuple(p.time, id, revision)) AS state
FROM {database}.positions AS p
WHERE p.verdict IN ('ok', 'clock')
GROUP BY client_id, device_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.latest_revoked {on_cluster} TO {database}.latest AS
SELECT
    client_id,
    device_id,
    max(p.time) AS revoked_time
FROM {database}.positions AS p
WHERE p.revision > 0 AND p.verdict NOT IN ('ok', 'clock')
GROUP BY client_id, device_id;
