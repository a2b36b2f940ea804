-- Raw messages as they were received, and those of them that gave no position although they should have.
-- The journal offset is the identity of a message: a replay collapses.
CREATE TABLE IF NOT EXISTS {database}.raw_messages {on_cluster}
(
    client_id      UInt32                 CODEC(ZSTD(1)),
    offset         UInt64                 CODEC(Delta, ZSTD(1)),
    -- 0: resolved to no device
    device_id      UInt32                 CODEC(ZSTD(1)),
    received       DateTime64(3, 'UTC')   CODEC(Delta, ZSTD(1)),
    vendor         LowCardinality(String) CODEC(ZSTD(1)),
    channel        String                 CODEC(ZSTD(1)),
    payload        String                 CODEC(ZSTD(3)),
    retention_days UInt16 DEFAULT 0       CODEC(ZSTD(1)),
    INDEX offset_range offset TYPE minmax GRANULARITY 4
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(received)
ORDER BY (client_id, offset)
TTL toDateTime(received) + toIntervalDay(retention_days) DELETE WHERE retention_days > 0
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS {database}.dead_letters {on_cluster}
(
    client_id      UInt32                 CODEC(ZSTD(1)),
    offset         UInt64                 CODEC(Delta, ZSTD(1)),
    reason         LowCardinality(String) CODEC(ZSTD(1)),
    detail         String                 CODEC(ZSTD(1)),
    received       DateTime64(3, 'UTC')   CODEC(Delta, ZSTD(1)),
    vendor         LowCardinality(String) CODEC(ZSTD(1)),
    channel        String                 CODEC(ZSTD(1)),
    device         Nullable(String)       CODEC(ZSTD(1)),
    plugin         Nullable(String)       CODEC(ZSTD(1)),
    payload        String                 CODEC(ZSTD(3)),
    retention_days UInt16 DEFAULT 0       CODEC(ZSTD(1)),
    INDEX offset_range offset TYPE minmax GRANULARITY 4
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(received)
ORDER BY (client_id, offset, reason, detail)
TTL toDateTime(received) + toIntervalDay(retention_days) DELETE WHERE retention_days > 0
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
