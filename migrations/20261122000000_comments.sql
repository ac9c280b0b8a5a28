-- migrate:up

-- The cluster itself: how many shards it was born with. One row.
CREATE TABLE cluster (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    shards integer NOT NULL CHECK (shards BETWEEN 1 AND 1024)
);

-- How far each shard's stream is in Postgres: every number up to `through` is. Moved in the transaction that stores the
-- comments, by the one who knows where it stood.
CREATE TABLE archive_position (
    shard integer PRIMARY KEY,
    through bigint NOT NULL
);

-- Comments, and the control messages that share their numbers (`kind` other than 'comment', with `detail`).
-- Partitions: one family a shard, and in it blocks of 2^22 numbers. There is no default partition: `ensure_block` makes
-- what is needed. A page is one index descent in the newest block that can hold it, and old blocks are dropped whole.
CREATE TABLE comments (
    shard integer NOT NULL,
    video_id text COLLATE "C" NOT NULL,
    comment_id bigint NOT NULL,
    kind text NOT NULL DEFAULT 'comment',
    user_id text,
    message text,
    name text,
    role text,
    posted_ms bigint NOT NULL,  -- when JetStream stored it, milliseconds since 1970
    detail jsonb,  -- what a control message says
    deleted_by bigint,  -- the number of the control message that deleted this comment
    PRIMARY KEY (shard, video_id, comment_id),
    CHECK (comment_id BETWEEN 1 AND 9007199254740991),
    CHECK (kind <> 'comment' OR (user_id IS NOT NULL AND message IS NOT NULL))
) PARTITION BY LIST (shard);

-- Makes the shard's family and the block that holds a number, where they are missing.
--
-- A table is made first and attached then: ATTACH takes a lock that lets readers and writers of the other blocks go on,
-- CREATE TABLE … PARTITION OF takes one that stops them all. Runs with its owner's rights, so that the archiver, who
-- calls it, needs no right to create anything else.
CREATE FUNCTION ensure_block(of_shard integer, holding bigint) RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    block bigint := holding >> 22;
    family_table text := format('comments_%s', of_shard);
    block_table text := format('comments_%s_%s', of_shard, block);
BEGIN
    IF of_shard NOT BETWEEN 0 AND 1023 OR holding NOT BETWEEN 1 AND 9007199254740991 THEN
        RAISE EXCEPTION 'no block for shard % and number %', of_shard, holding USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF to_regclass(block_table) IS NOT NULL THEN
        RETURN;
    END IF;
    -- One at a time: two archivers may need the same block in the moment of a takeover. This lock, unlike an advisory
    -- one, also makes this session see the tables that others have made since it last looked.
    LOCK TABLE ONLY comments IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass(family_table) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE comments INCLUDING ALL) PARTITION BY RANGE (comment_id)', family_table);
        EXECUTE format('ALTER TABLE comments ATTACH PARTITION %I FOR VALUES IN (%s)', family_table, of_shard);
    END IF;
    IF to_regclass(block_table) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE comments INCLUDING ALL)', block_table);
        EXECUTE format(
            'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
            family_table, block_table, block << 22, (block + 1) << 22
        );
    END IF;
END
$$;

-- Returns the lowest number of a video that was posted at a time or later, NULL if there is none.
--
-- Numbers of a video rise with time, so the place is found by bisection over the primary key: some thirty index
-- descents, and no second index that every insert would have to pay for.
CREATE FUNCTION comment_at(of_shard integer, of_video text, at_ms bigint) RETURNS bigint
LANGUAGE plpgsql
STABLE
SET search_path = public, pg_temp
AS $$
DECLARE
    low bigint;  -- everything below is too early
    high bigint;  -- `found_at`, if anything, is the lowest of those at or above
    middle bigint;
    found_at bigint;
    candidate bigint;
    candidate_ms bigint;
BEGIN
    SELECT comment_id INTO low FROM comments
    WHERE shard = of_shard AND video_id = of_video
    ORDER BY comment_id LIMIT 1;
    SELECT comment_id + 1 INTO high FROM comments
    WHERE shard = of_shard AND video_id = of_video
    ORDER BY comment_id DESC LIMIT 1;
    WHILE low < high LOOP
        middle := low + (high - low) / 2;
        SELECT comment_id, posted_ms INTO candidate, candidate_ms FROM comments
        WHERE shard = of_shard AND video_id = of_video AND comment_id >= middle AND comment_id < high
        ORDER BY comment_id LIMIT 1;
        IF candidate IS NULL THEN
            high := middle;
        ELSIF candidate_ms >= at_ms THEN
            found_at := candidate;
            high := middle;
        ELSE
            low := candidate + 1;
        END IF;
    END LOOP;
    RETURN found_at;
END
$$;

-- The roles of the services. They belong to the server, not to the database, so they may be there already; whoever runs
-- 'livecomments migrate' gives them their passwords.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['livecomments_archiver', 'livecomments_history'] LOOP
        -- Asked first: who may migrate a database need not be allowed to create roles.
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = wanted);
        BEGIN
            EXECUTE format('CREATE ROLE %I LOGIN', wanted);
        EXCEPTION
            -- unique_violation: another database of the server is being migrated at this very moment
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION ensure_block(integer, bigint) FROM PUBLIC;

GRANT SELECT ON cluster, archive_position TO livecomments_archiver;
GRANT UPDATE (through) ON archive_position TO livecomments_archiver;
GRANT SELECT, INSERT ON comments TO livecomments_archiver;
GRANT EXECUTE ON FUNCTION ensure_block(integer, bigint) TO livecomments_archiver;

GRANT SELECT ON cluster, archive_position, comments TO livecomments_history;

-- migrate:down

-- The roles stay: they belong to the server, and other databases on it may need them.
DROP FUNCTION comment_at(integer, text, bigint);
DROP FUNCTION ensure_block(integer, bigint);
DROP TABLE comments;
DROP TABLE archive_position;
DROP TABLE cluster;
