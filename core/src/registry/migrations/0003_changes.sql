-- What clients change themselves: thresholds of their reports, groups of devices, who a key belongs to; and
-- the answers to creates that may be asked for again.

CREATE TABLE report_config (
    id                           INTEGER PRIMARY KEY AUTOINCREMENT,
    client                       INTEGER NOT NULL UNIQUE REFERENCES client (id),
    max_speed_kmh                INTEGER NOT NULL,
    min_stop_minutes             INTEGER NOT NULL,
    max_stop_speed_kmh           INTEGER NOT NULL,
    max_stop_distance_meters     INTEGER NOT NULL,
    min_movement_speed_kmh       INTEGER NOT NULL,
    min_movement_distance_meters INTEGER NOT NULL,
    gap_threshold_seconds        INTEGER NOT NULL
) STRICT;

CREATE TABLE device_group (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    client      INTEGER NOT NULL REFERENCES client (id),
    name        TEXT    NOT NULL,
    description TEXT,
    url         TEXT,
    created_at  INTEGER NOT NULL,
    UNIQUE (client, name),
    UNIQUE (id, client)
) STRICT;

-- Membership is no entity of its own: it ends with the group and with the device.
CREATE UNIQUE INDEX device_of_client ON device (id, client);
CREATE TABLE group_device (
    device_group INTEGER NOT NULL,
    device       INTEGER NOT NULL,
    client       INTEGER NOT NULL,
    PRIMARY KEY (device_group, device),
    FOREIGN KEY (device_group, client) REFERENCES device_group (id, client) ON DELETE CASCADE,
    FOREIGN KEY (device, client) REFERENCES device (id, client) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX group_device_by_device ON group_device (device);

ALTER TABLE api_key ADD COLUMN contact_email TEXT;
ALTER TABLE api_key ADD COLUMN contact_phone TEXT;

-- First answers to creates, by the key that the caller chose. `request` is the SHA-256 of what was asked for.
CREATE TABLE answered (
    client     INTEGER NOT NULL REFERENCES client (id),
    key        TEXT    NOT NULL,
    request    BLOB    NOT NULL CHECK (length(request) = 32),
    status     INTEGER NOT NULL,
    location   TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (client, key)
) STRICT;
CREATE INDEX answered_by_age ON answered (created_at);
CREATE INDEX answered_of_client_by_age ON answered (client, created_at);
