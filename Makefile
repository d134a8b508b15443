# Every target says what it does in its ## comment; `make help` lists them.
GO        ?= go
BIN       := bin/activity-core
VULN      := golang.org/x/vuln/cmd/govulncheck@v1.6.0
FUZZTIME  ?= 1m

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the program with the dev stack
	$(GO) build -o $(BIN) ./cmd/activity-core

.PHONY: build-slim
build-slim: ## build the production program, without the Temporal server
	$(GO) build -tags slim -o $(BIN)-slim ./cmd/activity-core

.PHONY: test
test: ## run every test that needs nothing but Go
	$(GO) test ./...

.PHONY: test-postgres
test-postgres: ## run the store's conformance suite, and the router under fire, on a real PostgreSQL; fails if there is none
	.ci/run postgres

.PHONY: race
race: ## run the packages without the Temporal server under the race detector
	.ci/run race

.PHONY: replay
replay: ## replay the recorded workflow histories against this version
	.ci/run replay

.PHONY: lint
lint: ## gofmt, go vet, golangci-lint with the import rules
	.ci/run format vet lint

.PHONY: ci
ci: ## everything that CI runs
	.ci/run

.PHONY: vuln
vuln: ## look for known vulnerabilities in what we link
	$(GO) run $(VULN) ./...

.PHONY: bench
bench: ## every benchmark, each with its baseline and ratio in the same run
	$(GO) test -run '^$$' -bench . -benchtime 1x ./internal/temporalrun/... ./internal/temporalschedule/... ./internal/crowd/... ./internal/router/...
	$(GO) test -run '^$$' -bench . ./internal/cronspec/... ./internal/simulate/... ./internal/ruleeval/... ./internal/sqlite/...
	ACTIVITY_CORE_TEST_POSTGRES=1 $(GO) test -run '^$$' -bench Apply -benchtime 1x ./internal/httpapi/

.PHONY: bench-match
bench-match: ## matching: scan all, by type, our index, with ratios
	$(GO) test -run '^$$' -bench Match ./internal/eventmatch/...

.PHONY: bench-route
bench-route: ## events through NATS, ledger and Temporal against a bare loop of starts
	$(GO) test -run '^$$' -bench Route -benchtime 1x ./internal/router/...

.PHONY: bench-lists
bench-lists: ## what a page of every list costs at the sizes that docs/lists.md promises, on both stores and the stream; for an idle machine
	ACTIVITY_CORE_LONG=1 ACTIVITY_CORE_TEST_POSTGRES=1 $(GO) test -v -count 1 -timeout 3h -p 1 -run '^(TestListsOfALargeRecord|TestListsOfALongStream)$$' \
	  ./internal/sqlite ./internal/postgres ./internal/eventlog

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME
	@for pkg in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$pkg/*_test.go | cut -c6-); do \
	    echo "== $$pkg $$f"; $(GO) test $$pkg -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) || exit 1; done; done

ZONE_TEXT ?= internal/zonedata/tzdata.zi

.PHONY: zone-data
zone-data: ## build the zone data from IANA's text; ZONE_TEXT=/usr/share/zoneinfo/tzdata.zi takes a newer one (docs/adr/0010)
	@[ "$(ZONE_TEXT)" = internal/zonedata/tzdata.zi ] || cp "$(ZONE_TEXT)" internal/zonedata/tzdata.zi
	$(GO) run ./internal/zonedata/build

.PHONY: zone-data-check
zone-data-check: ## compare the zone data with IANA's text, and the text with the checksum in docs/adr/0010
	$(GO) run ./internal/zonedata/build -check

.PHONY: dev
dev: build ## build, then run everything in one process with the examples
	$(BIN) dev -f examples/ --context-dir examples/context
