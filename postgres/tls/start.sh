# The entrypoint of a Postgres that speaks TLS alone: start.sh, the entrypoint it would have had, and the server's own words.
#
#   /run/tls/tls.crt, /run/tls/tls.key    its certificate, with the name that clients know it by, and the key (PEM)
#   /run/tls/ca.crt                       what a replica checks its primary with
set -eu
# Readable for the server alone, wherever it came from.
install -o postgres -g postgres -m 0600 /run/tls/tls.key /tmp/postgres.key
export PGSSLMODE=verify-full PGSSLROOTCERT=/run/tls/ca.crt # of a replica that copies and follows
exec "$@" --ssl=on --ssl_min_protocol_version=TLSv1.2 --ssl_cert_file=/run/tls/tls.crt --ssl_key_file=/tmp/postgres.key \
    --hba_file=/etc/postgres-tls/pg_hba.conf
