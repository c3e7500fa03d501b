-- What people choose for themselves and their chats. A held delivery with a chat waits for its moment (not_before) or for its
-- recipient to be resumed (not_before 0); one without a chat waits for one.
ALTER TABLE recipients ADD COLUMN quiet_hours TEXT NOT NULL DEFAULT '';
ALTER TABLE bindings ADD COLUMN quiet_hours TEXT NOT NULL DEFAULT '';
ALTER TABLE bindings ADD COLUMN digest      TEXT NOT NULL DEFAULT '';
ALTER TABLE bindings ADD COLUMN time_zone   TEXT NOT NULL DEFAULT '';
ALTER TABLE bindings ADD COLUMN locale      TEXT NOT NULL DEFAULT '';
CREATE INDEX deliveries_kept ON deliveries (not_before) WHERE state = 0 AND chat_id <> 0 AND not_before > 0;
CREATE INDEX deliveries_kept_chat ON deliveries (chat_id) WHERE state = 0 AND chat_id <> 0;
