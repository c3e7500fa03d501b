# Everything that a developer runs. One set of build flags everywhere: SQLite is compiled once.

GO       ?= go
TOOL      = $(GO) tool -modfile=.ci/tools.mod
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

.PHONY: build test lint fuzz bench demo clean

build: ## bin/tgrelay
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/tgrelay ./cmd/tgrelay

test: ## all tests, with the race detector
	$(GO) test -race -timeout 10m ./...

lint: ## formatting, vet, staticcheck
	@out=$$($(TOOL) gofumpt -l cmd relay receivers templates); test -z "$$out" || { echo "gofumpt would change:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(TOOL) staticcheck ./...

FUZZTIME ?= 1m
fuzz: ## each fuzz target for FUZZTIME, little of it spent on making inputs smaller
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg || exit 1; \
		done; \
	done

bench: ## Go benchmarks of every room and of the whole way; writes docs/performance.md
	.ci/bench

demo: ## the whole product at work, offline
	$(GO) run ./cmd/tgrelay demo

clean:
	rm -rf bin
