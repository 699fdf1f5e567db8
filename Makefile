# GNU make, no configure step. `make` builds the daemon, `make run` starts a broker, `make check` proves it.
#   make BUILD=release|debug|asan|tsan|fuzz    into build/, build-debug/, build-asan/, …
#   make CC=clang                              with another compiler (gcc 12 and clang 14 are kept clean)
# SPDX-License-Identifier: Apache-2.0
BUILD ?= release
CC := $(if $(filter default,$(origin CC)),$(if $(filter fuzz,$(BUILD)),clang,gcc),$(CC))
OUT ?= $(if $(filter release,$(BUILD)),build,build-$(BUILD))

WARN := -Wall -Wextra -Werror -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
OPT_release := -O2 -g
OPT_debug := -O0 -g3
OPT_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
OPT_tsan := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
OPT_fuzz := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
# Calls between files are what a broker of small files is made of: the release programs are optimized as a whole (gcc). The
# objects hold machine code too, for all that links without (unit tests; the simulator replaces functions at link time).
ifeq ($(BUILD)-$(notdir $(CC)),release-gcc)
OPT_release += -flto -ffat-lto-objects
WHOLE := -flto=auto
endif
ifndef OPT_$(BUILD)
$(error BUILD=$(BUILD): use release, debug, asan, tsan or fuzz)
endif

# Nothing of a program is seen by its libraries: librabbitmq has functions with names like ours.
CFLAGS += -fvisibility=hidden
# xxHash is used by its header alone. scripts/setup installs it; before that the compiler says that it is missing.
CFLAGS += -std=c17 -D_GNU_SOURCE $(WARN) $(OPT_$(BUILD)) -fno-strict-aliasing -pthread -Isrc
CFLAGS += $(shell pkg-config --cflags libxxhash libevent_core libevent_extra jansson libcurl librabbitmq libzmq libsodium 2>/dev/null)
LDFLAGS += $(patsubst -flto,-fno-lto,$(filter-out -ffat-lto-objects,$(OPT_$(BUILD)))) -pthread
CFLAGS := $(CFLAGS)

# HTTP of the daemon, and of the tool; the tool's clients of the bus; CURVE of both.
LDLIBS += $(shell pkg-config --libs libevent_extra libevent_core jansson libsodium 2>/dev/null || echo -levent_extra -levent_core -ljansson -lsodium) -lm
TOOL_LDLIBS := $(shell pkg-config --libs libcurl jansson librabbitmq libzmq libsodium 2>/dev/null || \
	echo -lcurl -ljansson -lrabbitmq -lzmq -lsodium) -lm
LDLIBS := $(LDLIBS)

# The daemon's allocator; the sanitizers have their own. Nothing names it: being linked is enough.
comma := ,
ALLOCATOR := $(if $(filter release debug,$(BUILD)),-Wl$(comma)--no-as-needed $(shell pkg-config --libs jemalloc 2>/dev/null || echo -ljemalloc))

