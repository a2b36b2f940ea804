-- Raw messages can be decoded again.
--
-- envelope: the journal record without the payload (sender, transport, device of the topic, time of receipt); with the
-- payload it is the whole message again. Empty: kept before this column was there.
ALTER TABLE {database}.raw_messages {on_cluster} ADD COLUMN IF NOT EXISTS envelope String CODEC(ZSTD(3));
