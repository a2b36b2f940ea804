-- Positions, one row per judged fix.
--
-- {database}   the database
-- {on_cluster} empty, or ON CLUSTER '…'
-- {replicated} empty, or Replicated (in front of the engine's family name)
--
-- Numbers are scaled integers (…_e7: 1e-7 degrees, …_e3: thousandths) with Delta + ZSTD: a quarter of the
-- size of plain floats. Int64 costs nothing against Int32 once compressed, and holds every legal value.
-- The ALIAS columns are for people.
--
-- Re-sent fixes and replays collapse: same client, device, time and content. The row with the greatest
-- version wins: a later revision over an earlier one, then the row that was first (smallest id).
CREATE TABLE IF NOT EXISTS {database}.positions {on_cluster}
(
    client_id        UInt32                                CODEC(ZSTD(1)),
    device_id        UInt32                                CODEC(ZSTD(1)),
    time             DateTime64(3, 'UTC')                  CODEC(DoubleDelta, ZSTD(1)),
    content          UInt64                                CODEC(ZSTD(1)),
    id               UInt64                                CODEC(Delta, ZSTD(1)),
    revision         UInt8                                 CODEC(ZSTD(1)),
    version          UInt64 MATERIALIZED bitOr(bitShiftLeft(toUInt64(revision), 56), toUInt64(72057594037927935 - id)) CODEC(Delta, ZSTD(1)),
    received         DateTime64(3, 'UTC')                  CODEC(Delta, ZSTD(1)),
    -- time as the device stated it, minus time; NULL: the device stated none
    stated_offset_ms Nullable(Int64)                       CODEC(ZSTD(1)),
    verdict          Enum8('ok' = 0, 'late' = 1, 'duplicate' = 2, 'future' = 3, 'invalid' = 4, 'null_island' = 5, 'jump' = 6, 'clock' = 7) CODEC(ZSTD(1)),
    valid            Nullable(Bool)                        CODEC(ZSTD(1)),
    lat_e7           Int32                                 CODEC(Delta, ZSTD(1)),
    lon_e7           Int32                                 CODEC(Delta, ZSTD(1)),
    altitude_e3      Nullable(Int64)                       CODEC(Delta, ZSTD(1)),
    speed_e3         Nullable(Int64)                       CODEC(Delta, ZSTD(1)),
    heading_e3       Nullable(Int64)                       CODEC(Delta, ZSTD(1)),
    accuracy_e3      Nullable(Int64)                       CODEC(Delta, ZSTD(1)),
    hdop_e3          Nullable(Int64)                       CODEC(Delta, ZSTD(1)),
    satellites       Nullable(UInt16)                      CODEC(ZSTD(1)),
    odometer_e3      Nullable(Int64)                       CODEC(Delta, ZSTD(1)),
    distance_e3      Nullable(Int64)                       CODEC(Delta, ZSTD(1)),
    ignition         Nullable(Bool)                        CODEC(ZSTD(1)),
    fuel_e3          Nullable(Int64)                       CODEC(Delta, ZSTD(1)),
    temperature_e3   Nullable(Int64)                       CODEC(Delta, ZSTD(1)),
    rpm_e3           Nullable(Int64)                       CODEC(Delta, ZSTD(1)),
    battery_v_e3     Nullable(Int64)                       CODEC(Delta, ZSTD(1)),
    battery_e3       Nullable(Int64)                       CODEC(Delta, ZSTD(1)),
    power_v_e3       Nullable(Int64)                       CODEC(Delta, ZSTD(1)),
    signal_e3        Nullable(Int64)                       CODEC(Delta, ZSTD(1)),
    event            Nullable(String)                      CODEC(ZSTD(1)),
    attributes       Map(LowCardinality(String), String)   CODEC(ZSTD(3)),
    vendor           LowCardinality(String)                CODEC(ZSTD(1)),
    plugin           LowCardinality(String)                CODEC(ZSTD(1)),
    -- days to keep the row after its time; 0: for ever. Per client by an UPDATE or another default.
    retention_days   UInt16 DEFAULT 0                      CODEC(ZSTD(1)),

    latitude             Float64           ALIAS lat_e7 / 1e7,
    longitude            Float64           ALIAS lon_e7 / 1e7,
    altitude_m           Nullable(Float64) ALIAS altitude_e3 / 1e3,
    speed_kmh            Nullable(Float64) ALIAS speed_e3 / 1e3,
    heading_deg          Nullable(Float64) ALIAS heading_e3 / 1e3,
    accuracy_m           Nullable(Float64) ALIAS accuracy_e3 / 1e3,
    hdop                 Nullable(Float64) ALIAS hdop_e3 / 1e3,
    odometer_km          Nullable(Float64) ALIAS odometer_e3 / 1e3,
    distance_km          Nullable(Float64) ALIAS distance_e3 / 1e3,
    fuel_percent         Nullable(Float64) ALIAS fuel_e3 / 1e3,
    engine_temperature_c Nullable(Float64) ALIAS temperature_e3 / 1e3,
    engine_rpm           Nullable(Float64) ALIAS rpm_e3 / 1e3,
    battery_v            Nullable(Float64) ALIAS battery_v_e3 / 1e3,
    battery_percent      Nullable(Float64) ALIAS battery_e3 / 1e3,
    power_v              Nullable(Float64) ALIAS power_v_e3 / 1e3,
    signal               Nullable(Float64) ALIAS signal_e3 / 1e3,
    trusted              Bool              ALIAS verdict IN ('ok', 'clock'),

    INDEX id_range id TYPE minmax GRANULARITY 4
)
ENGINE = {replicated}ReplacingMergeTree(version)
PARTITION BY toYYYYMMDD(time)
PRIMARY KEY (client_id, device_id, time)
ORDER BY (client_id, device_id, time, content)
TTL toDateTime(time) + toIntervalDay(retention_days) DELETE WHERE retention_days > 0
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
