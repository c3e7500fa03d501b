-- What has to be known beyond the process that does something: so that another takes it up, and nothing is done or told twice.
ALTER TABLE updates ADD COLUMN claimed INTEGER NOT NULL DEFAULT 0; -- since when it is being worked through; 0: that was done
CREATE INDEX updates_claimed ON updates (claimed) WHERE claimed > 0;

-- Deliveries that ended without arriving, until somebody was told.
CREATE TABLE undelivered (
  seq      INTEGER PRIMARY KEY,
  delivery INTEGER NOT NULL -- deliveries.seq
);

-- What is known for a while.
CREATE TABLE notes (
  name    TEXT    PRIMARY KEY,
  value   TEXT    NOT NULL,
  ends_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX notes_ends ON notes (ends_at);
