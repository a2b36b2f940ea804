-- Positions can be taken back: their last row says so, and wins by its revision.
ALTER TABLE {database}.positions {on_cluster} MODIFY COLUMN verdict Enum8('ok' = 0, 'late' = 1, 'duplicate' = 2, 'future' = 3, 'invalid' = 4, 'null_island' = 5, 'jump' = 6, 'clock' = 7, 'deleted' = 8);
