# Needs Go, make, git and bash. Tools are built from source on first
# use and kept outside the tree.

SHELL := bash

PROMETHEUS_VERSION    := v0.316.0
ALERTMANAGER_VERSION  := v0.31.1
PINT_VERSION          := v0.87.0
HELM_VERSION          := v3.22.0
HELM_DOCS_VERSION     := v1.14.2
GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION   := v1.9.0
BENCHSTAT_VERSION     := v0.0.0-20260908200009-22c9c6c9d4da
ACTIONLINT_VERSION    := v1.7.12
# Later ones need a module that the proxy does not serve, or a newer Go.
GORELEASER_VERSION    := v2.16.0
CYCLONEDX_VERSION     := v1.10.0

VERSION    ?= $(shell sed -n 's/^## \([^ ]*\).*/\1/p' CHANGELOG.md | head -n 1)
REVISION   ?= $(shell git rev-parse -q --verify HEAD 2>/dev/null || echo unknown)
BRANCH     ?= $(shell git symbolic-ref -q --short HEAD 2>/dev/null || echo unknown)
BUILD_USER ?= $(shell id -un)@$(shell uname -n)
BUILD_DATE ?= $(shell date -u +%Y-%m-%dT%H:%M:%SZ)

GO       ?= go
COVERAGE ?= coverage.out
# The race detector needs a C compiler; Go turns cgo off where there is none.
RACE     ?= $(if $(filter 1,$(shell $(GO) env CGO_ENABLED)),-race)

# Tools of another Go version are not reused: linters refuse code that is newer
# than they are.
TOOLS         := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/geelark_exporter/tools/$(shell $(GO) env GOVERSION)
PROMETHEUS    := $(TOOLS)/prometheus-$(PROMETHEUS_VERSION)
PROMTOOL      := $(TOOLS)/promtool-$(PROMETHEUS_VERSION)
ALERTMANAGER  := $(TOOLS)/alertmanager-$(ALERTMANAGER_VERSION)
AMTOOL        := $(TOOLS)/amtool-$(ALERTMANAGER_VERSION)
PINT          := $(TOOLS)/pint-$(PINT_VERSION)
HELM          := $(TOOLS)/helm-$(HELM_VERSION)
HELM_DOCS     := $(TOOLS)/helm-docs-$(HELM_DOCS_VERSION)
GOLANGCI_LINT := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)
GOVULNCHECK   := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)
BENCHSTAT     := $(TOOLS)/benchstat-$(BENCHSTAT_VERSION)
ACTIONLINT    := $(TOOLS)/actionlint-$(ACTIONLINT_VERSION)
GORELEASER    := $(TOOLS)/goreleaser-$(GORELEASER_VERSION)
CYCLONEDX     := $(TOOLS)/cyclonedx-gomod-$(CYCLONEDX_VERSION)

