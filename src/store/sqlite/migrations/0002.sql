-- What is remembered of gateways: segments begun on each calendar day (of `zone`, as 20261125), and which ones a
-- person has paused.
CREATE TABLE gateway_day (
    gateway  TEXT NOT NULL,
    day      INTEGER NOT NULL,
    segments INTEGER NOT NULL,
    PRIMARY KEY (gateway, day)
) WITHOUT ROWID;
CREATE TABLE gateway_pause (gateway TEXT PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID;
