-- migrate:up

-- Removed comments whose texts JetStream has refused to take off its stream. The archiver tries again until it has, or
-- until the stream is trimmed that far.
CREATE TABLE erasures (
    shard integer NOT NULL,
    comment_id bigint NOT NULL,
    PRIMARY KEY (shard, comment_id)
);

GRANT SELECT, INSERT, DELETE ON erasures TO livecomments_archiver;

-- migrate:down

DROP TABLE erasures;
