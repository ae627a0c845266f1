-- Fingerprints come in no order, so a table sorted by them costs every message a page of its own. The youngest ones lie
-- here as they came; when there are many, all of them are sorted in at once.
CREATE TABLE fingerprint_young (hash TEXT NOT NULL, id TEXT NOT NULL, until INTEGER NOT NULL);
