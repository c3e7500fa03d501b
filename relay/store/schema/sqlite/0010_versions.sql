-- The number of the last change of a recipient or its chats, where several relays share a storage; a file has one relay and leaves it 0.
ALTER TABLE recipients ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
