-- Times are Unix milliseconds, 0 for none. Empty text stands for absent. States of deliveries:
-- 0 held, 1 queued, 2 sending, 3 sent, 4 failed, 5 expired, 6 discarded, 7 superseded.

CREATE TABLE messages (
  seq            INTEGER PRIMARY KEY,
  id             BLOB    NOT NULL UNIQUE,
  created_at     INTEGER NOT NULL,
  receiver       TEXT    NOT NULL,
  owner          TEXT    NOT NULL,
  priority       INTEGER NOT NULL,
  send_at        INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL,
  first_delivery INTEGER NOT NULL, -- a message's deliveries have consecutive numbers: no index is needed to find them
  deliveries     INTEGER NOT NULL,
  content        TEXT    NOT NULL  -- JSON
);
-- Messages without deliveries: retention finds all others by their deliveries.
CREATE INDEX messages_bare ON messages (created_at) WHERE deliveries = 0;

CREATE TABLE deliveries (
  seq                  INTEGER PRIMARY KEY, -- the order of arrival
  id                   BLOB    NOT NULL UNIQUE,
  message              INTEGER NOT NULL,    -- messages.seq
  recipient            TEXT    NOT NULL,
  chat_id              INTEGER NOT NULL,
  message_thread_id    INTEGER NOT NULL,
  receiver             TEXT    NOT NULL,
  state                INTEGER NOT NULL,
  priority             INTEGER NOT NULL,
  attempts             INTEGER NOT NULL,
  reason               TEXT    NOT NULL,
  last_error           TEXT    NOT NULL,
  telegram_message_ids TEXT    NOT NULL,    -- a JSON list
  created_at           INTEGER NOT NULL,
  send_at              INTEGER NOT NULL,
  not_before           INTEGER NOT NULL,
  expires_at           INTEGER NOT NULL,
  sent_at              INTEGER NOT NULL,
  finished_at          INTEGER NOT NULL     -- when it came into a state in which it does not wait
);
-- Each index costs on the way in, so most hold only the rows that they are for. Every one ends in seq, the row's number.
CREATE INDEX deliveries_lane      ON deliveries (chat_id, send_at, priority DESC, seq, state) WHERE state IN (1, 2);
CREATE INDEX deliveries_scheduled ON deliveries (send_at) WHERE state IN (1, 2) AND send_at > 0;
CREATE INDEX deliveries_held      ON deliveries (recipient) WHERE state = 0;
CREATE INDEX deliveries_recipient ON deliveries (recipient) WHERE recipient <> '';
CREATE INDEX deliveries_state     ON deliveries (state) WHERE state <> 3;
CREATE INDEX deliveries_expiry    ON deliveries (expires_at) WHERE state IN (0, 1) AND expires_at > 0;
CREATE INDEX deliveries_finished  ON deliveries (finished_at) WHERE finished_at > 0;

CREATE TABLE recipients (
  id         TEXT    NOT NULL PRIMARY KEY,
  created_at INTEGER NOT NULL,
  paused     INTEGER NOT NULL DEFAULT 0,
  locale     TEXT    NOT NULL DEFAULT '',
  time_zone  TEXT    NOT NULL DEFAULT '',
  note       TEXT    NOT NULL DEFAULT ''
) WITHOUT ROWID;

CREATE TABLE bindings (
  recipient         TEXT    NOT NULL,
  chat_id           INTEGER NOT NULL,
  message_thread_id INTEGER NOT NULL,
  type              TEXT    NOT NULL,
  title             TEXT    NOT NULL,
  username          TEXT    NOT NULL,
  language_code     TEXT    NOT NULL,
  state             TEXT    NOT NULL, -- of the chat, the same in all its bindings
  linked_at         INTEGER NOT NULL,
  muted_until       INTEGER NOT NULL,
  PRIMARY KEY (recipient, chat_id, message_thread_id)
) WITHOUT ROWID;
CREATE INDEX bindings_chat ON bindings (chat_id, message_thread_id);
CREATE INDEX bindings_gone ON bindings (state) WHERE state <> 'active';

CREATE TABLE links (
  seq        INTEGER PRIMARY KEY,
  id         BLOB    NOT NULL UNIQUE,
  token      BLOB    NOT NULL UNIQUE, -- SHA-256
  recipient  TEXT    NOT NULL,
  target     TEXT    NOT NULL,
  uses       INTEGER NOT NULL,
  max_uses   INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER NOT NULL
);
CREATE INDEX links_recipient ON links (recipient);

-- Which link made which binding, for as long as the binding stands.
CREATE TABLE redemptions (
  recipient         TEXT    NOT NULL,
  chat_id           INTEGER NOT NULL,
  message_thread_id INTEGER NOT NULL,
  link              BLOB    NOT NULL, -- links.id
  PRIMARY KEY (recipient, chat_id, message_thread_id, link)
) WITHOUT ROWID;
CREATE INDEX redemptions_chat ON redemptions (chat_id, message_thread_id);

-- Telegram's updates that were worked through.
CREATE TABLE updates (
  update_id INTEGER PRIMARY KEY,
  at        INTEGER NOT NULL
);
CREATE INDEX updates_at ON updates (at);

CREATE TABLE settings (
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- The storage's own numbers: how many deliveries are in each state, getUpdates' offset, the last check.
CREATE TABLE numbers (
  name  TEXT    NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
