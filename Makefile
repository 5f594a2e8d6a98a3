# `make` says what there is. It needs Go, git and GNU make; all else it installs, or says how to.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PATH := $(PATH):/usr/sbin:/sbin

ifeq ($(shell command -v go),)
$(error Go is not in PATH: see https://go.dev/doc/install)
endif

# Without a C compiler Go switches cgo off by itself, and with it the race detector.
CGO := $(shell go env CGO_ENABLED)
RACE := $(if $(filter 1,$(CGO)),-race)

GOFUMPT := go run mvdan.cc/gofumpt@v0.12.0
GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
CYCLONEDX := go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.9.0
GOVULNCHECK := go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
WITHENGINES := go run ./jobdbtest/withengines

# The reference implementation that the differential tests ask.
ORACLE := .cache/oracle-venv
export JOBDB_ORACLE_PYTHON := $(CURDIR)/$(ORACLE)/bin/python

# DIRAC's own database classes, which work on the same databases as jobdb in tests.
DIRAC := .cache/dirac-venv

# The packages of DIRAC's releases, whose SQL the tests make databases from.
RELEASES := .cache/dirac

# To be set on the command line: make run ARGS='--listen :9000', make bench BENCHFLAGS='-jobs 1000'
ARGS ?=
TESTFLAGS ?= -timeout 40m
BENCHFLAGS ?= -write docs/benchmarks
COMPATFLAGS ?=
FUZZTIME ?= 30s
MODULE ?=
SOURCE ?=
MINUTES ?=
FAULT ?=
LHCBS ?=

.PHONY: help
help: ## say what each target does
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

.PHONY: run
run: build ## build and start the server on embedded SQLite (ARGS='--listen :9000 …')
	@exec bin/jobdb serve $(ARGS)

.PHONY: build
build: ## build bin/jobdb
	@[[ $(CGO) = 1 ]] || echo "No C compiler (or CGO_ENABLED=0): building with the pure-Go SQLite driver, which is slower."
	CGO_ENABLED=$(CGO) go build -trimpath -o bin/jobdb ./cmd/jobdb

.PHONY: test
test: engines oracle-or-skip ## run all tests on SQLite, MariaDB, MySQL and PostgreSQL, with the race detector
	@[[ $(CGO) = 1 ]] || printf '\n!!! NO C COMPILER (or CGO_ENABLED=0): the tests run WITHOUT the race detector, on the pure-Go SQLite driver only.\n\n'
	@mkdir -p .cache
	$(WITHENGINES) -- go test $(RACE) $(TESTFLAGS) ./...
	@# The counters would slow the race detector down too much; so the figure is that of the suite on SQLite.
	CGO_ENABLED=0 go test $(TESTFLAGS) -run SQLite -coverpkg=.,./internal/engine,./internal/schema,./internal/tables \
	  -coverprofile=.cache/cover-suite.out . ./internal/conformance
	@go tool cover -func=.cache/cover-suite.out | awk 'END { print "coverage of the library by its suite on SQLite alone: " $$NF " of statements" }'

.PHONY: test-short
test-short: ## run the tests that need nothing but SQLite (seconds)
	go test -short ./...

.PHONY: check
check: lint web-check test compat bench-check ## what CI runs: format, vet, lint, tidy, all tests, DiracX's own clients, floors of speed

.PHONY: lint
lint: ## check format, vet, lint and go.mod
	@unformatted=$$($(GOFUMPT) -l .); [[ -z $$unformatted ]] || { echo "not formatted (make fmt): $$unformatted"; exit 1; }
	go vet ./...
	CGO_ENABLED=0 go vet ./...
	$(GOLANGCI) run
	go mod tidy -diff

.PHONY: web-check
web-check: ## check types and style of the page's JavaScript (needs node and npm; nothing else does)
	@command -v npm >/dev/null || { echo "!!! NO NPM: the page's sources are not checked."; [[ -z $${CI:-} ]]; exit; }; \
	npm ci --prefix web/check --ignore-scripts --no-audit --no-fund --silent && \
	web/check/node_modules/.bin/tsc -p web && \
	cd web && check/node_modules/.bin/biome lint --error-on-warnings .

.PHONY: fmt
fmt: ## format all Go files
	$(GOFUMPT) -w .

.PHONY: rename
rename: ## give the module another path, when it gets an address (MODULE=example.org/jobdb)
	@[[ -n '$(MODULE)' ]] || { echo 'to what? make rename MODULE=example.org/jobdb'; exit 1; }
	old=$$(go list -m) && old=$${old//./\\.}; \
	find . -name '*.go' -o -path ./README.md | xargs sed -i -E '/^import \($$/,/^\)$$/s#"'"$$old"'([/"])#"$(MODULE)\1#; s#^import "'"$$old"'([/"])#import "$(MODULE)\1#; s#"'"$$old"'/cmd/#"$(MODULE)/cmd/#'; \
	sed -i -E "s#(pkg: )$$old([/,])#\1$(MODULE)\2#; /allow: /s#([[ ])$$old([],/])#\1$(MODULE)\2#g" .golangci.yml; \
	sed -i -E "s#(-require=|-replace=)$$old([@=])#\1$(MODULE)\2#g" README.md
	go mod edit -module '$(MODULE)'
	$(GOFUMPT) -w .
	go build ./... && go vet ./...

.PHONY: cover
cover: engines ## write .cache/cover.html: which lines the tests reach
	@mkdir -p .cache
	$(WITHENGINES) -- go test $(TESTFLAGS) -coverpkg=./... -coverprofile=.cache/cover.out ./...
	go tool cover -html=.cache/cover.out -o .cache/cover.html

.PHONY: bench
bench: engines oracle ## measure everything but the largest into docs/benchmarks/ (BENCHFLAGS='-gobench new.txt' prints, and writes for benchstat)
	$(WITHENGINES) -durable -- go run ./bench -reference $(ORACLE)/bin/python $(BENCHFLAGS)
	$(WITHENGINES) -durable -- go run ./bench -routes -jobs 10000 -reference $(ORACLE)/bin/python $(BENCHFLAGS)
	$(WITHENGINES) -durable -- go run ./bench -questions -jobs 10000,1000000 -draw 8 $(BENCHFLAGS)
	$(WITHENGINES) -durable -- go run ./bench -counts -jobs 10000 -sizes 1,1000 $(BENCHFLAGS)
	go run ./bench -writers -jobs 10000 $(BENCHFLAGS)
	$(WITHENGINES) -durable -- go run ./bench -bulk -jobs 1000000 $(BENCHFLAGS)
	$(WITHENGINES) -durable -- go run ./bench -dirac $(DIRAC)/bin/python -engine mariadb,mysql -jobs 200000 $(BENCHFLAGS)
	$(MAKE) bench-isolation

.PHONY: bench-isolation
bench-isolation: engines ## measure heartbeats and kills beside the dearest questions, a purge and an import (some minutes; docs/reliability.md)
	JOBDB_FAULTS_JOBS=$(or $(JOBS),50000) JOBDB_FAULTS_LOAD=30s $(WITHENGINES) -durable -- go test -timeout 0 -run TestIsolation -v ./internal/faults

.PHONY: bench-check
bench-check: engines ## fail when a method falls below its part of the bare driver's rate, or a question grows with the jobs (a small bench)
	$(WITHENGINES) -durable -- go run ./bench -check -engine sqlite,mariadb,mysql -jobs 10000 -sizes 1,1000 -time 100ms >/dev/null
	go run ./bench -questions -check -processor -engine sqlite -jobs 10000,100000 -draw 4 >/dev/null

.PHONY: bench-dirac
bench-dirac: engines oracle ## measure beside DIRAC's own database classes on databases that DIRAC ships, with 200,000 jobs (ten minutes)
	$(WITHENGINES) -durable -- go run ./bench -dirac $(DIRAC)/bin/python -engine mariadb,mysql -jobs 200000 $(BENCHFLAGS)

.PHONY: bench-large
bench-large: ## measure what must not grow with the jobs: 10,000,000 against 10,000 on SQLite (half an hour, 10 GB)
	go run ./bench -growth -engine sqlite -jobs 10000,10000000 $(BENCHFLAGS)

.PHONY: bench-questions
bench-questions: engines ## measure what a monitor asks with 10,000,000 jobs on SQLite and PostgreSQL (20 GB)
	$(WITHENGINES) -durable -- go run ./bench -questions -engine postgres -jobs 10000,10000000 -draw 4 $(BENCHFLAGS)
	go run ./bench -questions -engine sqlite -jobs 10000,10000000 -draw 4 $(BENCHFLAGS)

.PHONY: import-large
import-large: engines oracle ## measure jobdb import of 1,000,000 jobs from DIRAC 8 on MariaDB to PostgreSQL, killed on the way (IMPORT=100000 KILLS=20)
	JOBDB_IMPORT_LARGE=$(or $(IMPORT),1000000) JOBDB_IMPORT_KILLS=$(or $(KILLS),20) $(WITHENGINES) -durable -- go test -timeout 0 -run TestLarge -v ./internal/transfer

.PHONY: differential
differential: engines oracle ## compare with the reference at length (SEED=7 ROUNDS=50)
	JOBDB_SEED=$(or $(SEED),$(shell date +%s)) JOBDB_ROUNDS=$(or $(ROUNDS),50) $(WITHENGINES) -- go test $(RACE) -timeout 0 -run DifferentialSearch -v ./internal/differential/library

.PHONY: differential-http
differential-http: oracle ## compare with the reference's service at length (SEED=7 ROUNDS=20)
	JOBDB_SEED=$(or $(SEED),$(shell date +%s)) JOBDB_ROUNDS=$(or $(ROUNDS),20) go test $(RACE) -timeout 0 -run DifferentialService -v ./internal/differential/service

.PHONY: compat
compat: build engines oracle ## try DiracX's own clients on a server that runs (COMPATFLAGS='--server own -k search')
	PYTHONDONTWRITEBYTECODE=1 $(WITHENGINES) -- $(ORACLE)/bin/python -m pytest -v $(COMPATFLAGS) compat

.PHONY: diracx-web
diracx-web: build oracle ## build diracx-web (SOURCE=../diracx-web, a clone) and try it in Chromium: on jobdb alone, and by nginx beside DiracX
	@[[ -n '$(SOURCE)' ]] || { echo 'which clone? make diracx-web SOURCE=../diracx-web'; exit 1; }
	e2e/build-diracx-web.sh '$(SOURCE)' .cache/diracx-web
	$(ORACLE)/bin/python -m venv .cache/e2e-venv
	.cache/e2e-venv/bin/pip install --quiet --disable-pip-version-check -r e2e/requirements.txt
	PYTHONDONTWRITEBYTECODE=1 JOBDB_DIRACX_WEB=.cache/diracx-web/out .cache/e2e-venv/bin/python -m pytest -v e2e

.PHONY: page-large
page-large: engines ## try the page on the program itself with 100,000 jobs that go on, an hour of it, and take its figures (JOBS=1000000 MINUTES=60 RATE=2 DATA=folder)
	JOBDB_PAGE_JOBS=$(or $(JOBS),100000) JOBDB_PAGE_MINUTES='$(MINUTES)' JOBDB_PAGE_RATE='$(RATE)' JOBDB_PAGE_DATA='$(abspath $(DATA))' \
	  go test -v -count=1 -timeout 0 -run TestLarge ./internal/browser

.PHONY: faults
faults: engines ## what may happen to servers and databases, with the figures of docs/reliability.md (MINUTES=120: a fault a minute for so long on each engine; FAULT='disk|lock'; LOAD=2m)
	JOBDB_FAULTS_LOAD=$(or $(LOAD),20s) JOBDB_FAULTS_MINUTES='$(MINUTES)' JOBDB_FAULT='$(FAULT)' $(WITHENGINES) -- go test -v -count=1 -timeout 0 ./internal/faults

.PHONY: upgrade
upgrade: engines ## rolling upgrades: the programs before the newest migrations, built from history, beside today's on each engine (needs a full clone)
	JOBDB_UPGRADE=required $(WITHENGINES) -- go test -v -count=1 -timeout 30m -run TestUpgrade ./internal/faults

.PHONY: tasks
tasks: engines ## three servers on MariaDB, Galera and PostgreSQL, one killed now and then: each background task is done once (MINUTES=30 on each)
	JOBDB_TASKS_MINUTES=$(or $(MINUTES),30) $(WITHENGINES) -- go test -v -count=1 -timeout 0 -run TestTasks ./internal/faults

.PHONY: grid
grid: engines ## the traffic of ten LHCbs with a fault a minute, for two hours on each engine (LHCBS=10 MINUTES=120 FAULT='disk|lock')
	JOBDB_LHCBS=$(or $(LHCBS),10) JOBDB_FAULTS_MINUTES=$(or $(MINUTES),120) JOBDB_FAULT='$(FAULT)' $(WITHENGINES) -- \
	  go test -v -count=1 -timeout 0 -run 'TestFaults' ./internal/faults

.PHONY: soak
soak: engines ## an hour of traffic beside slow readers on each engine, after which nothing has grown (MINUTES=60; LHCBS=1: paced)
	JOBDB_LHCBS='$(LHCBS)' JOBDB_SOAK_MINUTES=$(or $(MINUTES),60) $(WITHENGINES) -- go test -v -count=1 -timeout 0 -run Soak ./internal/faults

.PHONY: stress
stress: engines ## 200 clients at once, a minute on each engine (STRESS=10m)
	JOBDB_STRESS=$(or $(STRESS),1m) $(WITHENGINES) -- go test $(RACE) -timeout 0 -run Stress -v ./api

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s)
	@for package in $$(go list ./...); do \
	  targets=$$(go test -list '^Fuzz' $$package); \
	  for target in $$(grep '^Fuzz' <<<"$$targets" || true); do \
	    echo "$$package $$target"; \
	    go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package; \
	  done; \
	done

.PHONY: vuln
vuln: ## look for known vulnerabilities of our dependencies and of Go, in Go's database as the module proxy has it
	@rm -rf .cache/vulndb && mkdir -p .cache/vulndb
	folder=$$(go mod download -json golang.org/x/vulndb@latest | sed -n 's/.*"Dir": "\(.*\)".*/\1/p') && \
	  go run "golang.org/x/vulndb/cmd/indexdb@$${folder##*@}" -vulns "$$folder/data/osv" -out .cache/vulndb
	GOTOOLCHAIN=auto $(GOVULNCHECK) -db 'file://$(CURDIR)/.cache/vulndb' ./...

.PHONY: sbom
sbom: ## write bin/jobdb.cdx.json: what the binary is made of, with licences (CycloneDX)
	@mkdir -p bin
	CGO_ENABLED=$(CGO) $(CYCLONEDX) app -json -licenses -std -main cmd/jobdb -output bin/jobdb.cdx.json .
	@echo "bin/jobdb.cdx.json names $$(grep -c '"purl"' bin/jobdb.cdx.json) modules"

TOOLS := .cache/deploy-venv

# zig is the C compiler that builds SQLite for each Linux, statically; the others look at deploy/.
$(TOOLS)/installed: deploy/requirements.txt
	@$(find-python); [[ -n $$python ]] || { $(call apt-install,python3-venv) && $(find-python); }; \
	rm -rf $(TOOLS) && "$$python" -m venv $(TOOLS) && $(TOOLS)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.PHONY: release
release: $(TOOLS)/installed ## build static binaries for Linux, macOS and Windows, deb, rpm, checksums and SBOM into dist/ (PLATFORMS=linux/amd64)
	ZIG='$(CURDIR)/$(TOOLS)/bin/python -m ziglang' deploy/release.sh

.PHONY: reproduce
reproduce: ## build the release in two folders, and compare the bytes (PLATFORMS=linux/amd64)
	deploy/reproduce.sh

HELM := go run helm.sh/helm/v3/cmd/helm@v3.16.4

PROMTOOL := .cache/prometheus/usr/bin/promtool
$(PROMTOOL):
	@mkdir -p .cache/prometheus
	cd .cache/prometheus && apt-get download prometheus && dpkg -x prometheus_*.deb .

.PHONY: promtool
promtool: $(PROMTOOL) ## check the alerts in deploy/prometheus, and the form of the metrics, with Prometheus's own tool (from Debian's package)
	cd deploy/prometheus && $(CURDIR)/$(PROMTOOL) check rules alerts.yml && $(CURDIR)/$(PROMTOOL) test rules alerts_test.yml
	JOBDB_PROMTOOL='$(CURDIR)/$(PROMTOOL)' go test -count=1 -run TestMetrics ./metrics

.PHONY: deploy-check
deploy-check: $(TOOLS)/installed ## check what is in deploy/: the chart, the Dockerfile, the scripts, the dashboard; and the Ingress of docs/diracx-web.md
	$(HELM) lint --strict deploy/helm/jobdb --set issuer=https://diracx.example.org
	$(HELM) template deploy/helm/jobdb --kube-version 1.31.0 --set issuer=https://diracx.example.org --set ingress.enabled=true --set ingress.host=diracx.example.org \
	  --set settings.JOBDB_QUERY_TIME=30s >.cache/chart.yaml
	awk '/^```yaml/ { inside = 1; next } /^```/ { inside = 0 } inside' docs/diracx-web.md >.cache/ingress.yaml
	$(TOOLS)/bin/kubernetes-validate --strict -k 1.31.0 .cache/chart.yaml .cache/ingress.yaml
	$(TOOLS)/bin/hadolint deploy/Dockerfile
	$(TOOLS)/bin/shellcheck deploy/*.sh deploy/compose/*.sh
	$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	cd deploy/grafana/check && go run . ../jobdb.json

.PHONY: try-packages
try-packages: ## install the packages of dist/ in a bare Debian and try them (after make release; needs root, debootstrap, rpm)
	deploy/try-packages.sh

.PHONY: try-compose
try-compose: build $(TOOLS)/installed ## run what deploy/compose.yaml runs as processes, and kill some (root; Debian's mariadb-server, mariadb-backup, socat, nginx-light)
	$(TOOLS)/bin/python deploy/compose/try.py bin/jobdb

.PHONY: engines
engines: mysql-or-skip ## install MariaDB, Galera, PostgreSQL, SQLite's shell, libfaketime and Chromium by apt where that is allowed, and unpack MySQL
	@missing=(); \
	command -v sqlite3 >/dev/null || missing+=(sqlite3); \
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium); \
	command -v mariadbd >/dev/null || missing+=(mariadb-server-core mariadb-client-core); \
	compgen -G '/usr/lib*/galera*/libgalera_smm.so' >/dev/null || missing+=(galera-4); \
	compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || missing+=(libfaketime); \
	compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null || missing+=(postgresql); \
	[[ $${#missing[@]} = 0 ]] || { $(call apt-install,$${missing[@]}); } || { \
	  printf '\n!!! MISSING: %s. Their tests are left out. To install: apt-get update && apt-get install %s\n\n' "$${missing[*]}" "$${missing[*]}"; \
	  [[ -z $${CI:-} ]]; }

# MySQL is in no stable release of Debian, and can't be installed beside MariaDB.
.PHONY: mysql-or-skip
mysql-or-skip:
	@jobdbtest/mysql/install .cache/mysql || { \
	  printf '\n!!! NO MYSQL: its tests are left out, unless JOBDB_TEST_MYSQL is the URL of an administrator on a server for tests.\n\n'; \
	  [[ -z $${CI:-} || -n $${JOBDB_TEST_MYSQL:-} ]]; }

.PHONY: oracle
oracle: $(ORACLE)/installed $(RELEASES)/fetched $(DIRAC)/installed ## install the reference (Python, from PyPI) that the differential tests ask, and fetch DIRAC's releases
	@:

.PHONY: oracle-or-skip
oracle-or-skip:
	@$(MAKE) oracle || { \
	  printf '\n!!! NO REFERENCE: the tests that compare with it are left out. They need Python 3.11 or later with venv, and PyPI.\n\n'; \
	  [[ -z $${CI:-} ]]; }

# The newest Python that can make virtual environments; Debian's is in python3-venv.
find-python = for python in python3 /usr/bin/python3; do \
	  "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; done

$(ORACLE)/installed: oracle/requirements.txt
	@$(find-python); [[ -n $$python ]] || { $(call apt-install,python3-venv) && $(find-python); }; \
	[[ -n $$python ]] || { echo 'no Python 3.11 with venv; to install: apt-get update && apt-get install python3-venv'; exit 1; }; \
	rm -rf $(ORACLE); \
	"$$python" -m venv $(ORACLE); \
	$(ORACLE)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(DIRAC)/installed: oracle/dirac-requirements.txt $(ORACLE)/installed
	@rm -rf $(DIRAC); \
	$(ORACLE)/bin/python -m venv $(DIRAC); \
	$(DIRAC)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

$(RELEASES)/fetched: oracle/releases.txt $(ORACLE)/installed
	@rm -rf $(RELEASES); \
	grep -v '^#' $< | while read -r release; do \
	  $(ORACLE)/bin/pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
	    --dest $(RELEASES) -r /dev/stdin <<<"$$release"; \
	done
	@touch $@

# apt-install installs Debian packages, and fails where we may not.
apt-install = if ! command -v apt-get >/dev/null; then false; \
	elif [[ $$EUID = 0 ]]; then as_root=env; \
	else sudo -n true 2>/dev/null && as_root='sudo -n env'; fi && \
	$$as_root apt-get -q update && \
	$$as_root DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $(1)

OPENSEARCH := .cache/opensearch

# An OpenSearch of one node, from the jars of Maven Central (needs Java 17 and Maven).
$(OPENSEARCH)/classpath: oracle/opensearch/pom.xml oracle/opensearch/TestNode.java
	@mkdir -p $(OPENSEARCH)
	mvn -q -B -f oracle/opensearch package dependency:build-classpath -Dmdep.outputFile=$(CURDIR)/$@.new
	@printf '%s:%s' '$(CURDIR)/$(OPENSEARCH)/classes' "$$(cat $@.new)" >$@

.PHONY: test-opensearch
test-opensearch: engines oracle $(OPENSEARCH)/classpath ## run the tests that need an OpenSearch, which they start and stop (needs Java 17 and Maven)
	JOBDB_OPENSEARCH_CLASSPATH="$$(cat $(OPENSEARCH)/classpath)" \
	  $(WITHENGINES) -- go test $(RACE) $(TESTFLAGS) -p 1 -count 1 -v -run OpenSearch ./opensearch ./api ./wms ./internal/transfer ./cmd/jobdb

.PHONY: test-mysql-8.0
test-mysql-8.0: engines oracle ## run the tests of databases on MySQL 8.0.31 instead of today's (needs Maven; ten minutes)
	jobdbtest/mysql/install-8.0 .cache/mysql-8.0
	CI=true JOBDB_TEST_MYSQL_FOLDER=mysql-8.0 $(WITHENGINES) -- go test $(TESTFLAGS) -count 1 -p 1 -timeout 60m \
	  -run 'MySQL|^TestDIRAC$$|^TestSchema|^TestMigrat|OldRows|^TestHistoryElsewhere' . ./internal/conformance ./internal/differential/dirac

.PHONY: opensearch
opensearch: $(OPENSEARCH)/classpath ## an OpenSearch for tests on 127.0.0.1:9277, until Ctrl-C; JOBDB_OPENSEARCH=127.0.0.1:9277 go test ./wms
	DIR=$$(mktemp -d) && trap 'rm -rf "$$DIR"' EXIT && java -Xmx512m -cp "$$(cat $(OPENSEARCH)/classpath)" TestNode "$$DIR" 9277
