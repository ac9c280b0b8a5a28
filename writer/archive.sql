-- What the archiver says to Postgres. Every statement is a transaction of its own, and names its columns, so that this
-- program goes on working on the next version's tables.

-- keep_alive --
-- Lets the server notice within seconds that the machine of an archiver is gone, and give its shards to another one.
SELECT set_config('tcp_keepalives_idle', '5', false),
       set_config('tcp_keepalives_interval', '2', false),
       set_config('tcp_keepalives_count', '3', false),
       set_config('lock_timeout', $1, false)

-- born_with --
-- The number of shards that this cluster was born with.
SELECT shards FROM cluster

-- take_turn --
-- Waits until this session is the one that archives a shard; the lock lasts as long as the session. Ends with
-- lock_not_available after `lock_timeout`, to be said again: a statement that waits for hours would hold back vacuum.
SELECT pg_advisory_lock($1, $2)

-- position --
-- How far a shard is in Postgres.
SELECT through FROM archive_position WHERE shard = $1

-- ensure_block --
-- Makes the block of a shard that holds a number, where it is missing.
SELECT ensure_block($1, $2)

-- store_batch --
-- Stores a batch and moves the position from $2 to $3, both or neither. Where the position is not at $2 any more
-- (another archiver was faster, or Postgres was restored), nothing is stored. A comment that is there already stays.
WITH moved AS (
    UPDATE archive_position SET through = $3 WHERE shard = $1 AND through = $2 RETURNING shard
), stored AS (
    INSERT INTO comments (shard, video_id, comment_id, kind, user_id, message, name, role, posted_ms, detail)
    SELECT moved.shard, batch.video_id, batch.comment_id, batch.kind, batch.user_id, batch.message, batch.name,
           batch.role, batch.posted_ms, batch.detail
    FROM moved CROSS JOIN unnest(
        $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[],
        $12::jsonb[]
    ) AS batch (video_id, comment_id, kind, user_id, message, name, role, posted_ms, detail)
    ON CONFLICT (shard, video_id, comment_id) DO NOTHING
    RETURNING kind
)
SELECT (SELECT count(*) FROM moved) AS moved,
       (SELECT count(*) FROM stored WHERE kind = 'comment') AS comments
