-- Brakes: how much was counted under a key until its time; what is known is a counter of 1.
CREATE TABLE brake (k TEXT PRIMARY KEY, until INTEGER NOT NULL, n INTEGER NOT NULL) WITHOUT ROWID;
-- Segments of phones in state 2 are held: more came than anybody writes.
CREATE INDEX mo_held ON mo (id) WHERE state = 2;
