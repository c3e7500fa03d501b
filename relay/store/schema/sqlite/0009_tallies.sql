-- How much happened in five minutes, for charts: deliveries that were taken in, sent, failed or expired, and by how much the number that
-- waits changed.
CREATE TABLE tallies (
  at      INTEGER NOT NULL PRIMARY KEY, -- when they began
  taken   INTEGER NOT NULL,
  sent    INTEGER NOT NULL,
  failed  INTEGER NOT NULL,
  waiting INTEGER NOT NULL
) WITHOUT ROWID;
