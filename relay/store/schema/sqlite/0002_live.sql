-- Live messages, requests that may come twice, notifications that come from two Alertmanagers, and files.

-- rank is a delivery's place in its lane: its own number, or that of an update whose place it took.
ALTER TABLE deliveries ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET rank = seq;
DROP INDEX deliveries_lane;
CREATE INDEX deliveries_lane ON deliveries (chat_id, send_at, priority DESC, rank, state) WHERE state IN (1, 2);

ALTER TABLE deliveries ADD COLUMN live_key  TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN on_update TEXT NOT NULL DEFAULT '';
CREATE INDEX deliveries_live ON deliveries (live_key, recipient, chat_id) WHERE live_key <> '' AND state IN (0, 1);

-- What of a live message is in a chat.
CREATE TABLE live (
  recipient            TEXT    NOT NULL,
  chat_id              INTEGER NOT NULL,
  message_thread_id    INTEGER NOT NULL,
  live_key             TEXT    NOT NULL,
  telegram_message_ids TEXT    NOT NULL, -- a JSON list
  updated_at           INTEGER NOT NULL,
  PRIMARY KEY (recipient, chat_id, message_thread_id, live_key)
) WITHOUT ROWID;
CREATE INDEX live_updated ON live (updated_at);
CREATE INDEX live_chat ON live (chat_id);

-- Requests with an Idempotency-Key, and what was answered.
CREATE TABLE requests (
  owner      TEXT    NOT NULL, -- the token's name
  key        TEXT    NOT NULL,
  body       BLOB    NOT NULL, -- SHA-256
  message    BLOB    NOT NULL, -- messages.id
  deliveries TEXT    NOT NULL, -- as they were answered, JSON
  at         INTEGER NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE INDEX requests_at ON requests (at);

-- The last notification of each group of alerts: two Alertmanagers may both send it.
CREATE TABLE notifications (
  recipient         TEXT    NOT NULL,
  chat_id           INTEGER NOT NULL,
  message_thread_id INTEGER NOT NULL,
  alert_group       BLOB    NOT NULL, -- SHA-256
  alerts            BLOB    NOT NULL, -- SHA-256 of what it said
  at                INTEGER NOT NULL,
  PRIMARY KEY (recipient, chat_id, message_thread_id, alert_group)
) WITHOUT ROWID;
CREATE INDEX notifications_at ON notifications (at);

-- What callers uploaded, for as long as its message is kept.
CREATE TABLE files (
  message INTEGER NOT NULL PRIMARY KEY, -- messages.seq
  content BLOB    NOT NULL
);
CREATE TRIGGER files_go AFTER DELETE ON messages BEGIN
  DELETE FROM files WHERE message = old.seq;
END;
