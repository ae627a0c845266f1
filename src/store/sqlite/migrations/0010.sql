-- Phones that want no more texts from a number of ours (`n:` and its digits), or from a gateway without one (`g:` and
-- its id): since when, and by what they said so (stop, provider, hand).
CREATE TABLE optout (
    phone TEXT NOT NULL,
    ours  TEXT NOT NULL,
    since INTEGER NOT NULL,
    how   TEXT NOT NULL,
    PRIMARY KEY (phone, ours)
) WITHOUT ROWID;
