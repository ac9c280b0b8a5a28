-- What history asks Postgres. Every statement is a transaction of its own, as a role that can only read, and names its
-- columns, so that this program goes on working on the next version's tables.

-- born_with --
-- The number of shards that this cluster was born with.
SELECT shards FROM cluster

-- page_desc --
-- The newest comments of a video above $3 and below $4, newest first. The text of a deleted one stays here.
SELECT comment_id, posted_ms, deleted_by IS NOT NULL AS deleted,
       CASE WHEN deleted_by IS NULL THEN user_id END AS user_id,
       CASE WHEN deleted_by IS NULL THEN message END AS message,
       CASE WHEN deleted_by IS NULL THEN name END AS name,
       CASE WHEN deleted_by IS NULL THEN role END AS role
FROM comments
WHERE shard = $1 AND video_id = $2 AND comment_id > $3 AND comment_id < $4 AND kind = 'comment'
ORDER BY comment_id DESC
LIMIT $5

-- page_asc --
-- The oldest comments of a video above $3 and below $4, oldest first. The text of a deleted one stays here.
SELECT comment_id, posted_ms, deleted_by IS NOT NULL AS deleted,
       CASE WHEN deleted_by IS NULL THEN user_id END AS user_id,
       CASE WHEN deleted_by IS NULL THEN message END AS message,
       CASE WHEN deleted_by IS NULL THEN name END AS name,
       CASE WHEN deleted_by IS NULL THEN role END AS role
FROM comments
WHERE shard = $1 AND video_id = $2 AND comment_id > $3 AND comment_id < $4 AND kind = 'comment'
ORDER BY comment_id ASC
LIMIT $5

-- comment_at --
-- The lowest number of a video that was posted at a time or later.
SELECT comment_at($1, $2, $3)

-- replay --
-- The newest messages of any kind above $3 and up to $4, newest first, each with how far the shard is archived in this
-- very snapshot; where there is no message, one row says that alone. The text of a deleted comment stays here.
SELECT position.through, found.comment_id, found.posted_ms, found.kind, found.user_id, found.message, found.name,
       found.role
FROM archive_position AS position
LEFT JOIN LATERAL (
    SELECT comment_id, posted_ms, kind,
           CASE WHEN deleted_by IS NULL THEN user_id END AS user_id,
           CASE WHEN deleted_by IS NULL THEN message END AS message,
           CASE WHEN deleted_by IS NULL THEN name END AS name,
           CASE WHEN deleted_by IS NULL THEN role END AS role
    FROM comments
    WHERE shard = $1 AND video_id = $2 AND comment_id > $3 AND comment_id <= $4
    ORDER BY comment_id DESC
    LIMIT $5
) AS found ON true
WHERE position.shard = $1
ORDER BY found.comment_id DESC
