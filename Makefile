# What a developer does with Argos. `make` alone lists it.

SHELL := /bin/bash

GO ?= go
FUZZTIME ?= 60s
BENCH   ?= .
# Extra flags for go test: -v, -count=1, -run NAME.
GOTESTFLAGS ?=

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# The version comes from git describe. Go's own stamp would add nothing, and it breaks
# the build where the tree belongs to another user.
export GOFLAGS := $(strip $(GOFLAGS) -buildvcs=false)

.DELETE_ON_ERROR:
.PHONY: help run build test drift cross lint emulator emulated bench fuzz generate

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: ## start the program: make run ARGS="--device synth"
	$(GO) run ./cmd/argos-tui $(ARGS)

build: ## build/argos-tui, with its version
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o build/argos-tui ./cmd/argos-tui

# The end-to-end tests measure times on a real screen, so they run after the others
# and not beside them.
test: drift cross ## all tests with the race detector; installs what they need
	$(GO) test -race -timeout 10m $(GOTESTFLAGS) $$($(GO) list ./... | grep -v /e2e$$)
	$(GO) test -race -timeout 10m -count=1 $(GOTESTFLAGS) ./e2e

# Every system has to build; only where libhackrf can be bound is there a HackRF. Without
# cgo and the binding nothing is linked at run time.
cross:
	@for target in linux/arm64 linux/arm darwin/arm64 windows/amd64; do \
		echo "build $$target"; \
		GOOS=$${target%/*} GOARCH=$${target#*/} GOARM=7 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/argos-tui || exit 1; \
	done
	@CGO_ENABLED=0 $(GO) build -tags nohackrf -o build/argos-tui-static ./cmd/argos-tui
	@! ldd build/argos-tui-static >/dev/null 2>&1 || { echo 'build/argos-tui-static is not static' >&2; exit 1; }

lint: build/golangci-lint ## golangci-lint, as pinned in tools/go.mod
	build/golangci-lint run ./...

emulator: build/emulator/libusb-1.0.so.0 ## a HackRF in software, for LD_LIBRARY_PATH=build/emulator

EMULATOR := device/hackrf/emulator/libusb

build/emulator/libusb-1.0.so.0: $(wildcard $(EMULATOR)/*.c $(EMULATOR)/*.h)
	@mkdir -p $(@D)
	gcc -o $@ $(filter %.c,$^) -std=gnu11 -O2 -Wall -Wextra -Werror -fvisibility=hidden -shared -fPIC -pthread -lm -Wl,-soname,$(@F)

# The air where the environment does not say another.
emulated: export EMULATOR_TONES ?= 2402e6:-40,2426e6:-46,2437.3e6:-45,2480e6:-52,433.92e6:-30,98.1e6:-35
emulated: emulator ## start the program on it: make emulated ARGS="--freq 2437M"
	LD_LIBRARY_PATH=build/emulator $(GO) run ./cmd/argos-tui --device hackrf $(ARGS)

bench: ## all benchmarks, kept in build/bench.txt
	@mkdir -p build
	@set -o pipefail; $(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 30m ./... | tee build/bench.txt

fuzz: ## every fuzz target for FUZZTIME (60s)
	GO='$(GO)' tools/fuzz '$(FUZZTIME)'

generate: build/protoc-gen-go ## rewrite what is made from stream/wire/argos.proto
	@tools/need
	$(call protoc,stream/wire)

# protoc writes its own version into a comment, and machines differ in it; nothing else
# may differ.
drift: build/protoc-gen-go
	@tools/need
	@rm -rf build/.drift && mkdir -p build/.drift
	@$(call protoc,build/.drift)
	@diff -q -I '^// .*protoc ' stream/wire/argos.pb.go build/.drift/argos.pb.go || \
		{ echo 'stream/wire/argos.pb.go is not what argos.proto says: run make generate' >&2; exit 1; }

protoc = protoc --plugin=build/protoc-gen-go -I stream/wire --go_out=$(1) --go_opt=paths=source_relative argos.proto

build/golangci-lint: tools/go.mod tools/go.sum
	$(GO) -C tools build -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

build/protoc-gen-go: tools/go.mod tools/go.sum
	$(GO) -C tools build -o ../$@ google.golang.org/protobuf/cmd/protoc-gen-go
