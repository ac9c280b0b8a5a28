# Starts one server of a cluster, with the passwords that lie in /run/secrets. NATS_CLUSTER: the names of all servers.
set -eu
secret() { cat "/run/secrets/$1"; }
NATS_PASSWORD=$(secret nats)
NATS_WRITER_PASSWORD=$(secret nats_writer)
NATS_ARCHIVER_PASSWORD=$(secret nats_archiver)
NATS_HISTORY_PASSWORD=$(secret nats_history)
NATS_EDGE_PASSWORD=$(secret nats_edge)
NATS_OPERATOR_PASSWORD=$(secret nats_operator)
NATS_ROUTES_PASSWORD=$(secret nats_routes)
routes=
for server in $NATS_CLUSTER; do
    routes="$routes nats://routes:$NATS_ROUTES_PASSWORD@$server:6222,"
done
NATS_ROUTES="[${routes%,} ]"
export NATS_PASSWORD NATS_WRITER_PASSWORD NATS_ARCHIVER_PASSWORD NATS_HISTORY_PASSWORD NATS_EDGE_PASSWORD \
    NATS_OPERATOR_PASSWORD NATS_ROUTES_PASSWORD NATS_ROUTES
exec nats-server -c "/etc/nats/${NATS_CONFIGURATION:-cluster.conf}"
