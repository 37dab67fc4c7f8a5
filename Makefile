# The two commands of the README: make demo, make test. Both set everything up in .venv first.
SHELL := /bin/sh
UV_VERSION := 0.13.8
PYTHON ?= $(shell for candidate in python3.11 python3.12 python3.13 python3; do \
	"$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 \
	&& { echo "$$candidate"; break; }; done)
BIN := .venv/bin
READY := .venv/.ready
DEMO := $(if $(LOANS),--loans "$(LOANS)") $(if $(ONCE),--once) $(if $(PORT),--port $(PORT))

.DEFAULT_GOAL := help
.PHONY: help setup demo test browser prometheus gateway compose image dashboards soak lint bench docs figures snapshot lock clean

help:
	@echo "make demo [ONCE=1] [LOANS=path]   set up, run the whole pipeline, then show it in the Dagster UI"
	@echo "make test                         set up and run the tests"
	@echo "make soak [KILLS=200]             kill the stream that often, and as a share of it on Apache Kafka"
	@echo "make lint | bench | docs | lock   style and types | benchmarks | docs/tables.md | requirements.lock"
	@echo "make snapshot | figures           asset_specs.json, after a wanted change of the assets | docs/figures"
	@echo "make dashboards | image           deploy/grafana/dashboards | the image of deploy/"

setup: $(READY)

# Bytecode now: where PYTHONDONTWRITEBYTECODE is set, each of the many processes would compile Dagster anew.
$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No supported Python found: install Python 3.11, 3.12 or 3.13, or name one with make PYTHON=/path/to/python3."; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13: name another with make PYTHON=/path/to/python3."; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python cannot make virtual environments: install python3-venv (Debian and Ubuntu: apt install python3-venv)."; exit 1; }
	@echo "Setting up .venv ..."
	@"$(PYTHON)" -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q -j 0 creditrisk_assets dashboard
	@touch $(READY)

demo: setup
	@$(BIN)/creditrisk demo $(DEMO)

test: setup browser prometheus gateway compose
	@$(BIN)/python -m pytest $(TESTS)

browser:
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null || \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing Chromium for the tests ..."; \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } \
				>/dev/null 2>&1 || echo "It cannot be installed here: tests in a browser are skipped."; \
		else echo "No Chromium here: tests in a browser are skipped (Debian and Ubuntu: apt install chromium)."; fi

# Only the programs: the package itself would start a server that listens to everyone.
prometheus:
	@command -v promtool >/dev/null && command -v prometheus >/dev/null || \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing Prometheus for the tests ..."; \
			{ folder=$$(mktemp -d) && cd "$$folder" && apt-get update -qq && apt-get download -qq prometheus && \
				dpkg-deb -x prometheus_*.deb . && install usr/bin/prometheus usr/bin/promtool /usr/local/bin; } \
				>/dev/null 2>&1 || echo "It cannot be installed here: tests of alerts and dashboards are skipped."; \
		else echo "No Prometheus here: tests of alerts and dashboards are skipped (Debian and Ubuntu: apt install prometheus)."; fi

# Only modules and programs: no package here starts a server.
gateway:
	@test -x /usr/sbin/apache2 && test -e /usr/lib/apache2/modules/mod_auth_openidc.so || \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing Apache httpd and mod_auth_openidc for the tests ..."; \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
				apache2-bin libapache2-mod-auth-openidc; } >/dev/null 2>&1 \
				|| echo "They cannot be installed here: tests of the gateway are skipped."; \
		else echo "No Apache httpd with mod_auth_openidc here: tests of the gateway are skipped (Debian and Ubuntu: apt install apache2-bin libapache2-mod-auth-openidc)."; fi

# Compose reads and checks its file without an engine. Debian 12 has version 1, so that the program is taken from Debian 13.
compose:
	@docker-compose version --short 2>/dev/null | grep -q '^v\?[2-9]' || docker compose version --short 2>/dev/null | grep -q '^v\?[2-9]' || \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && test -e /etc/debian_version; then \
			echo "Installing Compose for the tests ..."; \
			{ folder=$$(mktemp -d) && cd "$$folder" && mkdir -p lists/partial archives/partial && touch status && \
				site=$$(apt-get indextargets --format '$$(REPO_URI)' | grep -v security | head -n 1) && \
				echo "deb $$site trixie main" >sources && \
				set -- -o Dir::Etc::SourceList="$$folder/sources" -o Dir::Etc::SourceParts=/dev/null \
					-o Dir::State="$$folder" -o Dir::State::status="$$folder/status" -o Dir::Cache="$$folder" && \
				apt-get "$$@" update -qq && apt-get "$$@" download -qq docker-compose && dpkg-deb -x docker-compose_*.deb . && \
				install usr/libexec/docker/cli-plugins/docker-compose /usr/local/bin; } \
				>/dev/null 2>&1 || echo "It cannot be installed here: tests of the rendered Compose file are skipped."; \
		else echo "No Compose 2 here: tests of the rendered Compose file are skipped (Debian: apt install docker-compose)."; fi

image:
	@docker build -f deploy/Dockerfile -t creditrisk:0.1.0 .

soak: setup
	@CREDITRISK_SOAK_KILLS=$(or $(KILLS),200) CREDITRISK_REQUIRE_KAFKA=1 $(BIN)/python -m pytest -n0 --no-cov -s \
		creditrisk_assets_tests/integration/test_kill_campaign.py

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/creditrisk docs --check

docs: setup
	@$(BIN)/creditrisk docs

dashboards: setup
	@$(BIN)/python deploy/grafana/build.py

figures: setup
	@$(BIN)/python -m creditrisk_assets.local.figures

snapshot: setup
	@$(BIN)/python -m creditrisk_assets_tests.specs

bench: setup
	@for script in $$(grep -l __main__ benchmarks/*.py); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

LOCKED := --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	--no-annotate --no-strip-extras --quiet

# The image installs the same versions without what only tests need, and is built by the same setuptools.
lock: setup
	@$(BIN)/uv pip compile pyproject.toml --extra test $(LOCKED) -o requirements.lock
	@$(BIN)/uv pip compile pyproject.toml -c requirements.lock $(LOCKED) -o deploy/requirements.lock
	@echo 'setuptools>=77' | $(BIN)/uv pip compile - -c requirements.lock $(LOCKED) -o deploy/build.lock

clean:
	@rm -rf .venv data/lake data/demo data/dagster data/demo.env data/summary.json
