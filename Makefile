# Needs Go, make, git and bash. Tools are built from source on first
# use and kept outside the tree.

SHELL := bash

PROMETHEUS_VERSION    := v0.316.0
ALERTMANAGER_VERSION  := v0.31.1
HELM_VERSION          := v3.22.0
HELM_DOCS_VERSION     := v1.14.2
GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION   := v1.9.0
BENCHSTAT_VERSION     := v0.0.0-20260908200009-22c9c6c9d4da

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
HELM          := $(TOOLS)/helm-$(HELM_VERSION)
HELM_DOCS     := $(TOOLS)/helm-docs-$(HELM_DOCS_VERSION)
GOLANGCI_LINT := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)
GOVULNCHECK   := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)
BENCHSTAT     := $(TOOLS)/benchstat-$(BENCHSTAT_VERSION)

# Modules of their own: what they need must not become the exporter's.
NESTED := collector/compare deploy/tests

V       := github.com/prometheus/common/version
LDFLAGS := -X $(V).Version=$(VERSION) -X $(V).Revision=$(REVISION) -X $(V).Branch=$(BRANCH) \
	-X $(V).BuildUser=$(BUILD_USER) -X $(V).BuildDate=$(BUILD_DATE)

.PHONY: all
all: lint build test ## Lint, build and test

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1	\2/p' Makefile

.PHONY: build
build: ## Build ./geelark_exporter with its version
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o geelark_exporter .

.PHONY: test
test: $(PROMETHEUS) $(PROMTOOL) $(ALERTMANAGER) $(AMTOOL) $(HELM) $(HELM_DOCS) systemd chromium ## Run all tests and report statement coverage
	@$(if $(RACE),,echo "note: no C compiler, testing without the race detector")
	@# One summary of all, of what was skipped too. Of deploy/tests Go's cache does not know
	@# what is tested: it is outside of that module.
	@export PROMETHEUS=$(PROMETHEUS) PROMTOOL=$(PROMTOOL) ALERTMANAGER=$(ALERTMANAGER) AMTOOL=$(AMTOOL) HELM=$(HELM) HELM_DOCS=$(HELM_DOCS); \
	set -o pipefail; { \
		$(GO) test -json $(RACE) -coverprofile=$(COVERAGE) ./... ./.ci/testsummary || failed=1; \
		(cd deploy/tests && $(GO) test -json $(RACE) -count=1 ./...) || failed=1; \
		(cd collector/compare && $(GO) test -json $(RACE) ./... && \
			$(GO) test -json -run '^$$' -bench '/phones=1000$$/' -benchtime 1x ./...) || failed=1; \
		exit $${failed:-0}; \
	} | $(GO) run ./.ci/testsummary
	@$(GO) tool cover -func=$(COVERAGE) | tail -n 1

.PHONY: systemd
systemd:
	@command -v systemd-analyze >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -qq --no-install-recommends systemd; } || \
		echo "note: no systemd-analyze, the systemd units are not tested"

.PHONY: chromium
chromium:
	@[ -n "$$CHROMIUM" ] || command -v chromium chromium-browser google-chrome >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -qq --no-install-recommends chromium; } || \
		echo "note: no Chromium, the status page is not tested in a browser"

.PHONY: lint
lint: format vet $(GOLANGCI_LINT) ## Check formatting, run go vet and golangci-lint
	$(GOLANGCI_LINT) run ./... ./.ci/testsummary
	for m in $(NESTED); do (cd $$m && $(GOLANGCI_LINT) run) || exit; done

.PHONY: format
format: ## Check formatting
	@files=$$(gofmt -l .) && if [ -n "$$files" ]; then echo "not formatted, run gofmt -w:" $$files; exit 1; fi

.PHONY: vet
vet: ## Run go vet
	$(GO) vet ./... ./.ci/testsummary
	for m in $(NESTED); do (cd $$m && $(GO) vet ./...) || exit; done

.PHONY: vulncheck
vulncheck: $(GOVULNCHECK) ## Look for known vulnerabilities, needs vuln.go.dev
	$(GOVULNCHECK) ./...

.PHONY: bench
bench: ## Run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

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

.PHONY: clean
clean: ## Remove what was built, except tools
	rm -f geelark_exporter $(COVERAGE)

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

# A build that is interrupted leaves no tool behind: the last step is a rename.
$(PROMETHEUS) $(PROMTOOL) $(ALERTMANAGER) $(AMTOOL) $(HELM) $(HELM_DOCS) $(GOLANGCI_LINT) $(GOVULNCHECK) $(BENCHSTAT):
	@echo "building $(notdir $@), once"
	@mkdir -p $(@D)
	@tmp=$$(mktemp -d $(@D)/building.XXXXXX) && trap 'rm -rf "$$tmp"' EXIT && \
		GOBIN=$$tmp CGO_ENABLED=0 $(GO) install $(PACKAGE) && mv "$$tmp"/* $@