# Modules of their own: what they need must not become the exporter's.
NESTED := $(patsubst %/go.mod,%,$(wildcard collector/*/go.mod deploy/*/go.mod dashboards/*/go.mod))
# Programs of the repository's own, where ./... does not look.
OWN := ./.ci/testsummary ./.ci/releasecheck

V       := github.com/prometheus/common/version
LDFLAGS := -X $(V).Version=$(VERSION) -X $(V).Revision=$(REVISION) -X $(V).Branch=$(BRANCH) \
	-X $(V).BuildUser=$(BUILD_USER) -X $(V).BuildDate=$(BUILD_DATE)

.PHONY: all
all: lint build test ## Lint, build and test

.PHONY: help
help: ## List the targets
	@awk 'match($$0, /^[a-z][a-z0-9-]*:[^=].*## /) { split($$0, name, ":"); printf "%-14s %s\n", name[1], substr($$0, RLENGTH + 1) }' Makefile

.PHONY: build
build: ## Build ./geelark_exporter with its version
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o geelark_exporter .

.PHONY: test
test: $(PROMETHEUS) $(PROMTOOL) $(ALERTMANAGER) $(AMTOOL) $(PINT) $(HELM) $(HELM_DOCS) systemd chromium ## Run all tests and report statement coverage
	@$(if $(RACE),,echo "note: no C compiler, testing without the race detector")
	@# One summary of all, of what was skipped too. Of what is tested outside of a module
	@# Go's cache of test results does not know. The simulation has more cells and a longer
	@# time without the race detector.
	@export PROMETHEUS=$(PROMETHEUS) PROMTOOL=$(PROMTOOL) ALERTMANAGER=$(ALERTMANAGER) AMTOOL=$(AMTOOL) PINT=$(PINT) HELM=$(HELM) HELM_DOCS=$(HELM_DOCS); \
	set -o pipefail; { \
		$(GO) test -json -timeout 30m $(RACE) -coverprofile=$(COVERAGE) ./... $(OWN) || failed=1; \
		$(if $(RACE),$(GO) test -json -timeout 30m ./collector/simulation || failed=1;) \
		for m in $(NESTED); do (cd $$m && $(GO) test -json $(RACE) -count=1 ./...) || failed=1; done; \
		(cd collector/compare && $(GO) test -json -run '^$$' -bench '/phones=1000$$/' -benchtime 1x ./...) || failed=1; \
		exit $${failed:-0}; \
	} | $(GO) run ./.ci/testsummary
	@$(GO) tool cover -func=$(COVERAGE) | tail -n 1

.PHONY: systemd
systemd: ## Install systemd, for make test, where apt-get may
	@command -v systemd-analyze >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -qq --no-install-recommends systemd; } || \
		echo "note: no systemd-analyze, the systemd units are not tested"

.PHONY: chromium
chromium: ## Install Chromium, for make test, where apt-get may
	@[ -n "$$CHROMIUM" ] || command -v chromium chromium-browser google-chrome >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -qq --no-install-recommends chromium; } || \
		echo "note: no Chromium, the status page is not tested in a browser"

.PHONY: lint
lint: format vet $(GOLANGCI_LINT) $(ACTIONLINT) ## Check formatting, the code and the workflows
	$(GOLANGCI_LINT) run --allow-serial-runners ./... $(OWN)
	for m in $(NESTED); do (cd $$m && $(GOLANGCI_LINT) run --allow-serial-runners) || exit; done
	$(ACTIONLINT) -shellcheck= -pyflakes=

.PHONY: nested
nested: ## List the modules of their own
	@echo $(NESTED)

.PHONY: format
format: ## Check formatting
	@files=$$(gofmt -l .) && if [ -n "$$files" ]; then echo "not formatted, run gofmt -w:" $$files; exit 1; fi

.PHONY: vet
vet: ## Run go vet
	$(GO) vet ./... $(OWN)
	@# A release has a binary whose integers have 32 bits.
	CGO_ENABLED=0 GOOS=linux GOARCH=arm $(GO) build -o /dev/null .
	for m in $(NESTED); do (cd $$m && $(GO) vet ./...) || exit; done

.PHONY: vulncheck
vulncheck: $(GOVULNCHECK) ## Look for known vulnerabilities in vuln.go.dev or GOVULNDB=file:///path
	$(GOVULNCHECK) $(if $(GOVULNDB),-db '$(GOVULNDB)') ./...

.PHONY: bench
bench: ## Run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: simulation
simulation: ## Watch a simulated fleet for a week of its own clock, in a quarter of an hour, or for SIMULATION=3h, and make every fault
	@# The state of a week is written and synced some 100,000 times.
	GOGC=400 GOTMPDIR=/tmp TMPDIR=$(firstword $(wildcard /dev/shm) /tmp) $(GO) test ./collector/simulation -count 1 -v -timeout 0 -simulation.period $(or $(SIMULATION),168h)

.PHONY: soak
soak: ## Abuse an exporter for an hour, or for SOAK=2m, and print what it takes
	$(GO) test . -count 1 -run TestWhateverClientsAndTheAPIDoTheExporterStaysAsItIs -v -timeout 0 -soak $(or $(SOAK),1h) | grep -v level=

.PHONY: fuzz
fuzz: ## Fuzz everything that is read, each for a minute or for FUZZ=10m
	@for package in $$(grep -rl --include='*_test.go' '^func Fuzz' collector geelark | xargs -n1 dirname | sort -u); do \
		for target in $$(grep -ho '^func Fuzz[A-Za-z]*' $$package/*_test.go | cut -c6-); do \
			echo "$$package $$target"; $(GO) test ./$$package -run '^$$' -fuzz "^$$target\$$" -fuzztime $(or $(FUZZ),1m) || exit; \
		done; \
	done

.PHONY: mutation
mutation: ## Break the code on purpose, and print what no test notices; MUTATION='-all -package geelark'
	cd collector/mutation && nice -n 10 $(GO) run . $(MUTATION)

.PHONY: compare
compare: $(BENCHSTAT) ## Compare scrapes with those of a plain collector and of kube-state-metrics
	@out=$$(mktemp) && trap 'rm -f "$$out"' EXIT && set -o pipefail && \
		(cd collector/compare && $(GO) test -run '^$$' -bench . -benchtime 0.1s -count 6 -timeout 0 . $(COMPARE)) | tee "$$out" && $(BENCHSTAT) -col /by "$$out"

.PHONY: demo
demo: ## Run the exporter against a simulated GeeLark
	$(GO) run . --demo

.PHONY: image
image: ## Build the container image geelark_exporter
	docker build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --build-arg BRANCH=$(BRANCH) \
		--build-arg BUILD_DATE=$(BUILD_DATE) -t geelark_exporter:$(VERSION) -t geelark_exporter .

.PHONY: image-test
image-test: ## Build the image with Debian's buildah instead of Docker, and run it as it is run
	.ci/image-test

# The licences of the modules that are in the binary, of parts of them that have
# one of their own, and of Go.
.PHONY: licenses
licenses: LICENSES ?= licenses
licenses: ## Collect the licences of what is in the binary into ./licenses
	@rm -rf $(LICENSES) && mkdir -p $(LICENSES)/go && cp "$$($(GO) env GOROOT)/LICENSE" $(LICENSES)/go/
	@set -o pipefail; shopt -s nullglob nocaseglob; CGO_ENABLED=0 GOOS=linux $(GO) list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}} {{end}}{{end}}{{.Dir}}' . | \
	while read -r module root dir; do \
		[ -n "$$dir" ] || continue; \
		while :; do \
			for file in "$$dir"/{LICEN[CS]E,COPYING,NOTICE}*; do \
				to=$(LICENSES)/$$module$${dir#"$$root"}; mkdir -p "$$to" && cp "$$file" "$$to/" && chmod 644 "$$to/$${file##*/}"; \
			done; \
			[ "$$dir" != "$$root" ] || break; \
			dir=$${dir%/*}; \
		done; \
		found=($(LICENSES)/"$$module"/{LICEN[CS]E,COPYING}*); [ "$${#found[@]}" != 0 ] || { echo "no licence is found of $$module"; exit 1; }; \
	done

.PHONY: chart
chart: $(HELM) ## Package the Helm chart into ./.release
	@mkdir -p .release && rm -f .release/*.tgz
	$(HELM) package --destination=.release deploy/helm/geelark-exporter

.PHONY: release-check
release-check: ## Say what is missing for a release, or for the one of TAG=v1.2.3
	@$(GO) run ./.ci/releasecheck $(TAG)

# goreleaser calls these two by their own names.
.PHONY: release-tools
release-tools: $(GORELEASER) $(CYCLONEDX) $(HELM) ## Build what builds a release
	@mkdir -p .release/bin && ln -sf $(CYCLONEDX) .release/bin/cyclonedx-gomod && ln -sf $(HELM) .release/bin/helm

GORELEASE = PATH="$(CURDIR)/.release/bin:$$PATH" VERSION=$(VERSION) $(GORELEASER)

.PHONY: snapshot
snapshot: release-tools ## Check the release's configuration and build all of it into ./dist that needs no Docker and no identity
	$(GORELEASE) check
	$(GORELEASE) release --snapshot --clean --skip=sign,docker,publish

.PHONY: release
release: release-tools ## Publish the tag that is checked out; for the release workflow
	@awk '/^## / { n++ } n == 1 && !/^## /' CHANGELOG.md >.release/notes.md
	$(GORELEASE) release --clean --release-notes=.release/notes.md

.PHONY: push-chart
push-chart: $(HELM) ## Push and sign the chart's PACKAGE to CHARTS=oci://...; for make release
	@said=$$($(HELM) push $(PUSH_FLAGS) $(PACKAGE) $(CHARTS) 2>&1) || failed=1; echo "$$said"; [ -z "$$failed" ] && \
		name=$$(sed -n 's/^Pushed: \(.*\):[^:]*$$/\1/p' <<<"$$said") && digest=$$(sed -n 's/^Digest: //p' <<<"$$said") && \
		cosign sign --yes "$$name@$$digest"

.PHONY: clean
clean: ## Remove what was built, except tools
	rm -rf geelark_exporter $(COVERAGE) licenses dist .release

# Prometheus without the service discoveries of clouds: they are most of its build.
$(PROMETHEUS): PACKAGE = -tags remove_all_sd github.com/prometheus/prometheus/cmd/prometheus@$(PROMETHEUS_VERSION)
$(PROMTOOL): PACKAGE = -tags remove_all_sd github.com/prometheus/prometheus/cmd/promtool@$(PROMETHEUS_VERSION)
$(ALERTMANAGER): PACKAGE = github.com/prometheus/alertmanager/cmd/alertmanager@$(ALERTMANAGER_VERSION)
$(AMTOOL): PACKAGE = github.com/prometheus/alertmanager/cmd/amtool@$(ALERTMANAGER_VERSION)
# Helm believes in an old Kubernetes unless it is told that of its client-go.
$(HELM): PACKAGE = -ldflags '-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=37' \
	helm.sh/helm/v3/cmd/helm@$(HELM_VERSION)
$(HELM_DOCS): PACKAGE = github.com/norwoodj/helm-docs/cmd/helm-docs@$(HELM_DOCS_VERSION)
$(GOLANGCI_LINT): PACKAGE = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
$(GOVULNCHECK): PACKAGE = golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
$(BENCHSTAT): PACKAGE = golang.org/x/perf/cmd/benchstat@$(BENCHSTAT_VERSION)
$(ACTIONLINT): PACKAGE = github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)
$(GORELEASER): PACKAGE = github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)
$(CYCLONEDX): PACKAGE = github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX_VERSION)

# A build that is interrupted leaves no tool behind: the last step is a rename.
$(PROMETHEUS) $(PROMTOOL) $(ALERTMANAGER) $(AMTOOL) $(HELM) $(HELM_DOCS) $(GOLANGCI_LINT) $(GOVULNCHECK) $(BENCHSTAT) \
$(ACTIONLINT) $(GORELEASER) $(CYCLONEDX):
	@echo "building $(notdir $@), once"
	@mkdir -p $(@D)
	@tmp=$$(mktemp -d $(@D)/building.XXXXXX) && trap 'rm -rf "$$tmp"' EXIT && \
		GOBIN=$$tmp CGO_ENABLED=0 $(GO) install $(PACKAGE) && mv "$$tmp"/* $@

# In a module of its own: unlike go install, that asks the proxy for this version
# alone. Not every proxy lists all versions.
$(PINT):
	@echo "building $(notdir $@), once"
	@mkdir -p $(@D)
	@tmp=$$(mktemp -d $(@D)/building.XXXXXX) && trap 'rm -rf "$$tmp"' EXIT && cd "$$tmp" && \
		printf 'module tools\n\ngo 1.26\n\nrequire github.com/cloudflare/pint $(PINT_VERSION)\n' >go.mod && \
		CGO_ENABLED=0 $(GO) build -mod=mod -o pint github.com/cloudflare/pint/cmd/pint && mv pint $@
