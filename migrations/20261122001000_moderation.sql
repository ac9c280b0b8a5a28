-- migrate:up

-- What moderators did, one row for each control message: kept when old blocks of comments are dropped. The archiver may
-- add to it and nothing else, so that nothing in it can be altered by a part of the system.
CREATE TABLE moderation_log (
    shard integer NOT NULL,
    video_id text COLLATE "C" NOT NULL,
    control_id bigint NOT NULL,  -- the number of the control message
    kind text NOT NULL,
    actor text NOT NULL,  -- the user id of the one who did it
    role text,  -- as what
    reason text,
    detail jsonb NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (shard, video_id, control_id)
);

-- Comments of a user on a video that are to be removed: those below the number `upto`. The archiver goes through them in
-- steps, is done up to `reached`, and deletes the row at the end. Readers show none of them from the beginning on.
CREATE TABLE removals (
    shard integer NOT NULL,
    video_id text COLLATE "C" NOT NULL,
    user_id text NOT NULL,
    upto bigint NOT NULL,
    reached bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (shard, video_id, user_id)
);

-- A removed text is overwritten where it stands; nothing else of a comment ever changes.
GRANT UPDATE (message, name, role, deleted_by) ON comments TO livecomments_archiver;
GRANT SELECT, INSERT ON moderation_log TO livecomments_archiver;
GRANT SELECT, INSERT, UPDATE, DELETE ON removals TO livecomments_archiver;

GRANT SELECT ON moderation_log, removals TO livecomments_history;

-- migrate:down

REVOKE UPDATE (message, name, role, deleted_by) ON comments FROM livecomments_archiver;
DROP TABLE removals;
DROP TABLE moderation_log;
