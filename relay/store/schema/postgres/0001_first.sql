-- Times are Unix milliseconds, 0 for none. Empty text stands for absent, and sorts by its bytes wherever order matters. JSON is text: it is
-- read by tgrelay alone. States of deliveries:
-- 0 held, 1 queued, 2 sending, 3 sent, 4 failed, 5 expired, 6 discarded, 7 superseded.

CREATE TABLE tgrelay_schema (version integer PRIMARY KEY);

-- Who writes: each opened storage has a row, which each of its transactions changes. Whether the last of them was kept can be seen in it.
CREATE TABLE writers (
  id      bytea  PRIMARY KEY,
  batch   bigint NOT NULL,
  seen_at bigint NOT NULL
) WITH (fillfactor = 50);

-- Leases: who sends to which chats and has which duties (lane.0 and so on), and who lives (replica.ID). Each new holder gets another, greater
-- fence, so that one that was frozen can tell that it lost its lease.
CREATE TABLE leases (
  name    text   COLLATE "C" PRIMARY KEY,
  holder  bytea  NOT NULL, -- writers.id; empty: nobody
  fence   bigint NOT NULL,
  ends_at bigint NOT NULL  -- by the server's clock
) WITH (fillfactor = 50);

CREATE TABLE messages (
  seq            bigint  PRIMARY KEY,
  id             bytea   NOT NULL UNIQUE,
  created_at     bigint  NOT NULL,
  receiver       text    NOT NULL,
  owner          text    NOT NULL,
  priority       integer NOT NULL,
  send_at        bigint  NOT NULL,
  expires_at     bigint  NOT NULL,
  first_delivery bigint  NOT NULL, -- a message's deliveries have consecutive numbers: no index is needed to find them
  deliveries     integer NOT NULL,
  content        text    NOT NULL  -- JSON
);
-- Messages without deliveries: retention finds all others by their deliveries.
CREATE INDEX messages_bare ON messages (created_at) WHERE deliveries = 0;

CREATE TABLE deliveries (
  seq                  bigint  PRIMARY KEY, -- the order of arrival
  id                   bytea   NOT NULL UNIQUE,
  message              bigint  NOT NULL,    -- messages.seq
  recipient            text    COLLATE "C" NOT NULL,
  chat_id              bigint  NOT NULL,
  message_thread_id    bigint  NOT NULL,
  receiver             text    NOT NULL,
  state                integer NOT NULL,
  priority             integer NOT NULL,
  attempts             integer NOT NULL,
  reason               text    NOT NULL,
  last_error           text    NOT NULL,
  telegram_message_ids text    NOT NULL,    -- a JSON list
  created_at           bigint  NOT NULL,
  send_at              bigint  NOT NULL,
  not_before           bigint  NOT NULL,
  expires_at           bigint  NOT NULL,
  sent_at              bigint  NOT NULL,
  finished_at          bigint  NOT NULL,    -- when it came into a state in which it does not wait
  rank                 bigint  NOT NULL,    -- its place in its lane: its own number, or that of an update whose place it took
  live_key             text    COLLATE "C" NOT NULL,
  on_update            text    NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02); -- each row changes twice, and what waits is found among the dead
-- Each index costs on the way in, so most hold only the rows that they are for.
CREATE INDEX deliveries_lane      ON deliveries (chat_id, send_at, priority DESC, rank) WHERE state IN (1, 2);
CREATE INDEX deliveries_scheduled ON deliveries (send_at) WHERE state IN (1, 2) AND send_at > 0;
CREATE INDEX deliveries_held      ON deliveries (recipient) WHERE state = 0;
CREATE INDEX deliveries_recipient ON deliveries (recipient, seq) WHERE recipient <> '';
CREATE INDEX deliveries_state     ON deliveries (state, seq) WHERE state <> 3;
CREATE INDEX deliveries_expiry    ON deliveries (expires_at) WHERE state IN (0, 1) AND expires_at > 0;
CREATE INDEX deliveries_finished  ON deliveries (finished_at) WHERE finished_at > 0;
CREATE INDEX deliveries_live      ON deliveries (live_key, recipient, chat_id) WHERE live_key <> '' AND state IN (0, 1);
CREATE INDEX deliveries_kept      ON deliveries (not_before) WHERE state = 0 AND chat_id <> 0 AND not_before > 0;
CREATE INDEX deliveries_kept_chat ON deliveries (chat_id) WHERE state = 0 AND chat_id <> 0;

CREATE TABLE recipients (
  id          text    COLLATE "C" PRIMARY KEY,
  created_at  bigint  NOT NULL,
  paused      boolean NOT NULL DEFAULT false,
  locale      text    NOT NULL DEFAULT '',
  time_zone   text    NOT NULL DEFAULT '',
  note        text    NOT NULL DEFAULT '',
  quiet_hours text    NOT NULL DEFAULT ''
);

CREATE TABLE bindings (
  recipient         text   COLLATE "C" NOT NULL,
  chat_id           bigint NOT NULL,
  message_thread_id bigint NOT NULL,
  type              text   NOT NULL,
  title             text   NOT NULL,
  username          text   NOT NULL,
  language_code     text   NOT NULL,
  state             text   NOT NULL, -- of the chat, the same in all its bindings
  linked_at         bigint NOT NULL,
  muted_until       bigint NOT NULL,
  quiet_hours       text   NOT NULL,
  digest            text   NOT NULL,
  time_zone         text   NOT NULL,
  locale            text   NOT NULL,
  PRIMARY KEY (recipient, chat_id, message_thread_id)
);
CREATE INDEX bindings_chat ON bindings (chat_id, message_thread_id);
CREATE INDEX bindings_gone ON bindings (state) WHERE state <> 'active';

