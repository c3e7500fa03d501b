-- Tokens of people who made their own: each sends to one recipient only.
CREATE TABLE senders (
  recipient  TEXT    NOT NULL PRIMARY KEY,
  token      BLOB    NOT NULL UNIQUE, -- SHA-256
  created_at INTEGER NOT NULL
) WITHOUT ROWID;
