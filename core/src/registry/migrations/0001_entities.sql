-- Clients, what they own, and who may speak for them.
-- Tenancy is in the keys: whatever refers to something of a client refers to (id, client), so that
-- a row of one client can't point at a row of another, whatever the program does.
-- AUTOINCREMENT: an id is never used twice; histories and journals outlive the row.

CREATE TABLE client (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,
    instance   TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE vendor (
    name       TEXT    NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE client_vendor (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    client     INTEGER NOT NULL REFERENCES client (id),
    vendor     TEXT    NOT NULL REFERENCES vendor (name),
    unknown    TEXT    NOT NULL CHECK (unknown IN ('reject', 'hold', 'auto_register')),
    created_at INTEGER NOT NULL,
    UNIQUE (client, vendor),
    UNIQUE (id, client)
) STRICT;

CREATE TABLE api_key (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT    NOT NULL,
    hash         BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    client       INTEGER NOT NULL REFERENCES client (id),
    link         INTEGER,
    scopes       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER,
    FOREIGN KEY (link, client) REFERENCES client_vendor (id, client)
) STRICT;

CREATE TABLE device_type (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT    NOT NULL,
    code TEXT    NOT NULL
) STRICT;

CREATE TABLE tracker (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    client      INTEGER NOT NULL REFERENCES client (id),
    name        TEXT    NOT NULL,
    description TEXT,
    imei        TEXT,
    status      TEXT    NOT NULL,
    context     TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (client, imei),
    UNIQUE (id, client)
) STRICT;

-- UNIQUE (client, tracker) and not UNIQUE (tracker): with a foreign tracker's id the foreign key
-- must fail ("not found"), not the unique constraint, which would tell that it exists.
CREATE TABLE device (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    client      INTEGER NOT NULL REFERENCES client (id),
    link        INTEGER NOT NULL,
    tracker     INTEGER NOT NULL,
    worksite    INTEGER NOT NULL,
    team        INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    device_type INTEGER NOT NULL REFERENCES device_type (id),
    code        TEXT,
    uuid        TEXT,
    status      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (client, uuid),
    UNIQUE (client, tracker),
    FOREIGN KEY (link, client) REFERENCES client_vendor (id, client),
    FOREIGN KEY (tracker, client) REFERENCES tracker (id, client)
) STRICT;

CREATE TABLE credential (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    username      TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,
    client        INTEGER NOT NULL REFERENCES client (id),
    link          INTEGER,
    role          TEXT    NOT NULL CHECK (role IN ('tracker', 'gateway', 'app')),
    tracker       INTEGER,
    created_at    INTEGER NOT NULL,
    CHECK ((role = 'tracker') = (tracker IS NOT NULL)),
    FOREIGN KEY (link, client) REFERENCES client_vendor (id, client),
    FOREIGN KEY (tracker, client) REFERENCES tracker (id, client)
) STRICT;

-- The parts that a foreign key would otherwise search row by row.
CREATE INDEX device_by_tracker ON device (tracker);
CREATE INDEX device_by_link ON device (link);
CREATE INDEX credential_by_tracker ON credential (tracker);

-- How often each part was changed: tells a running server what another process changed.
CREATE TABLE generation (
    part  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

INSERT INTO generation (part, value) VALUES ('tenants', 0), ('fleet', 0);