# Everything is found by its folder: a new .c file is registered nowhere.
SRC := $(wildcard src/*/*.c src/*/*/*.c)
MAINS := src/daemon/main.c src/daemon/allocator.c src/cli/main.c
ROOMS := $(filter-out $(MAINS),$(SRC))
LIB := $(OUT)/libchaski.a
UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
UNIT := $(UNIT_SRC:tests/unit/%.c=$(OUT)/unit/%)
# The simulator's parts, for the unit tests too; its programs are those named *_main.c.
SIM_SRC := $(wildcard tests/sim/*.c)
SIM_LIB := $(OUT)/libsim.a
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ := $(FUZZ_SRC:tests/fuzz/%.c=$(OUT)/fuzz/%)
# Programs that speak to a broker: the other files of the folder and the client belong to them. And one that is spoken to,
# of the files with its name.
BENCH := $(OUT)/bench/confirm
CEILING := $(OUT)/bench/ceiling
BUS_LOAD := $(OUT)/bench/bus-load
BUS_RELAY := $(OUT)/bench/bus-relay
# Another's broker of events; it is built where libzmq is, which scripts/setup --bench installs.
BUS_PROXY := $(if $(shell pkg-config --exists libzmq 2>/dev/null && echo yes),$(OUT)/bench/bus-proxy)
PREFIX := $(OUT)/bench/prefix
SPACE := $(OUT)/bench/space
QUEUES := $(OUT)/bench/queues
MIX := $(OUT)/bench/mix
CRASH := $(OUT)/crash/lines
POWERCUT := $(OUT)/crash/powercut.so
CLIENT_SRC := $(wildcard tests/client/*.c)
CEILING_SRC := $(wildcard bench/ceiling*.c)
BUS_LOAD_SRC := $(filter-out bench/bus/relay.c bench/bus/proxy.c,$(wildcard bench/bus/*.c)) bench/measure.c
BUS_SRC := $(BUS_LOAD_SRC) bench/bus/relay.c $(if $(BUS_PROXY),bench/bus/proxy.c)
PREFIX_SRC := bench/prefix.c bench/measure.c
SPACE_SRC := bench/space.c bench/daemon.c bench/measure.c
QUEUES_SRC := bench/queues.c bench/measure.c
MIX_SRC := bench/mix.c bench/measure.c
BENCH_SRC := $(filter-out $(CEILING_SRC) bench/prefix.c bench/space.c bench/queues.c bench/mix.c,$(wildcard bench/*.c))
CRASH_SRC := $(wildcard tests/crash/*.c)
POWERCUT_SRC := $(wildcard tests/crash/powercut/*.c)
OBJECTS := $(patsubst %.c,$(OUT)/%.o,$(sort $(SRC) $(SIM_SRC) $(UNIT_SRC) $(FUZZ_SRC) $(CLIENT_SRC) $(BENCH_SRC) $(CEILING_SRC) \
	$(BUS_SRC) $(PREFIX_SRC) $(SPACE_SRC) $(QUEUES_SRC) $(MIX_SRC) $(CRASH_SRC) $(POWERCUT_SRC)))

.PHONY: all run bench sim sim-selftest unit objects clean help check crash powercut check-order fuzz fuzz-programs conformance compile_commands.json
.SECONDARY:
.DELETE_ON_ERROR:

all: $(OUT)/chaskid $(OUT)/chaski ## builds the daemon and the tool (the default)

$(OUT)/chaskid: $(OUT)/src/daemon/main.o $(OUT)/src/daemon/allocator.o $(LIB)
	@echo "link    $@"
	@$(CC) $(LDFLAGS:-fno-lto=$(WHOLE)) -o $@ $^ $(ALLOCATOR) $(LDLIBS)

$(OUT)/chaski: $(OUT)/src/cli/main.o $(LIB)
	@echo "link    $@"
	@$(CC) $(LDFLAGS:-fno-lto=$(WHOLE)) -o $@ $^ $(TOOL_LDLIBS)

$(LIB): $(ROOMS:%.c=$(OUT)/%.o)
$(SIM_LIB): $(patsubst %.c,$(OUT)/%.o,$(filter-out %_main.c,$(SIM_SRC)))
# Calls between files that tests/sim/bugs.c can spoil.
SIM_WRAPPED := confirm_done reply_ok_after reply_after on_queue_declare records_append mark_covers mark_exactly \
	records_group_begin records_group_end amqp_session_resume records_add records_define dedup_decide dedup_apply live_in \
	live_ranges writer_sync frame_seal frame_read frame_check frame_piece_holds log_group_check
$(OUT)/sim: $(OUT)/tests/sim/sim_main.o $(SIM_LIB) $(LIB)
	@echo "link    $@"
	@$(CC) $(LDFLAGS) $(SIM_WRAPPED:%=-Wl,--wrap=%) -o $@ $^ $(LDLIBS)
$(LIB) $(SIM_LIB):
	@echo "archive $@"
	@rm -f $@ && ar rcs $@ $^

$(OUT)/%.o: %.c
	@echo "compile $@"
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)

$(OUT)/tests/sim/%.o: CFLAGS += -Itests

$(OUT)/unit/%: $(OUT)/tests/unit/%.o $(SIM_LIB) $(LIB)
	@echo "link    $@"
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka
$(OUT)/tests/unit/%.o: CFLAGS += -Itests -Itests/unit -Wno-missing-prototypes

$(OUT)/fuzz/%: $(OUT)/tests/fuzz/%.o $(LIB)
	@echo "link    $@"
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)
$(OUT)/tests/fuzz/%.o: CFLAGS += -Wno-missing-prototypes

$(BENCH): $(BENCH_SRC:%.c=$(OUT)/%.o) $(CLIENT_SRC:%.c=$(OUT)/%.o) $(LIB)
$(SPACE): $(SPACE_SRC:%.c=$(OUT)/%.o) $(CLIENT_SRC:%.c=$(OUT)/%.o) $(LIB)
$(QUEUES): $(QUEUES_SRC:%.c=$(OUT)/%.o) $(CLIENT_SRC:%.c=$(OUT)/%.o) $(LIB)
$(MIX): $(MIX_SRC:%.c=$(OUT)/%.o) $(CLIENT_SRC:%.c=$(OUT)/%.o) $(LIB)
$(CRASH): $(CRASH_SRC:%.c=$(OUT)/%.o) $(CLIENT_SRC:%.c=$(OUT)/%.o) $(LIB)
$(CEILING): $(CEILING_SRC:%.c=$(OUT)/%.o) $(LIB)
$(BUS_LOAD): $(BUS_LOAD_SRC:%.c=$(OUT)/%.o) $(LIB)
$(BUS_RELAY): $(OUT)/bench/bus/relay.o
$(OUT)/bench/bus-proxy: $(OUT)/bench/bus/proxy.o
$(OUT)/bench/bus-proxy: LDLIBS := -lzmq
$(PREFIX): $(PREFIX_SRC:%.c=$(OUT)/%.o) $(OUT)/src/daemon/allocator.o $(LIB)
$(PREFIX): LDLIBS := $(ALLOCATOR) $(LDLIBS)
$(CEILING) $(BUS_LOAD): LDFLAGS := $(LDFLAGS:-fno-lto=$(WHOLE))
$(BENCH) $(CEILING) $(BUS_LOAD) $(BUS_RELAY) $(OUT)/bench/bus-proxy $(PREFIX) $(SPACE) $(QUEUES) $(MIX) $(CRASH):
	@echo "link    $@"
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(OUT)/tests/client/%.o $(OUT)/tests/crash/%.o $(OUT)/bench/%.o: CFLAGS += -Itests

# Loaded into programs of any build, so it has nothing of the build.
$(OUT)/tests/crash/powercut/%.o: CFLAGS := $(filter-out $(OPT_$(BUILD)) -fvisibility=hidden,$(CFLAGS)) -O1 -g -fPIC -Itests
$(POWERCUT): $(POWERCUT_SRC:%.c=$(OUT)/%.o)
	@echo "link    $@"
	@mkdir -p $(@D)
	@$(CC) -shared -pthread -o $@ $^ -ldl

objects: $(OBJECTS)
unit-programs: $(UNIT)
fuzz-programs: $(FUZZ)

bench: all $(BENCH) $(CEILING) $(BUS_LOAD) $(BUS_RELAY) $(BUS_PROXY) $(PREFIX) $(SPACE) $(QUEUES) $(MIX) ## builds the benchmarks into build/bench

bench-confirm: bench ## what a confirmed publish costs beside bare disk and loopback: make bench-confirm ARGS="--json"
	@$(OUT)/bench/confirm --chaskid $(OUT)/chaskid $(ARGS)
bench-compare: bench ## chaski beside a pass-through, RabbitMQ and others: make bench-compare ARGS="--rows start"
	@bench/compare --build $(OUT) $(ARGS)
bench-events: bench ## the event bus beside a bare relay and libzmq's proxy: make bench-events ARGS="--rows sync-1-1"
	@bench/events --build $(OUT) $(ARGS)
bench-history: bench ## a few rows, beside what they were before on this machine
	@bench/history --build $(OUT) $(ARGS)
bench-space: bench ## the disk under messages that pass, one in a thousand of which stays: make bench-space ARGS="--count 9000000"
	@$(SPACE) --chaskid $(OUT)/chaskid $(ARGS)
bench-deep: bench ## queues that are very deep, and very many: make bench-deep ARGS="--cases many --scale 10"
	@bench/deep --build $(OUT) $(ARGS)
bench-prefix: $(PREFIX) ## a million subscriptions: memory, matches a second: make bench-prefix ARGS=100000
	@$(PREFIX) $(ARGS)

run: ## installs what building needs, builds and starts a broker in the foreground: make run ARGS="-c FILE"
	@scripts/setup
	@$(MAKE) --no-print-directory all
	@$(OUT)/chaskid $(ARGS)

clean: ## removes everything built
	rm -rf build build-debug build-asan build-tsan build-fuzz compile_commands.json

compile_commands.json: ## for editors and clang-tidy
	@$(MAKE) -Bnk objects | scripts/compile-commands >$@

help: ## this list
	@sed -nE 's/^([a-z0-9_.-]+):[^#]*## (.*)/  make \1|\2/p' Makefile | column -t -s '|'

# ---- checks: `make check` runs all of them through scripts/check; each can be run alone ----

PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)
PYTEST := PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m pytest
RESULTS ?= build/results
JOBS ?= $(shell nproc)
# End-to-end tests wait more than they work.
E2E_JOBS ?= $(shell echo $$((2 * $$(nproc))))
# libFuzzer's time for each target
SECONDS ?= 60
unexport SECONDS

check: ## installs what the tests need, runs every check, ends with a line "N passed, N failed"
	@scripts/setup --tests
	@scripts/check $(RESULTS)

check-warnings: ## the whole tree compiles without a warning, with gcc and with clang
	@code=0; $(MAKE) --no-print-directory -k CC=gcc OUT=build objects || code=1; \
	$(MAKE) --no-print-directory -k CC=clang OUT=build/clang objects || code=1; exit $$code

check-format: ## clang-format would change nothing
	@clang-format --dry-run -Werror $(shell find src tests bench examples -name node_modules -prune -o -name '*.[ch]' -print)

check-includes: ## arrows between the rooms point down only, and the engine stays pure
	@$(PYTHON) scripts/check-includes .

check-house: ## the checks themselves notice what they are for
	$(PYTEST) -c tests/house/pytest.ini tests/house --junitxml=$(RESULTS)/$@/$@.xml

check-status: ## every line of docs/status.md is proven by tests that ran and passed (after the other checks)
	@$(PYTHON) scripts/check-status docs/status.md $(RESULTS)

unit: $(UNIT) ## builds and runs the unit tests of this BUILD
	@scripts/run-unit $(RESULTS)/unit-$(BUILD) $(OUT)/unit $(UNIT)

# What runs in several threads, under the thread sanitizer.
unit-threads: $(filter $(OUT)/unit/os/% $(OUT)/unit/admin/test_run% $(OUT)/unit/store/test_store_threads \
	$(addprefix $(OUT)/unit/base/test_,ring% lane% port%) $(OUT)/unit/model/test_port%,$(UNIT))
	@scripts/run-unit $(RESULTS)/unit-$(BUILD) $(OUT)/unit $^

E2E = $(PYTEST) -c tests/e2e/pytest.ini tests/e2e -n $(E2E_JOBS) --junitxml=$(RESULTS)/$@/$@.xml $(PYTEST_ARGS)
E2E_ENV = CHASKI_PASS=$(@:e2e-%=%) CHASKI_RESULTS=$(abspath $(RESULTS))/$@/logs
e2e-release: ## end-to-end tests, release build, normal bounds
	@$(MAKE) --no-print-directory BUILD=release all bench
	$(E2E_ENV) CHASKID=$(CURDIR)/build/chaskid $(E2E)
e2e-tiny: ## the same under address and undefined-behaviour sanitizers, all bounds tiny
	@$(MAKE) --no-print-directory BUILD=asan all
	$(E2E_ENV) CHASKID=$(CURDIR)/build-asan/chaskid $(E2E)
e2e-tsan: ## those marked `threads` under the thread sanitizer, bounds tiny, two I/O threads
	@$(MAKE) --no-print-directory BUILD=tsan all
	$(E2E_ENV) CHASKID=$(CURDIR)/build-tsan/chaskid $(E2E)

fuzz: ## runs each fuzz target for SECONDS (60) on top of its corpus
	@$(MAKE) --no-print-directory BUILD=fuzz fuzz-programs
	@scripts/run-fuzz $(RESULTS)/fuzz build-fuzz/fuzz $(SECONDS)

# kill -9 and what is left then; an ASan build gets tiny bounds.
CYCLES ?= 100
CRASH_ENV = CHASKID=$(abspath $(OUT))/chaskid CHASKI_PASS=$(or $(CHASKI_PASS),$(if $(filter asan,$(BUILD)),tiny,release))
crash: all ## kills a broker under random load and checks what it kept: make crash CYCLES=100 SEED=1
	@$(CRASH_ENV) $(PYTHON) tests/crash/loop.py --dir $(OUT) --cycles $(CYCLES) $(if $(SEED),--seed $(SEED)) \
	--results $(RESULTS)/$@ $(ARGS)
powercut: all $(POWERCUT) ## the same with power cuts: what was not synced is lost, torn or reordered: make powercut CYCLES=100
	@$(CRASH_ENV) $(PYTHON) tests/crash/loop.py --power $(POWERCUT) --dir $(OUT) --cycles $(CYCLES) $(if $(SEED),--seed $(SEED)) \
	--results $(RESULTS)/$@ $(ARGS)
crash-lines: all $(CRASH) ## a million lines through a broker that is killed five times: make crash-lines ARGS="--kills 9"
	@$(CRASH_ENV) $(PYTHON) tests/crash/lines.py --dir $(OUT) --helper $(OUT)/crash/lines --results $(RESULTS)/$@ $(ARGS)

# A history is some seconds of clients on both wires, with members and the broker dying; what they saw is checked.
check-order: all ## one order, nothing missing, nothing twice, whoever dies: make check-order SEEDS=10 SEED=1 ARGS="--kills 5"
	@$(CRASH_ENV) $(PYTHON) tests/e2e/consistency.py --seeds $(SEEDS) --first $(SEED) $(ARGS)
check-order: SEEDS := 10

# Histories, and where the first begins; a hundred thousand of them take some minutes.
SEED ?= 1
sim: $(OUT)/sim ## SEEDS histories of the broker on a simulated disk and network, from SEED on; or for SECONDS (60)
	@scripts/run-sim $(RESULTS)/sim$(patsubst %,-%,$(filter-out release,$(BUILD))) $< $(SEED) $(or $(SEEDS),$(SECONDS)s) $(JOBS)
sim-selftest: $(OUT)/sim ## each planted bug is found by the simulator within 10000 histories
	@scripts/run-sim $(RESULTS)/sim-selftest $< --bugs 10000 $(JOBS)

conformance: conformance-pika conformance-py-amqp ## client authors' own tests against a broker of this build
conformance-%: $(OUT)/chaskid
	tests/conformance/run $* --results $(RESULTS)/$@
