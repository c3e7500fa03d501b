-- Several bots. Whose chat it is stands before the chat's number everywhere; empty: the first bot's, whose all was before. A delivery without a
-- chat waits for one at its bot, or at any where it names none, as its message does.
ALTER TABLE messages      ADD COLUMN bot text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE deliveries    ADD COLUMN bot text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE links         ADD COLUMN bot text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE bindings      ADD COLUMN bot text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE redemptions   ADD COLUMN bot text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE updates       ADD COLUMN bot text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE live          ADD COLUMN bot text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE notifications ADD COLUMN bot text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE topics        ADD COLUMN bot text COLLATE "C" NOT NULL DEFAULT '';

DROP INDEX deliveries_lane;
CREATE INDEX deliveries_lane ON deliveries (bot, chat_id, send_at, priority DESC, rank) WHERE state IN (1, 2);
DROP INDEX deliveries_scheduled;
CREATE INDEX deliveries_scheduled ON deliveries (bot, send_at) WHERE state IN (1, 2) AND send_at > 0;

ALTER TABLE bindings DROP CONSTRAINT bindings_pkey, ADD PRIMARY KEY (recipient, bot, chat_id, message_thread_id);
DROP INDEX bindings_chat;
CREATE INDEX bindings_chat ON bindings (bot, chat_id, message_thread_id);
ALTER TABLE redemptions DROP CONSTRAINT redemptions_pkey, ADD PRIMARY KEY (recipient, bot, chat_id, message_thread_id, link);
DROP INDEX redemptions_chat;
CREATE INDEX redemptions_chat ON redemptions (bot, chat_id, message_thread_id);
ALTER TABLE updates DROP CONSTRAINT updates_pkey, ADD PRIMARY KEY (bot, update_id);
ALTER TABLE live DROP CONSTRAINT live_pkey, ADD PRIMARY KEY (recipient, bot, chat_id, message_thread_id, live_key);
DROP INDEX live_chat;
CREATE INDEX live_chat ON live (bot, chat_id);
ALTER TABLE notifications DROP CONSTRAINT notifications_pkey, ADD PRIMARY KEY (recipient, bot, chat_id, message_thread_id, alert_group);
ALTER TABLE topics DROP CONSTRAINT topics_pkey, ADD PRIMARY KEY (bot, chat_id, name);
