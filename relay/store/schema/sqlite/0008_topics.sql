-- Topics of forum groups that messages find by their names.
CREATE TABLE topics (
  chat_id           INTEGER NOT NULL,
  name              TEXT    NOT NULL,
  message_thread_id INTEGER NOT NULL,
  closed            INTEGER NOT NULL,
  PRIMARY KEY (chat_id, name)
) WITHOUT ROWID;
