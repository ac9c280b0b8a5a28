-- What history asks Postgres. Every statement is a transaction of its own, as a role that can only read, and names its
-- columns, so that this program goes on working on the next version's tables.

-- born_with --
-- The number of shards that this cluster was born with.
SELECT shards FROM cluster

-- positions --
-- How far each shard is archived, as it can be read here.
SELECT shard, through FROM archive_position

-- page --
-- The first comments of a video above $3 and below $4, rising or falling: `archive.py` says which of the two it asks for.
-- The text of a removed one stays here: that of a single comment, and those of a user whose comments are being removed
-- at this moment.
SELECT comment_id, posted_ms, removed_by IS NOT NULL AS deleted,
       CASE WHEN removed_by IS NULL THEN user_id END AS user_id,
       CASE WHEN removed_by IS NULL THEN message END AS message,
       CASE WHEN removed_by IS NULL THEN name END AS name,
       CASE WHEN removed_by IS NULL THEN role END AS role
FROM (
    SELECT comment_id, posted_ms, user_id, message, name, role, coalesce(deleted_by, (
        SELECT upto FROM removals
        WHERE removals.shard = $1 AND removals.video_id = $2 AND removals.user_id = comments.user_id
              AND upto > comment_id
    )) AS removed_by
    FROM comments
    WHERE shard = $1 AND video_id = $2 AND comment_id > $3 AND comment_id < $4 AND kind = 'comment'
    ORDER BY comment_id {order}
    LIMIT $5
) AS found

-- comment_at --
-- The lowest number of a video that was posted at a time or later.
SELECT comment_at($1, $2, $3)

-- replay --
-- The newest messages of any kind above $3 and up to $4, newest first, each with how far the shard is archived in this
-- very snapshot; where there is no message, one row says that alone. The text of a removed comment stays here. What a
-- control message says stands in the place of a text. Whether a user of the video is being removed is asked once, and not
-- once a message; for a page of some fifty rows that would save less than it costs to plan.
SELECT position.through, found.comment_id, found.posted_ms, found.kind, found.removed_by,
       CASE WHEN found.removed_by IS NULL THEN found.user_id END AS user_id,
       CASE WHEN found.kind <> 'comment' THEN found.detail::text
            WHEN found.removed_by IS NULL THEN found.message END AS message,
       CASE WHEN found.removed_by IS NULL THEN found.name END AS name,
       CASE WHEN found.removed_by IS NULL THEN found.role END AS role
FROM archive_position AS position
LEFT JOIN LATERAL (
    SELECT comment_id, posted_ms, kind, user_id, message, name, role, detail, coalesce(deleted_by, CASE
        WHEN EXISTS (SELECT FROM removals WHERE removals.shard = $1 AND removals.video_id = $2) THEN (
            SELECT upto FROM removals
            WHERE removals.shard = $1 AND removals.video_id = $2 AND removals.user_id = comments.user_id
                  AND upto > comment_id
        )
    END) AS removed_by
    FROM comments
    WHERE shard = $1 AND video_id = $2 AND comment_id > $3 AND comment_id <= $4
    ORDER BY comment_id DESC
    LIMIT $5
) AS found ON true
WHERE position.shard = $1
ORDER BY found.comment_id DESC

-- moderation_log --
-- What was done on a video by moderators, below the number $3, the newest first.
SELECT control_id, kind, actor, role, reason, detail, at_ms FROM moderation_log
WHERE shard = $1 AND video_id = $2 AND control_id < $3
ORDER BY control_id DESC
LIMIT $4

-- ban --
-- Whether a user was shut out of a video last, or let in again. Goes through what was done on the video: for those
-- videos alone whose state nobody can say while NATS is away.
SELECT control_id, kind, detail, at_ms FROM moderation_log
WHERE shard = $1 AND video_id = $2 AND kind IN ('ban', 'unban') AND detail->>'userId' = $3
ORDER BY control_id DESC
LIMIT 1
