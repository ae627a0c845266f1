-- Pictures and the like that came with segments from phones; a segment waits for them in state 3. `wake` is when a piece
-- is to be fetched, NULL when it is here (`data`), or will not come (`why`).
ALTER TABLE mo ADD COLUMN media INTEGER NOT NULL DEFAULT 0;
CREATE TABLE media (
    mo      TEXT NOT NULL,
    n       INTEGER NOT NULL,
    gateway TEXT NOT NULL,
    since   INTEGER NOT NULL,
    wake    INTEGER,
    tries   INTEGER NOT NULL DEFAULT 0,
    kind    TEXT,
    name    TEXT,
    place   TEXT,            -- JSON of Elsewhere
    why     TEXT,
    data    BLOB,
    PRIMARY KEY (mo, n)
);
CREATE INDEX media_wake ON media (wake) WHERE wake IS NOT NULL;
