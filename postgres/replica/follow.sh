# The entrypoint of a replica: copies the primary where there is nothing to go on from, then follows it.
#
#   PRIMARY_HOST        the primary
#   REPLICATION_SLOT    this replica's slot there: the primary keeps what the replica has not had yet, up to a limit
set -euo pipefail

export PGPASSFILE=/tmp/pgpass PGHOST=$PRIMARY_HOST PGUSER=livecomments_replication PGCONNECT_TIMEOUT=5
(umask 077 && printf '*:*:*:%s:%s\n' "$PGUSER" "$(cat /run/secrets/postgres_replication)" >"$PGPASSFILE")

# 'reserved' or 'extended': the primary still has what comes next. 'lost' or nothing: it does not, for good.
slot() {
    psql --no-psqlrc --no-align --tuples-only --dbname="dbname=postgres" \
        --command="SELECT wal_status FROM pg_replication_slots WHERE slot_name = '$REPLICATION_SLOT'"
}

if [ -s "$PGDATA/PG_VERSION" ] && state=$(slot) && [[ "$state" != reserved && "$state" != extended && "$state" != unreserved ]]; then
    echo "the primary no longer has what this replica would need next (slot: ${state:-none}): copying it anew" >&2
    find "$PGDATA" -mindepth 1 -delete
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    find "$PGDATA" -mindepth 1 -delete # of a copy that broke off
    psql --no-psqlrc --quiet --dbname="dbname=postgres" --command="
        SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
        WHERE slot_name = '$REPLICATION_SLOT' AND NOT active" >/dev/null
    pg_basebackup --pgdata="$PGDATA" --wal-method=stream --checkpoint=fast --create-slot --slot="$REPLICATION_SLOT"
    chmod 0700 "$PGDATA"
fi

# A replica is nothing else, whatever its data were before: one that was promoted, and starts while the primary is not there
# to be asked for the slot, would be a second primary.
touch "$PGDATA/standby.signal"

# Said on every start, so that a changed password or name holds. The file is the one above, under the server's own eyes.
install -m 0600 "$PGPASSFILE" "$PGDATA/pgpass"
[ "$(id -u)" != 0 ] || chown -R postgres:postgres "$PGDATA"
rm -f "$PGPASSFILE"
unset PGPASSFILE PGHOST PGUSER PGCONNECT_TIMEOUT
exec docker-entrypoint.sh "$@" --hot_standby=on --primary_slot_name="$REPLICATION_SLOT" \
    --primary_conninfo="host=$PRIMARY_HOST user=livecomments_replication passfile=$PGDATA/pgpass application_name=$REPLICATION_SLOT"
