-- The pace of each bot, which all replicas share. Times are the server's, in microseconds.
CREATE TABLE paces (
  bot    text   COLLATE "C" PRIMARY KEY, -- empty: that of [telegram]
  empty  bigint NOT NULL,                -- when the bucket runs empty
  closed bigint NOT NULL                 -- nothing before then, after a 429
) WITH (fillfactor = 50);

-- The number of the last change of a recipient or its chats: what a replica holds in memory is as old as its number.
ALTER TABLE recipients ADD COLUMN version bigint NOT NULL DEFAULT 0;

-- Numbers of leases (leases.fence): none is given twice.
CREATE SEQUENCE fences;
