-- Dead letters can be replayed.
--
-- envelope: the journal record without the payload (sender, transport, time of receipt); with the payload it is the
-- whole message again. Empty: kept before this column was there, or no message at all.
ALTER TABLE {database}.dead_letters {on_cluster} ADD COLUMN IF NOT EXISTS envelope String CODEC(ZSTD(3));

-- Which letters were journalled again, and as what. A row comes only after the new record is on disk; a replay
-- that was interrupted in between is repeated, and its positions collapse.
CREATE TABLE IF NOT EXISTS {database}.dead_letters_replayed {on_cluster}
(
    client_id      UInt32               CODEC(ZSTD(1)),
    -- of the letter
    offset         UInt64               CODEC(Delta, ZSTD(1)),
    -- the record that it became
    replayed_as    UInt64               CODEC(Delta, ZSTD(1)),
    replayed       DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    -- of the letter: both go at the same time
    received       DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    retention_days UInt16 DEFAULT 0     CODEC(ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(replayed_as)
PARTITION BY toYYYYMMDD(received)
ORDER BY (client_id, offset)
TTL toDateTime(received) + toIntervalDay(retention_days) DELETE WHERE retention_days > 0
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
