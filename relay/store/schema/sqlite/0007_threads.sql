-- Conversations about groups of alerts.
CREATE TABLE threads (
  id          BLOB    NOT NULL PRIMARY KEY,
  alert_group BLOB    NOT NULL, -- SHA-256
  receiver    TEXT    NOT NULL,
  recipients  TEXT    NOT NULL, -- a JSON list
  opened_at   INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  ended_at    INTEGER NOT NULL, -- 0 while open
  state       TEXT    NOT NULL, -- JSON
  version     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX threads_group ON threads (alert_group, opened_at);
CREATE UNIQUE INDEX threads_open ON threads (alert_group) WHERE ended_at = 0;
CREATE INDEX threads_ended ON threads (ended_at) WHERE ended_at > 0;
CREATE INDEX threads_updated ON threads (updated_at) WHERE ended_at = 0;
