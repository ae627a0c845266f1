-- Parked receipts keep the part that they are about: several of one message may wait for its answer.
CREATE TABLE parked_parts (
    norm    TEXT NOT NULL,
    gateway TEXT NOT NULL,
    state   TEXT NOT NULL,
    part    TEXT NOT NULL,
    total   INTEGER,
    at      INTEGER NOT NULL,
    fault   TEXT,
    reused  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (norm, gateway, state, part)
) WITHOUT ROWID;
INSERT INTO parked_parts (norm, gateway, state, part, total, at, fault, reused)
    SELECT norm, gateway, state, '', NULL, at, fault, reused FROM parked;
DROP TABLE parked;
ALTER TABLE parked_parts RENAME TO parked;
CREATE INDEX parked_at ON parked (at);

-- How far a provider that is asked was read, in the words of its definition.
CREATE TABLE poll (
    gateway    TEXT NOT NULL,
    name       TEXT NOT NULL,
    definition TEXT NOT NULL,
    position   TEXT NOT NULL,
    PRIMARY KEY (gateway, name)
) WITHOUT ROWID;
