-- The pace of each bot, which all replicas share: a leaky bucket. Times are the server's, in microseconds.
CREATE TABLE paces (
  bot    text   COLLATE "C" PRIMARY KEY,      -- empty: that of [telegram]
  empty  bigint NOT NULL,                     -- when the bucket runs empty
  closed bigint NOT NULL,                     -- nothing before then, after a 429
  step   double precision NOT NULL,           -- from one message to the next at the full rate, when somebody last asked
  factor double precision NOT NULL DEFAULT 1, -- of the full rate that is in force
  seen   bigint NOT NULL                      -- when somebody last asked
) WITH (fillfactor = 50);

-- The number of the last change of a recipient or its chats: what a replica holds in memory is as old as its number.
ALTER TABLE recipients ADD COLUMN version bigint NOT NULL DEFAULT 0;

-- Numbers of leases (leases.fence): none is given twice.
CREATE SEQUENCE fences;
