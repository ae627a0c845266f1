-- Martlet's store, first layout. Ids are the 32 hexadecimal digits of a MessageId, times milliseconds since 1970.
-- `row` is the JSON of row.rs; the columns beside it are copies for the indexes and are written with it.

CREATE TABLE meta (k TEXT PRIMARY KEY, v INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta (k, v) VALUES ('epoch', 0);

-- Open items only. `lane` is set where a sweeper or a lane looks for work: a key while waiting, '!epoch' while trying,
-- '?' while an answered item waits for its settlement. `ord` is the rank of a ready item, the due time of others.
CREATE TABLE queue (
    id       TEXT PRIMARY KEY,
    lane     TEXT,
    stage    INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    ord      INTEGER NOT NULL,
    wake     INTEGER,
    expires  INTEGER NOT NULL,
    warn_at  INTEGER,
    about    TEXT,
    row      BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX queue_lane ON queue (lane, stage, priority, ord) WHERE lane IS NOT NULL;
CREATE INDEX queue_wake ON queue (wake) WHERE wake IS NOT NULL;
CREATE INDEX queue_about ON queue (about) WHERE about IS NOT NULL;

CREATE TABLE closed (
    id    TEXT PRIMARY KEY,
    at    INTEGER NOT NULL,
    texts INTEGER,           -- 1 while its body is kept
    row   BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX closed_at ON closed (texts, at);

CREATE TABLE body (id TEXT PRIMARY KEY, payload BLOB NOT NULL);
CREATE TABLE frozen (id TEXT PRIMARY KEY, segments TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE event (
    id      TEXT NOT NULL,
    k       INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    what    TEXT NOT NULL,
    gateway TEXT,
    segment INTEGER,
    cause   TEXT,
    PRIMARY KEY (id, k)
) WITHOUT ROWID;

CREATE TABLE original (id TEXT PRIMARY KEY, at INTEGER NOT NULL, headers BLOB NOT NULL, body BLOB);
CREATE INDEX original_at ON original (at);
CREATE TABLE dead (
    id    TEXT PRIMARY KEY,
    at    INTEGER NOT NULL,
    kind  TEXT NOT NULL,
    about TEXT,
    cause TEXT NOT NULL,
    data  BLOB NOT NULL
);
CREATE INDEX dead_at ON dead (at);
CREATE TABLE mailid (message_id TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE usage (pool TEXT NOT NULL, month INTEGER NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (pool, month)) WITHOUT ROWID;
CREATE TABLE fingerprint (hash TEXT PRIMARY KEY, id TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
-- Virtual times of fair queueing; flow '' is the lane's own.
CREATE TABLE fair (
    lane     TEXT NOT NULL,
    priority INTEGER NOT NULL,
    flow     TEXT NOT NULL,
    finish   INTEGER NOT NULL,
    PRIMARY KEY (lane, priority, flow)
) WITHOUT ROWID;
CREATE TABLE tally (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;

-- The network's ids of what was sent, and receipts that came before their id was known.
CREATE TABLE ref (
    gateway TEXT NOT NULL,
    norm    TEXT NOT NULL,
    item    TEXT NOT NULL,
    segment INTEGER NOT NULL,
    PRIMARY KEY (gateway, norm)
) WITHOUT ROWID;
CREATE TABLE parked (
    norm    TEXT NOT NULL,
    gateway TEXT NOT NULL,
    state   TEXT NOT NULL,
    at      INTEGER NOT NULL,
    fault   TEXT,
    PRIMARY KEY (norm, gateway, state)
) WITHOUT ROWID;
CREATE INDEX parked_at ON parked (at);

-- Who wrote to which phone: one row for each message, so that a failure takes back its own renewal and no other.
CREATE TABLE link (
    phone   TEXT NOT NULL,
    gateway TEXT NOT NULL,
    number  TEXT NOT NULL,
    mailbox TEXT NOT NULL COLLATE NOCASE,
    message TEXT NOT NULL,
    renewed INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (phone, message, gateway, number, mailbox)
) WITHOUT ROWID;

-- Segments from phones that something must still be made of: state 0 new, 1 waiting for a conflict's answer.
CREATE TABLE mo (id TEXT PRIMARY KEY, state INTEGER NOT NULL, row BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX mo_new ON mo (id) WHERE state = 0;
CREATE TABLE seen (k TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE conflict (
    id      TEXT PRIMARY KEY,
    phone   TEXT NOT NULL,
    gateway TEXT NOT NULL,
    open    INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    asked   INTEGER NOT NULL,
    row     TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX conflict_phone ON conflict (phone);
CREATE INDEX conflict_until ON conflict (until) WHERE open = 1;
