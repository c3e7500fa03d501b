PRAGMA user_version = 12;
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
, bot TEXT NOT NULL DEFAULT '');
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
, rank INTEGER NOT NULL DEFAULT 0, live_key  TEXT NOT NULL DEFAULT '', on_update TEXT NOT NULL DEFAULT '', bot TEXT NOT NULL DEFAULT '');
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
, quiet_hours TEXT NOT NULL DEFAULT '', version INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
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
, welcome TEXT NOT NULL DEFAULT '', bot TEXT NOT NULL DEFAULT '');
CREATE INDEX links_recipient ON links (recipient);
CREATE TABLE settings (
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE numbers (
  name  TEXT    NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX deliveries_live ON deliveries (live_key, recipient, chat_id) WHERE live_key <> '' AND state IN (0, 1);
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
CREATE TABLE files (
  message INTEGER NOT NULL PRIMARY KEY, -- messages.seq
  content BLOB    NOT NULL
);
CREATE TRIGGER files_go AFTER DELETE ON messages BEGIN
  DELETE FROM files WHERE message = old.seq;
END;
CREATE INDEX deliveries_kept ON deliveries (not_before) WHERE state = 0 AND chat_id <> 0 AND not_before > 0;
CREATE INDEX deliveries_kept_chat ON deliveries (chat_id) WHERE state = 0 AND chat_id <> 0;
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
CREATE TABLE senders (
  recipient  TEXT    NOT NULL PRIMARY KEY,
  token      BLOB    NOT NULL UNIQUE, -- SHA-256
  created_at INTEGER NOT NULL
) WITHOUT ROWID;
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
CREATE TABLE tallies (
  at      INTEGER NOT NULL PRIMARY KEY, -- when they began
  taken   INTEGER NOT NULL,
  sent    INTEGER NOT NULL,
  failed  INTEGER NOT NULL,
  waiting INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX deliveries_lane ON deliveries (bot, chat_id, send_at, priority DESC, rank, state) WHERE state IN (1, 2);
CREATE INDEX deliveries_scheduled ON deliveries (bot, send_at) WHERE state IN (1, 2) AND send_at > 0;
CREATE TABLE "bindings" (
  recipient         TEXT    NOT NULL,
  bot               TEXT    NOT NULL,
  chat_id           INTEGER NOT NULL,
  message_thread_id INTEGER NOT NULL,
  type              TEXT    NOT NULL,
  title             TEXT    NOT NULL,
  username          TEXT    NOT NULL,
  language_code     TEXT    NOT NULL,
  state             TEXT    NOT NULL, -- of the bot's chat, the same in all its bindings
  linked_at         INTEGER NOT NULL,
  muted_until       INTEGER NOT NULL,
  quiet_hours       TEXT    NOT NULL,
  digest            TEXT    NOT NULL,
  time_zone         TEXT    NOT NULL,
  locale            TEXT    NOT NULL,
  PRIMARY KEY (recipient, bot, chat_id, message_thread_id)
) WITHOUT ROWID;
CREATE INDEX bindings_chat ON bindings (bot, chat_id, message_thread_id);
CREATE INDEX bindings_gone ON bindings (state) WHERE state <> 'active';
CREATE TABLE "redemptions" (
  recipient         TEXT    NOT NULL,
  bot               TEXT    NOT NULL,
  chat_id           INTEGER NOT NULL,
  message_thread_id INTEGER NOT NULL,
  link              BLOB    NOT NULL, -- links.id
  PRIMARY KEY (recipient, bot, chat_id, message_thread_id, link)
) WITHOUT ROWID;
CREATE INDEX redemptions_chat ON redemptions (bot, chat_id, message_thread_id);
CREATE TABLE "updates" (
  bot       TEXT    NOT NULL,
  update_id INTEGER NOT NULL,
  at        INTEGER NOT NULL, claimed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (bot, update_id)
) WITHOUT ROWID;
CREATE INDEX updates_at ON updates (at);
CREATE TABLE "live" (
  recipient            TEXT    NOT NULL,
  bot                  TEXT    NOT NULL,
  chat_id              INTEGER NOT NULL,
  message_thread_id    INTEGER NOT NULL,
  live_key             TEXT    NOT NULL,
  telegram_message_ids TEXT    NOT NULL, -- a JSON list
  updated_at           INTEGER NOT NULL,
  PRIMARY KEY (recipient, bot, chat_id, message_thread_id, live_key)
) WITHOUT ROWID;
CREATE INDEX live_updated ON live (updated_at);
CREATE INDEX live_chat ON live (bot, chat_id);
CREATE TABLE "notifications" (
  recipient         TEXT    NOT NULL,
  bot               TEXT    NOT NULL,
  chat_id           INTEGER NOT NULL,
  message_thread_id INTEGER NOT NULL,
  alert_group       BLOB    NOT NULL, -- SHA-256
  alerts            BLOB    NOT NULL, -- SHA-256 of what it said
  at                INTEGER NOT NULL,
  PRIMARY KEY (recipient, bot, chat_id, message_thread_id, alert_group)
) WITHOUT ROWID;
CREATE INDEX notifications_at ON notifications (at);
CREATE TABLE "topics" (
  bot               TEXT    NOT NULL,
  chat_id           INTEGER NOT NULL,
  name              TEXT    NOT NULL,
  message_thread_id INTEGER NOT NULL,
  closed            INTEGER NOT NULL,
  PRIMARY KEY (bot, chat_id, name)
) WITHOUT ROWID;
CREATE INDEX updates_claimed ON updates (claimed) WHERE claimed > 0;
CREATE TABLE undelivered (
  seq      INTEGER PRIMARY KEY,
  delivery INTEGER NOT NULL -- deliveries.seq
);
CREATE TABLE notes (
  name    TEXT    PRIMARY KEY,
  value   TEXT    NOT NULL,
  ends_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX notes_ends ON notes (ends_at);
INSERT INTO messages VALUES (1, X'0190000000007000800000000000000A', 1772366400000, 'alertmanager', 'token', 0, 0, 1772452800000, 1, 1, '{"text":{"text":"was sent"}}', '');
INSERT INTO messages VALUES (2, X'0190000000007000800000000000000C', 1772366400000, 'alertmanager', 'token', 0, 0, 1772452800000, 2, 1, '{"text":{"text":"in parts"}}', '');
INSERT INTO messages VALUES (3, X'0190000000007000800000000000000E', 1772366400000, 'alertmanager', 'token', 0, 0, 1772452800000, 3, 1, '{"text":{"text":"failed"}}', '');
INSERT INTO messages VALUES (4, X'01900000000070008000000000000010', 1772366400000, 'alertmanager', 'token', 0, 1772370000000, 1772452800000, 4, 1, '{"text":{"text":"later"}}', '');
INSERT INTO messages VALUES (5, X'01900000000070008000000000000012', 1772366400000, 'alertmanager', 'token', 1, 0, 1772452800000, 5, 1, '{"text":{"text":"urgent"}}', '');
INSERT INTO messages VALUES (6, X'01900000000070008000000000000014', 1772366400000, 'alertmanager', 'token', 0, 0, 1772452800000, 6, 2, '{"text":{"text":"for two"}}', '');
INSERT INTO messages VALUES (7, X'01900000000070008000000000000017', 1772366400000, 'alertmanager', 'token', 0, 0, 1772452800000, 8, 1, '{"text":{"text":"held"}}', '');
INSERT INTO messages VALUES (8, X'0190000000007000800000000000001E', 1772366400000, 'alertmanager', 'token', 0, 0, 1772452800000, 9, 1, '{"text":{"text":"deploying"}}', '');
INSERT INTO messages VALUES (9, X'01900000000070008000000000000020', 1772366400000, 'alertmanager', 'token', 0, 0, 1772452800000, 10, 1, '{"text":{"text":"deployed"}}', '');
INSERT INTO messages VALUES (10, X'01900000000070008000000000000022', 1772366400000, 'alertmanager', 'token', 0, 0, 1772452800000, 11, 1, '{"text":{"text":"once"},"media":{"kind":"document","name":"report.txt"}}', '');
INSERT INTO messages VALUES (11, X'01900000000070008000000000000024', 1772366400000, 'alertmanager', 'token', 0, 0, 1772452800000, 12, 1, '{"text":{"text":"alert"}}', '');
INSERT INTO messages VALUES (12, X'01900000000070008000000000000028', 1772366400000, 'alertmanager', 'token', 0, 0, 1772452800000, 13, 1, '{"text":{"text":"for the morning"}}', '');
INSERT INTO messages VALUES (13, X'0190000000007000800000000000003D', 1772366400000, 'alertmanager', 'token', 0, 0, 1772452800000, 14, 1, '{"text":{"text":"it fires"}}', '');
INSERT INTO messages VALUES (14, X'01900000000070008000000000000046', 1772366400000, 'alertmanager', 'token', 0, 0, 1772452800000, 15, 1, '{"text":{"text":"by another bot"}}', '');
INSERT INTO messages VALUES (15, X'01900000000070008000000000000048', 1772366400000, 'alertmanager', 'token', 0, 0, 1772452800000, 16, 1, '{"text":{"text":"held for a bot"}}', 'second');
INSERT INTO messages VALUES (16, X'01900000000070008000000000000050', 1772366400000, 'alertmanager', 'token', 0, 0, 1772452800000, 17, 1, '{"text":{"text":"never arrived"}}', '');
INSERT INTO deliveries VALUES (1, X'0190000000007000800000000000000B', 1, 'alice', 1001, 0, 'alertmanager', 3, 0, 1, '', '', '[11]', 1772366400000, 0, 0, 1772452800000, 1772366400000, 1772366400000, 1, '', '', '');
INSERT INTO deliveries VALUES (2, X'0190000000007000800000000000000D', 2, 'alice', 1001, 0, 'alertmanager', 1, 0, 1, '', '', '[12]', 1772366400000, 0, 0, 1772452800000, 0, 0, 2, '', '', '');
INSERT INTO deliveries VALUES (3, X'0190000000007000800000000000000F', 3, 'dave', 1004, 0, 'alertmanager', 4, 0, 3, 'blocked', 'Forbidden: bot was blocked by the user', '[]', 1772366400000, 0, 0, 1772452800000, 0, 1772366400000, 3, '', '', '');
INSERT INTO deliveries VALUES (4, X'01900000000070008000000000000011', 4, 'alice', 1001, 0, 'alertmanager', 1, 0, 0, '', '', '[]', 1772366400000, 1772370000000, 0, 1772452800000, 0, 0, 4, '', '', '');
INSERT INTO deliveries VALUES (5, X'01900000000070008000000000000013', 5, 'alice', 1001, 0, 'alertmanager', 2, 1, 0, '', '', '[]', 1772366400000, 0, 0, 1772452800000, 0, 0, 5, '', '', '');
INSERT INTO deliveries VALUES (6, X'01900000000070008000000000000015', 6, 'alice', 1001, 0, 'alertmanager', 1, 0, 0, '', '', '[]', 1772366400000, 0, 0, 1772452800000, 0, 0, 6, '', '', '');
INSERT INTO deliveries VALUES (7, X'01900000000070008000000000000016', 6, 'ops', -2001, 5, 'alertmanager', 1, 0, 0, '', '', '[]', 1772366400000, 0, 0, 1772452800000, 0, 0, 7, '', '', '');
INSERT INTO deliveries VALUES (8, X'01900000000070008000000000000018', 7, 'carol', 0, 0, 'alertmanager', 0, 0, 0, '', '', '[]', 1772366400000, 0, 0, 1772452800000, 0, 0, 8, '', '', '');
INSERT INTO deliveries VALUES (9, X'0190000000007000800000000000001F', 8, 'bob', 1002, 0, 'alertmanager', 3, 0, 1, '', '', '[31]', 1772366400000, 0, 0, 1772452800000, 1772366400000, 1772366400000, 9, 'deploy', 'edit', '');
INSERT INTO deliveries VALUES (10, X'01900000000070008000000000000021', 9, 'bob', 1002, 0, 'alertmanager', 1, 0, 0, '', '', '[]', 1772366400000, 0, 0, 1772452800000, 0, 0, 10, 'deploy', 'edit', '');
INSERT INTO deliveries VALUES (11, X'01900000000070008000000000000023', 10, 'bob', 1002, 0, 'alertmanager', 1, 0, 0, '', '', '[]', 1772366400000, 0, 0, 1772452800000, 0, 0, 11, '', '', '');
INSERT INTO deliveries VALUES (12, X'01900000000070008000000000000025', 11, 'bob', 1002, 0, 'alertmanager', 1, 0, 0, '', '', '[]', 1772366400000, 0, 0, 1772452800000, 0, 0, 12, '', '', '');
INSERT INTO deliveries VALUES (13, X'01900000000070008000000000000029', 12, 'erin', 1005, 0, 'alertmanager', 0, 0, 0, '', '', '[]', 1772366400000, 0, 1772395200000, 1772452800000, 0, 0, 13, '', '', '');
INSERT INTO deliveries VALUES (14, X'0190000000007000800000000000003E', 13, 'bob', 1002, 0, 'alertmanager', 1, 0, 0, '', '', '[]', 1772366400000, 0, 0, 1772452800000, 0, 0, 14, '', '', '');
INSERT INTO deliveries VALUES (15, X'01900000000070008000000000000047', 14, 'judy', 1001, 0, 'alertmanager', 1, 0, 0, '', '', '[]', 1772366400000, 0, 0, 1772452800000, 0, 0, 15, '', '', 'second');
INSERT INTO deliveries VALUES (16, X'01900000000070008000000000000049', 15, 'ivan', 0, 0, 'alertmanager', 0, 0, 0, '', '', '[]', 1772366400000, 0, 0, 1772452800000, 0, 0, 16, '', '', 'second');
INSERT INTO deliveries VALUES (17, X'01900000000070008000000000000051', 16, 'bob', 1002, 0, 'alertmanager', 4, 0, 1, 'bad_request', 'Bad Request: chat not found', '[]', 1772366400000, 0, 0, 1772452800000, 0, 1772366400000, 17, '', '', '');
INSERT INTO recipients VALUES ('alice', 1772366460000, 0, '', '', '', '', 0);
INSERT INTO recipients VALUES ('bob', 1772366400000, 0, '', '', '', '', 0);
INSERT INTO recipients VALUES ('dave', 1772366400000, 0, '', '', '', '', 0);
INSERT INTO recipients VALUES ('erin', 1772366400000, 0, '', '', '', '', 0);
INSERT INTO recipients VALUES ('frank', 1772366400000, 1, '', '', '', '', 0);
INSERT INTO recipients VALUES ('heidi', 1772366400000, 0, '', '', '', '', 0);
INSERT INTO recipients VALUES ('judy', 1772366400000, 0, '', '', '', '', 0);
INSERT INTO recipients VALUES ('ops', 1772366460000, 0, '', '', '', '', 0);
INSERT INTO links VALUES (1, X'019000000000700080000000000000C8', X'012A000000000000000000000000000000000000000000000000000000000000', 'alice', 'private', 1, 1, 1772366400000, 1772452800000, 0, '', '');
INSERT INTO links VALUES (2, X'019000000000700080000000000000C9', X'022A000000000000000000000000000000000000000000000000000000000000', 'carol', 'private', 0, 1, 1772366400000, 1772452800000, 0, '', '');
INSERT INTO links VALUES (3, X'019000000000700080000000000000CA', X'032A000000000000000000000000000000000000000000000000000000000000', 'ops', 'group', 1, 1, 1772366400000, 1772452800000, 0, '', '');
INSERT INTO links VALUES (4, X'019000000000700080000000000000CB', X'042A000000000000000000000000000000000000000000000000000000000000', 'mallory', 'private', 0, 1, 1772366400000, 1772452800000, 1772366400000, '', '');
INSERT INTO links VALUES (5, X'019000000000700080000000000000CC', X'062A000000000000000000000000000000000000000000000000000000000000', 'grace', 'private', 0, 1, 1772366400000, 1772452800000, 0, '{"template":"hello","data":{"plan":"gold"}}', '');
INSERT INTO links VALUES (6, X'019000000000700080000000000000CD', X'072A000000000000000000000000000000000000000000000000000000000000', 'ivan', 'private', 0, 1, 1772366400000, 1772452800000, 0, '', 'second');
INSERT INTO settings VALUES ('bot_username', 'relay_bot');
INSERT INTO numbers VALUES ('checked_at', 1795702636816);
INSERT INTO numbers VALUES ('deliveries.failed', 2);
INSERT INTO numbers VALUES ('deliveries.held', 3);
INSERT INTO numbers VALUES ('deliveries.queued', 9);
INSERT INTO numbers VALUES ('deliveries.sending', 1);
INSERT INTO numbers VALUES ('deliveries.sent', 2);
INSERT INTO numbers VALUES ('offset', 78);
INSERT INTO numbers VALUES ('offset.second', 99);
INSERT INTO requests VALUES ('token', 'k1', X'0700000000000000000000000000000000000000000000000000000000000000', X'01900000000070008000000000000022', '[{"id":"01900000-0000-7000-8000-000000000023","message_id":"01900000-0000-7000-8000-000000000022","recipient":"bob","chat_id":1002,"receiver":"alertmanager","state":"queued","priority":"normal","attempts":0,"telegram_message_ids":[],"created_at":"2026-03-01T12:00:00Z","expires_at":"2026-03-02T12:00:00Z"}]', 1772366400000);
INSERT INTO files VALUES (10, X'616C6C2069732077656C6C');
INSERT INTO events VALUES (1, X'01900000000070008000000000000032', 'recipient.linked', 'bob', 1772366400000, '{"recipient":"bob"}', 0, 0);
INSERT INTO senders VALUES ('tg-1007', X'322A000000000000000000000000000000000000000000000000000000000000', 1772366400000);
INSERT INTO threads VALUES (X'0190000000007000800000000000003C', X'0900000000000000000000000000000000000000000000000000000000000000', 'alertmanager', '["bob","ops"]', 1772366400000, 1772366400000, 0, '{"firing":1}', 1);
INSERT INTO tallies VALUES (1795702500000, 17, 2, 2, 13);
INSERT INTO bindings VALUES ('alice', '', 1001, 0, 'private', 'Alice', 'alice', 'en', 'active', 1772366460000, 0, '', '', '', '');
INSERT INTO bindings VALUES ('bob', '', 1002, 0, 'private', 'Bob', '', '', 'active', 1772366400000, 0, '', '', '', '');
INSERT INTO bindings VALUES ('dave', '', 1004, 0, 'private', 'Dave', '', '', 'blocked', 1772366400000, 0, '', '', '', '');
INSERT INTO bindings VALUES ('erin', '', 1005, 0, 'private', 'Erin', '', '', 'active', 1772366400000, 0, '22:00-07:00', '08:00', 'Europe/Vienna', '');
INSERT INTO bindings VALUES ('frank', '', 1006, 0, 'private', 'Frank', '', '', 'active', 1772366400000, 0, '', '', '', '');
INSERT INTO bindings VALUES ('heidi', '', 1008, 0, 'private', 'Heidi', '', '', 'active', 1772366400000, 0, '', '', '', '');
INSERT INTO bindings VALUES ('judy', 'second', 1001, 0, 'private', 'Judy', '', '', 'active', 1772366400000, 0, '', '', '', '');
INSERT INTO bindings VALUES ('ops', '', -2001, 5, 'supergroup', 'Ops', '', '', 'active', 1772366460000, 1772373600000, '', '', '', '');
INSERT INTO redemptions VALUES ('ops', '', -2001, 5, X'019000000000700080000000000000CA');
INSERT INTO redemptions VALUES ('alice', '', 1001, 0, X'019000000000700080000000000000C8');
INSERT INTO updates VALUES ('', 77, 1772366400000, 0);
INSERT INTO updates VALUES ('', 80, 1772366400000, 1772366400000);
INSERT INTO updates VALUES ('second', 77, 1772366400000, 0);
INSERT INTO live VALUES ('bob', '', 1002, 0, 'deploy', '[31]', 1772366400000);
INSERT INTO notifications VALUES ('bob', '', 1002, 0, X'0100000000000000000000000000000000000000000000000000000000000000', X'0200000000000000000000000000000000000000000000000000000000000000', 1772366400000);
INSERT INTO topics VALUES ('', -2001, 'Databases', 9, 0);
INSERT INTO topics VALUES ('second', -2001, 'Databases', 11, 0);
INSERT INTO undelivered VALUES (1, 3);
INSERT INTO undelivered VALUES (2, 17);
INSERT INTO notes VALUES ('added  -2001', '1001', 1772370000000);
