# Everything that a developer runs. One set of build flags everywhere: SQLite is compiled once.

GO       ?= go
TOOL      = $(GO) tool -modfile=.ci/tools.mod
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

.PHONY: build test lint fuzz bench scale soak chaos replicas demo packages sbom reproduce clean

build: ## bin/tgrelay
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/tgrelay ./cmd/tgrelay

test: ## all tests, with the race detector
	$(GO) test -race -timeout 20m ./...

lint: ## formatting, vet, staticcheck
	@out=$$($(TOOL) gofumpt -l cmd relay receivers templates .ci/manifests); test -z "$$out" || { echo "gofumpt would change:"; echo "$$out"; exit 1; }
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

RECIPIENTS ?= 10000000
BOTS ?= 10000
SUSTAIN ?= 3m
scale: ## how it grows, measured with RECIPIENTS, BOTS and loads for SUSTAIN each, on both databases, and simulated; docs/scale.md has the figures of a run
	$(GO) test -count=1 -v -timeout 3h ./relay/store -run '^TestScale' -scale $(RECIPIENTS) -sustain $(SUSTAIN)
	$(GO) test -count=1 -v -timeout 1h ./relay/delivery -run '^TestScale' -bots $(BOTS)
	ulimit -n $$(ulimit -Hn); $(GO) test -count=1 -v -timeout 1h ./relay/telegram -run '^TestScale' -bots $(BOTS)
	$(GO) test -count=1 -v -timeout 1h ./cmd/tgrelay -run '^TestScale$$' -sustain $(SUSTAIN)

SOAK ?= 30m
soak: ## the program as it is released, under load and trouble for SOAK; docs/reliability.md has the figures of a run
	$(GO) test -count=1 -v -timeout 12h ./cmd/tgrelay -run '^TestSoak$$' -soak $(SOAK)

chaos: ## kills, full and broken disks, networks and names that fail, clocks that jump; as root, for some need mounts and network namespaces
	$(GO) test -count=1 -v -race -timeout 30m ./cmd/tgrelay -chaos \
		-run '^Test(Kill|Disk|Network|Names|TelegramIsSilent|Connections|EndWhile|Clock)'
	$(GO) test -count=1 -race ./relay/store ./relay/delivery -run 'Crash|Kill|Torn|Chaos'

FOR ?= 0
replicas: ## three relays on one PostgreSQL, killed, frozen, cut off, their database restarted; FOR=30m: then with such faults by chance that meet; as root, for some of it needs network namespaces
	$(GO) test -count=1 -v -timeout 40m ./cmd/tgrelay -replicas -run '^TestReplicas'
	@test $(FOR) = 0 || $(GO) test -count=1 -v -timeout 12h ./cmd/tgrelay -replicas-for $(FOR) -run '^TestReplicasThroughFaultsThatMeet$$'

demo: ## the whole product at work, offline
	$(GO) run ./cmd/tgrelay demo

ARCH ?= amd64 arm64 armv7
packages: ## deb, rpm, apk and tarball for each ARCH, with their checksums, in dist/
	packaging/package $(ARCH)

sbom: ## what modules are in the released binary, in the format of CycloneDX, in dist/
	packaging/binary $(firstword $(ARCH)) dist/bin/$(firstword $(ARCH))/tgrelay
	$(GO) tool -modfile=.ci/release.mod cyclonedx-gomod bin -json -std -licenses -noserial -notimestamp -version "$$(packaging/version)" \
		-output "dist/tgrelay_$$(packaging/version).cdx.json" dist/bin/$(firstword $(ARCH))/tgrelay

reproduce: ## the same sources make the same binary and packages, wherever they lie
	packaging/reproduce $(firstword $(ARCH))

clean:
	rm -rf bin dist
