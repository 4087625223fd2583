# vipd: the one entry point. `make help` lists what there is.

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
SBINDIR    ?= $(PREFIX)/sbin
MANDIR     ?= $(PREFIX)/share/man
BASHDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions
DESTDIR    ?=
CARGO      ?= cargo
CARGOFLAGS ?= --locked
PROFILE    ?= release
INSTALL    ?= install

TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)
BINARY     = $(TARGET_DIR)/$(PROFILE)/vipd
SHELL_FILES = .ci/run tests/deps.sh $(wildcard conf/init.d/* conf/cgi/* conf/completion/*.bash)

.PHONY: all build demo test check fmt install uninstall bench fuzz soak sim sim-soak model mutants help clean deps

all: build

build: ## build vipd (PROFILE=release, or embedded for the smallest)
	$(CARGO) build $(CARGOFLAGS) --profile $(PROFILE)

deps: ## install what demo, test and check need (Debian packages; root)
	sh tests/deps.sh

demo: deps ## two routers, a client, haproxy behind the address: watch it move (root, 2 minutes)
	$(CARGO) build $(CARGOFLAGS) --release --bin vipd --example demo
	$(TARGET_DIR)/release/examples/demo

test: deps ## everything: units, requirements, simulation, namespaces, interop (root)
	$(CARGO) test $(CARGOFLAGS) --no-fail-fast -- --test-threads 5

check: deps ## format, lints, manual pages, shell scripts
	$(CARGO) fmt --check
	$(CARGO) clippy $(CARGOFLAGS) --all-targets -- -D warnings
	mandoc -T lint -W warning man/*.[0-9]
	shellcheck $(SHELL_FILES)

fmt: ## format the source
	$(CARGO) fmt

sim: ## the simulation alone: SEED=n replays one story, SEEDS=n runs so many
	$(CARGO) test $(CARGOFLAGS) --release --test sim -- --nocapture

sim-soak: ## the simulation for long: SEEDS=n stories (default 20000)
	SEEDS=$(or $(SEEDS),20000) $(CARGO) test $(CARGOFLAGS) --release --test sim -- --nocapture

model: ## every schedule of small worlds, with more faults than a plain test has (minutes)
	THOROUGH=1 $(CARGO) test $(CARGOFLAGS) --release --test model -- --nocapture

mutants: ## bugs in copies of the core, and which of stories, seeds and model find each (minutes)
	THOROUGH=1 $(CARGO) test $(CARGOFLAGS) --release --test mutants -- --nocapture

soak: deps ## vipd and keepalived in four routers, fault after fault: SECONDS=n (600), SEED=n (root)
	SECONDS=$(or $(SECONDS),600) $(CARGO) test $(CARGOFLAGS) --release --test soak -- \
		--exact --nocapture four_routers

bench: ## the hot path, timed
	$(CARGO) bench $(CARGOFLAGS)

fuzz: ## random bytes at the parsers, for a minute: SECONDS=n for longer
	FUZZ_SECONDS=$(or $(SECONDS),60) $(CARGO) test $(CARGOFLAGS) --release --test fuzz -- --nocapture

install: ## install binary, manual pages, completion and sample (PREFIX, DESTDIR, SYSCONFDIR)
	@test -x $(BINARY) || { echo "$(BINARY) is not there: run make build first" >&2; exit 1; }
	$(INSTALL) -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(SYSCONFDIR)
	$(INSTALL) -m 0755 $(BINARY) $(DESTDIR)$(SBINDIR)/vipd
	ln -sf vipd $(DESTDIR)$(SBINDIR)/vipctl
	$(INSTALL) -m 0644 man/vipd.8 man/vipctl.8 $(DESTDIR)$(MANDIR)/man8
	$(INSTALL) -m 0644 man/vipd.toml.5 man/vipd.keepalived.5 man/vipd.uci.5 $(DESTDIR)$(MANDIR)/man5
	$(INSTALL) -d $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR)
	$(INSTALL) -m 0644 conf/completion/vipctl.bash $(DESTDIR)$(BASHDIR)/vipctl
	$(INSTALL) -m 0644 conf/completion/_vipctl $(DESTDIR)$(ZSHDIR)/_vipctl
	$(INSTALL) -m 0600 conf/vipd.toml $(DESTDIR)$(SYSCONFDIR)/vipd.toml.sample
	@test -e $(DESTDIR)$(SYSCONFDIR)/vipd.toml || echo "now write $(SYSCONFDIR)/vipd.toml; $(SYSCONFDIR)/vipd.toml.sample is a start"

uninstall: ## remove what install has put in place; your configuration stays
	rm -f $(DESTDIR)$(SBINDIR)/vipd $(DESTDIR)$(SBINDIR)/vipctl \
		$(DESTDIR)$(MANDIR)/man8/vipd.8 $(DESTDIR)$(MANDIR)/man8/vipctl.8 \
		$(DESTDIR)$(MANDIR)/man5/vipd.toml.5 $(DESTDIR)$(MANDIR)/man5/vipd.keepalived.5 \
		$(DESTDIR)$(MANDIR)/man5/vipd.uci.5 $(DESTDIR)$(BASHDIR)/vipctl \
		$(DESTDIR)$(ZSHDIR)/_vipctl \
		$(DESTDIR)$(SYSCONFDIR)/vipd.toml.sample

clean: ## remove what was built
	$(CARGO) clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do \
		printf '  make %-10s %s\n' "$$name" "$$text"; done
