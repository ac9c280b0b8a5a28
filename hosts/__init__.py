"""The services of `compose.yaml`, each on a host of its own: a network namespace, without Docker.

A wrong flag, port, variable, file or name in compose.yaml shows here as it would there. It needs root, iproute2 and
Debian's `busybox` and `prometheus`; it says so where it cannot run.

| file | its one concern |
|---|---|
| `compose_file.py` | compose.yaml, read as Docker Compose reads it |
| `images.py` | what an image is here: programs out of the wheels and Debian's packages |
| `container.py` | the inside of a container: its root, its user, its rights |
| `certificates.py` | certificates for TLS between the parts: compose.tls-inside.yaml |
| `network.py` | the networks, and links that can be cut |
| `names.py` | the name server that Docker has in each container |
| `host.py` | one service: started, watched, stopped, killed, paused |
| `fleet.py` | all services: up and down, in the order of what they depend on |
| `town.py` | which NATS server leads what |
| `client_names.py` | the one name under which clients know both gateways |
| `rehearsal.py` | faults and restarts under load, and the ledger of it |
| `pauses.py` | how long each of them kept a shard from taking comments |
| `replay_storm.py` | `make bench-replay`: thousands of viewers come back far behind, and what others feel of it |
| `storm_past.py` | what those viewers are behind of |
| `storm_report.py` | that, as figures and as a table |
| `storm_viewers.py` | the process that has those viewers |
| `storm_live.py` | the process that posts and watches meanwhile |

`python -m hosts` is a rehearsal; `tests/hosts/` is `make test-cluster`.
"""
