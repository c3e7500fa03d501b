-- Several bots. Whose chat it is stands before the chat's number everywhere; empty: the first bot's, whose all was before. A delivery without a
-- chat waits for one at its bot, or at any where it names none, as its message does.
ALTER TABLE messages   ADD COLUMN bot TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN bot TEXT NOT NULL DEFAULT '';
ALTER TABLE links      ADD COLUMN bot TEXT NOT NULL DEFAULT '';
DROP INDEX deliveries_lane;
CREATE INDEX deliveries_lane ON deliveries (bot, chat_id, send_at, priority DESC, rank, state) WHERE state IN (1, 2);
DROP INDEX deliveries_scheduled;
CREATE INDEX deliveries_scheduled ON deliveries (bot, send_at) WHERE state IN (1, 2) AND send_at > 0;

CREATE TABLE bindings_of_bots (
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
INSERT INTO bindings_of_bots SELECT recipient, '', chat_id, message_thread_id, type, title, username, language_code, state, linked_at, muted_until,
  quiet_hours, digest, time_zone, locale FROM bindings;
DROP TABLE bindings;
ALTER TABLE bindings_of_bots RENAME TO bindings;
CREATE INDEX bindings_chat ON bindings (bot, chat_id, message_thread_id);
CREATE INDEX bindings_gone ON bindings (state) WHERE state <> 'active';

CREATE TABLE redemptions_of_bots (
  recipient         TEXT    NOT NULL,
  bot               TEXT    NOT NULL,
  chat_id           INTEGER NOT NULL,
  message_thread_id INTEGER NOT NULL,
  link              BLOB    NOT NULL, -- links.id
  PRIMARY KEY (recipient, bot, chat_id, message_thread_id, link)
) WITHOUT ROWID;
INSERT INTO redemptions_of_bots SELECT recipient, '', chat_id, message_thread_id, link FROM redemptions;
DROP TABLE redemptions;
ALTER TABLE redemptions_of_bots RENAME TO redemptions;
CREATE INDEX redemptions_chat ON redemptions (bot, chat_id, message_thread_id);

CREATE TABLE updates_of_bots (
  bot       TEXT    NOT NULL,
  update_id INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  PRIMARY KEY (bot, update_id)
) WITHOUT ROWID;
INSERT INTO updates_of_bots SELECT '', update_id, at FROM updates;
DROP TABLE updates;
ALTER TABLE updates_of_bots RENAME TO updates;
CREATE INDEX updates_at ON updates (at);

CREATE TABLE live_of_bots (
  recipient            TEXT    NOT NULL,
  bot                  TEXT    NOT NULL,
  chat_id              INTEGER NOT NULL,
  message_thread_id    INTEGER NOT NULL,
  live_key             TEXT    NOT NULL,
  telegram_message_ids TEXT    NOT NULL, -- a JSON list
  updated_at           INTEGER NOT NULL,
  PRIMARY KEY (recipient, bot, chat_id, message_thread_id, live_key)
) WITHOUT ROWID;
INSERT INTO live_of_bots SELECT recipient, '', chat_id, message_thread_id, live_key, telegram_message_ids, updated_at FROM live;
DROP TABLE live;
ALTER TABLE live_of_bots RENAME TO live;
CREATE INDEX live_updated ON live (updated_at);
CREATE INDEX live_chat ON live (bot, chat_id);

CREATE TABLE notifications_of_bots (
  recipient         TEXT    NOT NULL,
  bot               TEXT    NOT NULL,
  chat_id           INTEGER NOT NULL,
  message_thread_id INTEGER NOT NULL,
  alert_group       BLOB    NOT NULL, -- SHA-256
  alerts            BLOB    NOT NULL, -- SHA-256 of what it said
  at                INTEGER NOT NULL,
  PRIMARY KEY (recipient, bot, chat_id, message_thread_id, alert_group)
) WITHOUT ROWID;
INSERT INTO notifications_of_bots SELECT recipient, '', chat_id, message_thread_id, alert_group, alerts, at FROM notifications;
DROP TABLE notifications;
ALTER TABLE notifications_of_bots RENAME TO notifications;
CREATE INDEX notifications_at ON notifications (at);

CREATE TABLE topics_of_bots (
  bot               TEXT    NOT NULL,
  chat_id           INTEGER NOT NULL,
  name              TEXT    NOT NULL,
  message_thread_id INTEGER NOT NULL,
  closed            INTEGER NOT NULL,
  PRIMARY KEY (bot, chat_id, name)
) WITHOUT ROWID;
INSERT INTO topics_of_bots SELECT '', chat_id, name, message_thread_id, closed FROM topics;
DROP TABLE topics;
ALTER TABLE topics_of_bots RENAME TO topics;
