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

-- lift --
-- The number at which the shard's stream is to begin again; NULL where no lift is under way.
SELECT lift_to FROM archive_position WHERE shard = $1

-- raise_lift --
-- Begins a lift, or raises the number of one that is under way. Returns the number as it is now.
UPDATE archive_position SET lift_to = greatest(lift_to, $2) WHERE shard = $1 RETURNING lift_to

-- end_lift --
-- The stream begins at $2 again and takes comments.
UPDATE archive_position SET lift_to = NULL WHERE shard = $1 AND lift_to = $2 RETURNING lift_to

-- top --
-- A number that is not below any that the shard's tables hold: the last one of its newest block; NULL without blocks.
SELECT max(split_part(relname, '_', 3)::bigint + 1 << 22) - 1
FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = to_regclass(format('comments_%s', $1::int))

-- times --
-- The time at which each of some numbers was stored; NULL for one that the video does not have.
SELECT wanted.comment_id, found.posted_ms
FROM unnest($2::text[], $3::bigint[]) AS wanted (video_id, comment_id)
LEFT JOIN LATERAL (
    SELECT posted_ms FROM comments
    WHERE shard = $1 AND video_id = wanted.video_id AND comment_id = wanted.comment_id
    LIMIT 1
) AS found ON true

-- what_is --
-- What a number stands for, whichever video it belongs to. Looks through a block's index: for rare questions.
SELECT video_id, posted_ms FROM comments WHERE shard = $1 AND comment_id = $2

-- comments_of --
-- The comments of some videos, each between two numbers (both inclusive). The loss audit looks for what was said.
SELECT wanted.video_id, found.comment_id, found.user_id, found.message, found.name, found.role
FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS wanted (video_id, low, high)
CROSS JOIN LATERAL (
    SELECT comment_id, user_id, message, name, role FROM comments
    WHERE shard = $1 AND video_id = wanted.video_id AND comment_id BETWEEN wanted.low AND wanted.high
          AND kind = 'comment'
    ORDER BY comment_id
) AS found

-- drop_old_block --
-- Drops the oldest block when every row of it is older than a time. Returns its first number, NULL for nothing done.
SELECT drop_old_block($1, $2)

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