CREATE TABLE links (
  seq        bigint  GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  id         bytea   NOT NULL UNIQUE,
  token      bytea   NOT NULL UNIQUE, -- SHA-256
  recipient  text    COLLATE "C" NOT NULL,
  target     text    NOT NULL,
  uses       integer NOT NULL,
  max_uses   integer NOT NULL,
  created_at bigint  NOT NULL,
  expires_at bigint  NOT NULL,
  revoked_at bigint  NOT NULL,
  welcome    text    NOT NULL -- what an application wants for those who open it: {"template": NAME, "data": …}, as JSON
);
CREATE INDEX links_recipient ON links (recipient, seq);

-- Which link made which binding, for as long as the binding stands.
CREATE TABLE redemptions (
  recipient         text   COLLATE "C" NOT NULL,
  chat_id           bigint NOT NULL,
  message_thread_id bigint NOT NULL,
  link              bytea  NOT NULL, -- links.id
  PRIMARY KEY (recipient, chat_id, message_thread_id, link)
);
CREATE INDEX redemptions_chat ON redemptions (chat_id, message_thread_id);

-- Telegram's updates that were worked through.
CREATE TABLE updates (
  update_id bigint PRIMARY KEY,
  at        bigint NOT NULL
);
CREATE INDEX updates_at ON updates (at);

CREATE TABLE settings (
  name  text COLLATE "C" PRIMARY KEY,
  value text NOT NULL
);

-- The storage's own numbers: how many deliveries are in each state, getUpdates' offset, the last check.
CREATE TABLE numbers (
  name  text   COLLATE "C" PRIMARY KEY,
  value bigint NOT NULL
) WITH (fillfactor = 50);

-- What of a live message is in a chat.
CREATE TABLE live (
  recipient            text   COLLATE "C" NOT NULL,
  chat_id              bigint NOT NULL,
  message_thread_id    bigint NOT NULL,
  live_key             text   COLLATE "C" NOT NULL,
  telegram_message_ids text   NOT NULL, -- a JSON list
  updated_at           bigint NOT NULL,
  PRIMARY KEY (recipient, chat_id, message_thread_id, live_key)
);
CREATE INDEX live_updated ON live (updated_at);
CREATE INDEX live_chat ON live (chat_id);

-- Requests with an Idempotency-Key, and what was answered.
CREATE TABLE requests (
  owner      text   COLLATE "C" NOT NULL, -- the token's name
  key        text   COLLATE "C" NOT NULL,
  body       bytea  NOT NULL, -- SHA-256
  message    bytea  NOT NULL, -- messages.id
  deliveries text   NOT NULL, -- as they were answered, JSON
  at         bigint NOT NULL,
  PRIMARY KEY (owner, key)
);
CREATE INDEX requests_at ON requests (at);

-- The last notification of each group of alerts: two Alertmanagers may both send it.
CREATE TABLE notifications (
  recipient         text   COLLATE "C" NOT NULL,
  chat_id           bigint NOT NULL,
  message_thread_id bigint NOT NULL,
  alert_group       bytea  NOT NULL, -- SHA-256
  alerts            bytea  NOT NULL, -- SHA-256 of what it said
  at                bigint NOT NULL,
  PRIMARY KEY (recipient, chat_id, message_thread_id, alert_group)
);
CREATE INDEX notifications_at ON notifications (at);

-- What callers uploaded, for as long as its message is kept.
CREATE TABLE files (
  message bigint PRIMARY KEY REFERENCES messages (seq) ON DELETE CASCADE,
  content bytea  NOT NULL
);

-- What an application is still to hear of, until it took it.
CREATE TABLE events (
  seq        bigint  GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  id         bytea   NOT NULL UNIQUE,
  type       text    NOT NULL,
  recipient  text    COLLATE "C" NOT NULL,
  at         bigint  NOT NULL,
  data       text    NOT NULL, -- JSON
  attempts   integer NOT NULL,
  not_before bigint  NOT NULL
);
CREATE INDEX events_recipient ON events (recipient, seq);

-- Tokens of people who made their own: each sends to one recipient only.
CREATE TABLE senders (
  recipient  text   COLLATE "C" PRIMARY KEY,
  token      bytea  NOT NULL UNIQUE, -- SHA-256
  created_at bigint NOT NULL
);

-- Conversations about groups of alerts.
CREATE TABLE threads (
  id          bytea   PRIMARY KEY,
  alert_group bytea   NOT NULL, -- SHA-256
  receiver    text    NOT NULL,
  recipients  text    NOT NULL, -- a JSON list
  opened_at   bigint  NOT NULL,
  updated_at  bigint  NOT NULL,
  ended_at    bigint  NOT NULL, -- 0 while open
  state       text    NOT NULL, -- JSON
  version     integer NOT NULL
);
CREATE INDEX threads_group ON threads (alert_group, opened_at);
CREATE UNIQUE INDEX threads_open ON threads (alert_group) WHERE ended_at = 0;
CREATE INDEX threads_ended ON threads (ended_at) WHERE ended_at > 0;
CREATE INDEX threads_updated ON threads (updated_at) WHERE ended_at = 0;

-- Topics of forum groups that messages find by their names.
CREATE TABLE topics (
  chat_id           bigint  NOT NULL,
  name              text    COLLATE "C" NOT NULL,
  message_thread_id bigint  NOT NULL,
  closed            boolean NOT NULL,
  PRIMARY KEY (chat_id, name)
);

-- How much happened in five minutes, for charts: deliveries that were taken in, sent, failed or expired, and by how much the number that
-- waits changed.
CREATE TABLE tallies (
  at      bigint PRIMARY KEY, -- when they began
  taken   bigint NOT NULL,
  sent    bigint NOT NULL,
  failed  bigint NOT NULL,
  waiting bigint NOT NULL
) WITH (fillfactor = 50);
