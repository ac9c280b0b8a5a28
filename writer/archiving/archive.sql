-- What the archiver says to Postgres. Every statement is a transaction of its own, and names its columns, so that this
-- program goes on working on the next version's tables.

-- keep_alive --
-- Lets the server notice within seconds that the machine of an archiver is gone, or that an archiver hangs on one that is
-- not, and give its shards to another one.
SELECT set_config('tcp_keepalives_idle', '5', false),
       set_config('tcp_keepalives_interval', '2', false),
       set_config('tcp_keepalives_count', '3', false),
       set_config('lock_timeout', $1, false),
       set_config('idle_session_timeout', $2, false)

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
-- What is there of some videos, each between two numbers (both inclusive), for the loss audit. Control messages, and
-- comments whose text was removed, are not `as_said`: that they are there is all that can be told.
SELECT wanted.video_id, found.comment_id, found.as_said, found.user_id, found.message, found.name, found.role
FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS wanted (video_id, low, high)
CROSS JOIN LATERAL (
    SELECT comment_id, kind = 'comment' AND deleted_by IS NULL AS as_said, user_id, message, name, role FROM comments
    WHERE shard = $1 AND video_id = wanted.video_id AND comment_id BETWEEN wanted.low AND wanted.high
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
    INSERT INTO comments (
        shard, video_id, comment_id, kind, user_id, message, name, role, posted_ms, detail, deleted_by
    )
    SELECT moved.shard, batch.video_id, batch.comment_id, batch.kind, batch.user_id, batch.message, batch.name,
           batch.role, batch.posted_ms, batch.detail, batch.deleted_by
    FROM moved CROSS JOIN unnest(
        $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[],
        $12::jsonb[], $13::bigint[]
    ) AS batch (video_id, comment_id, kind, user_id, message, name, role, posted_ms, detail, deleted_by)
    ON CONFLICT (shard, video_id, comment_id) DO NOTHING
    RETURNING kind
)
SELECT (SELECT count(*) FROM moved) AS moved,
       (SELECT count(*) FROM stored WHERE kind = 'comment') AS comments


-- log_control --
-- Notes in the log of moderation who did what. One that is noted already stays as it is.
INSERT INTO moderation_log (shard, video_id, control_id, kind, actor, role, reason, detail, at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (shard, video_id, control_id) DO NOTHING

-- remove --
-- Overwrites the text of a comment. $4 is the number of the message that removes it.
UPDATE comments SET message = '', name = NULL, role = NULL, deleted_by = $4
WHERE shard = $1 AND video_id = $2 AND comment_id = $3 AND kind = 'comment' AND deleted_by IS NULL

-- entomb --
-- A comment that was taken off the stream before it could be archived leaves a row without a text, where its block is
-- still kept.
INSERT INTO comments (shard, video_id, comment_id, user_id, message, posted_ms, deleted_by)
SELECT $1, $2, $3, $5, '', $6, $4
WHERE to_regclass(format('comments_%s_%s', $1::integer, $3::bigint >> 22)) IS NOT NULL
ON CONFLICT (shard, video_id, comment_id) DO NOTHING

-- begin_removal --
-- All comments of a user on a video below the number $4 are to be removed.
INSERT INTO removals (shard, video_id, user_id, upto) VALUES ($1, $2, $3, $4)
ON CONFLICT (shard, video_id, user_id) DO UPDATE SET upto = greatest(removals.upto, excluded.upto), reached = 0

-- next_removal --
-- The oldest removal that is under way.
SELECT video_id, user_id, upto, reached FROM removals WHERE shard = $1 ORDER BY upto LIMIT 1

-- of_user --
-- Of the next $6 messages of a video above $3 and below $4: those of a user that still have their text, how many there
-- are in all, and how far they go.
SELECT coalesce(array_agg(comment_id ORDER BY comment_id) FILTER (
           WHERE kind = 'comment' AND user_id = $5 AND deleted_by IS NULL
       ), '{}') AS numbers,
       count(*) AS messages, max(comment_id) AS reached
FROM (
    SELECT comment_id, kind, user_id, deleted_by FROM comments
    WHERE shard = $1 AND video_id = $2 AND comment_id > $3 AND comment_id < $4
    ORDER BY comment_id
    LIMIT $6
) AS looked_at

-- remove_all --
-- Overwrites the texts of some comments of a video.
UPDATE comments SET message = '', name = NULL, role = NULL, deleted_by = $4
WHERE shard = $1 AND video_id = $2 AND comment_id = ANY ($3::bigint[])
      AND comment_id BETWEEN $5 AND $6 AND kind = 'comment' AND deleted_by IS NULL

-- reach_removal --
-- A removal has come as far as $5.
UPDATE removals SET reached = $5 WHERE shard = $1 AND video_id = $2 AND user_id = $3 AND upto = $4

-- end_removal --
-- A removal is done.
DELETE FROM removals WHERE shard = $1 AND video_id = $2 AND user_id = $3 AND upto = $4

-- note_unerased --
-- Removed texts that JetStream has refused to take off the stream.
INSERT INTO erasures (shard, comment_id) SELECT $1, unnest($2::bigint[]) ON CONFLICT DO NOTHING

-- erasures --
-- … those above a number, the oldest first.
SELECT comment_id FROM erasures WHERE shard = $1 AND comment_id > $2 ORDER BY comment_id LIMIT $3

-- erased --
-- … that is done now.
DELETE FROM erasures WHERE shard = $1 AND comment_id = ANY ($2::bigint[])
