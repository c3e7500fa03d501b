-- What an application is still to hear of, until it took it.
CREATE TABLE events (
  seq        INTEGER PRIMARY KEY,
  id         BLOB    NOT NULL UNIQUE,
  type       TEXT    NOT NULL,
  recipient  TEXT    NOT NULL,
  at         INTEGER NOT NULL,
  data       TEXT    NOT NULL, -- JSON
  attempts   INTEGER NOT NULL,
  not_before INTEGER NOT NULL
);
CREATE INDEX events_recipient ON events (recipient, seq);
