# Run once, when the primary's data is made: a role that may copy and follow it, and nothing else.
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" \
    --set=password="$(cat /run/secrets/postgres_replication)" <<'SQL'
CREATE ROLE livecomments_replication LOGIN REPLICATION PASSWORD :'password';
SQL
echo "host replication livecomments_replication all scram-sha-256" >>"$PGDATA/pg_hba.conf"
