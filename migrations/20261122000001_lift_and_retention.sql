-- migrate:up

-- A shard whose stream was found short is lifted: NULL where none is under way, else the number that the stream is to
-- begin at again. It is above every number that was ever given. Set first and cleared last, by the one who holds the
-- shard's lock, so that whoever comes after a crash goes on where it broke off.
ALTER TABLE archive_position ADD COLUMN lift_to bigint;

GRANT UPDATE (lift_to) ON archive_position TO livecomments_archiver;

-- Drops a shard's oldest block when every row of it was posted before a time, and never the newest block. Returns the
-- block's first number, NULL where nothing was dropped.
--
-- Runs with its owner's rights, so that the archiver, who calls it, can drop what is too old and nothing else: what is
-- younger than an hour stays whatever the caller says. It takes a lock on the shard's family for a moment; where that is not to be had at once, the caller comes again.
CREATE FUNCTION drop_old_block(of_shard integer, before_ms bigint) RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET lock_timeout = '1s'
AS $$
DECLARE
    family_table text := format('comments_%s', of_shard);
    block_table text;
    block bigint;
    blocks integer;
    holds_younger boolean;
BEGIN
    IF before_ms > (extract(epoch FROM clock_timestamp()) - 3600) * 1000 THEN
        RAISE EXCEPTION 'comments younger than an hour are not dropped' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF to_regclass(family_table) IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT min(number), count(*) INTO block, blocks
    FROM (
        SELECT split_part(relname, '_', 3)::bigint AS number
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = to_regclass(family_table)
    ) AS of_family;
    IF blocks < 2 THEN
        RETURN NULL;
    END IF;
    block_table := format('%s_%s', family_table, block);
    -- The last page first: that is where the youngest are. Only where it holds none, the whole block is looked through.
    EXECUTE format(
        'SELECT EXISTS (SELECT FROM %I WHERE ctid >= $2 AND posted_ms >= $1) OR '
        'EXISTS (SELECT FROM %I WHERE posted_ms >= $1)', block_table, block_table
    )
    INTO holds_younger
    USING before_ms, format('(%s,0)', greatest(pg_relation_size(to_regclass(block_table)) / 8192 - 1, 0))::tid;
    IF holds_younger THEN
        RETURN NULL;
    END IF;
    EXECUTE format('DROP TABLE %I', block_table);
    RETURN block << 22;
END
$$;

REVOKE ALL ON FUNCTION drop_old_block(integer, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_old_block(integer, bigint) TO livecomments_archiver;

-- migrate:down

DROP FUNCTION drop_old_block(integer, bigint);
ALTER TABLE archive_position DROP COLUMN lift_to;
