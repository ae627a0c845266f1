-- Keys that Martlet made for itself; `hooks` proves addresses of hooks that name a message.
CREATE TABLE secret (k TEXT PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO secret (k, v) VALUES ('hooks', randomblob(32));
