# One command for each thing a person does. `make` alone says which there are.

.DEFAULT_GOAL := help
.PHONY: help run test check format test-cluster rehearsal test-web-long test-api-long faults fuzz bench bench-latency bench-fanout bench-write bench-checks bench-direct bench-check bench-replay load profile api-page lock clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

run: ## the whole system at http://127.0.0.1:8080, until Ctrl-C; sets up .venv the first time
	@requirements/set-up run && exec .venv/bin/livecomments up

test: ## all tests, on the real parts; sets up what they need (ARGS="-k words": some of them)
	@requirements/set-up dev && requirements/programs
	@PYTHONDONTWRITEBYTECODE= exec .venv/bin/python -m pytest --numprocesses=3 --dist=loadfile --no-loadscope-reorder \
		--durations=10 $(ARGS)

check: ## lint, formatting, types, layout, and what kubernetes/ names
	@requirements/set-up dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/python -m pytest -q tests/layout tests/kubernetes

format: ## let ruff put the code into shape
	@requirements/set-up dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

test-cluster: ## compose.yaml on hosts of its own, broken and restarted under load; needs root
	@requirements/set-up dev && requirements/programs ip busybox prometheus pg_ctlcluster
	@exec .venv/bin/python -m pytest tests/hosts $(ARGS)

rehearsal: ## the same at 500 comments/s and 1,000 viewers, with a report (ARGS="--rate 200"); needs root
	@requirements/set-up dev && requirements/programs ip busybox prometheus
	@exec .venv/bin/python -m hosts $(ARGS)

test-web-long: ## the browser tests without haste: a page hidden for two minutes, the component's own waits
	@requirements/set-up dev && requirements/programs
	@LONG=1 exec .venv/bin/python -m pytest tests/web $(ARGS)

test-api-long: ## ask all that the HTTP interface allows, and much that it does not, for ten minutes
	@requirements/set-up dev && requirements/programs
	@LONG=1 exec .venv/bin/python -m pytest tests/api $(ARGS)

faults: ## break every part under load, and check every promise (ARGS="--short", "--long --seed N")
	@requirements/set-up run && .venv/bin/python -m faults $(or $(ARGS),--all)
	$(if $(ARGS),,@$(MAKE) --no-print-directory fuzz)

fuzz: ## give what reads strangers' bytes every kind of them, guided by coverage (SECONDS=300)
	@requirements/set-up dev && exec .venv/bin/python -m tests.fuzz $(or $(SECONDS),300)

bench: ## measure everything, with a report (ARGS="--quick", "--only fanout", "--against FILE")
	@requirements/set-up dev && requirements/programs wrk
	@exec .venv/bin/livecomments bench $(ARGS)

# Parts of it, by the names that they have had: `make bench ARGS="--only fanout"` and so on.
PART = @$(MAKE) --no-print-directory bench ARGS='--only $(@:bench-%=%) $(ARGS)'

bench-latency:
	$(PART)

bench-fanout:
	$(PART)

bench-write:
	$(PART)

bench-checks:
	$(PART)

bench-direct:
	$(PART)

bench-replay: ## what thousands who come back far behind do to live comments (ARGS="--viewers 500"); needs root
	@requirements/set-up dev && requirements/programs ip busybox prometheus
	@exec .venv/bin/python -m hosts.replay_storm $(ARGS)

bench-check: ## fail where something costs more than recorded (ARGS=--record)
	@requirements/set-up dev && requirements/programs wrk
	@exec .venv/bin/python -m bench.suite.check $(ARGS)

load: ## viewers, posters and readers for the cluster that runs here, by locust (ARGS="--headless -t 30s")
	@requirements/set-up dev && exec .venv/bin/locust $(ARGS)

profile: ## a flame graph of a part of the cluster that runs here (ARGS="edge", "writer --native")
	@requirements/set-up dev && exec .venv/bin/python -m bench.profile $(ARGS)

api-page: ## write web/api/index.html anew after a change in web/api/openapi.yaml
	@requirements/set-up dev && exec .venv/bin/python -m tests.api.page

# The locks name no registry, and no folder of the machine that wrote them.
COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url $(if $(UPGRADE),--upgrade)

lock: ## write requirements/*.txt anew after a change in pyproject.toml (UPGRADE=1: newest versions)
	@requirements/set-up dev
	$(COMPILE) pyproject.toml requirements/build.in --output-file requirements/run.txt
	$(COMPILE) --extra dev pyproject.toml requirements/build.in -c requirements/run.txt --output-file requirements/dev.txt

clean: ## remove what can be made again; the cluster's data in .data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist test-artefacts bench-results fault-results
	find . -name __pycache__ -not -path './.data/*' -prune -exec rm -rf {} +
