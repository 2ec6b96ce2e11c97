# SPDX-License-Identifier: BSD-2-Clause
#
# Makefile: builds, tests and installs weir. "make help" lists what it can do.
#
# Settings come from $(BUILDDIR)/config.mk, which configure writes; without one configure is run
# first. All output goes below $(BUILDDIR).

BUILDDIR := build
override BUILDDIR := $(patsubst %/,%,$(BUILDDIR))
B := $(BUILDDIR)
V :=
Q := $(if $(V),,@)
SAY = @$(if $(V),:,printf '  %-7s %s\n')

.PHONY: all run check check-unit check-e2e coverage coverage-report reproducible torture soak \
	fuzz fuzz-ready bench html lint analyse format install uninstall dist deb check-package \
	clean distclean help FORCE faults model
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY: $(patsubst src/http/%.html,$(B)/gen/%_html.c,$(wildcard src/http/*.html))

all: $(B)/weir

# As many jobs as cores; a -j of the command line wins over this.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell getconf _NPROCESSORS_ONLN)
endif

# These work without configure; all else needs its answers.
ifneq ($(filter-out help html format dist deb check-package clean distclean,$(or $(MAKECMDGOALS),all)),)
include $(B)/config.mk
endif

$(B)/config.mk: configure $(wildcard auto/*)
	@if [ -f $(B)/reconfigure ]; then sh $(B)/reconfigure; else ./configure --builddir=$(B); fi

# Sources: all below src/, but of the HTTP modules only those chosen.
MODULE_DIR := src/http/modules
SOURCES := $(sort $(shell find src -name '*.c' ! -path '$(MODULE_DIR)/*')) $(MODULE_SOURCES)
LIB_SOURCES := $(filter-out src/main.c $(if $(DEBUG),,src/base/faults.c),$(SOURCES))
UNIT_SOURCES := $(sort $(shell find tests/unit -name 'test_*.c'))
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))

# In a debug build what can fail may be made to: each call goes through a wrapper, base/faults.h.
WRAPS := $(if $(DEBUG),$(shell sed -n \
	's/^    \(FAIL\|WAIT\|MOVE\|CODE\|HAND\).\([A-Za-z0-9_]*\),.*/-Wl,--wrap=\2/p' src/base/faults.h))

object = $(patsubst %.c,$(B)/$(1)/%.o,$(2))
PAGES := $(notdir $(basename $(sort $(wildcard src/http/*.html))))
page_objects = $(PAGES:%=$(B)/$(1)/gen/%_html.o)
llhttp_objects = $(patsubst %.c,$(B)/$(1)/llhttp/%.o,$(notdir $(LLHTTP_SOURCES)))

# Where fuzzers are built. ENGINE: libfuzzer or afl.
ENGINE := libfuzzer
F := $(B)/fuzz/$(ENGINE)

LIB_OBJECTS := $(call object,obj,$(LIB_SOURCES)) $(B)/obj/gen/http_modules.o \
	$(call page_objects,obj) \
	$(call llhttp_objects,obj)
UNIT_PROGRAMS := $(patsubst %.c,$(B)/%,$(UNIT_SOURCES))

# Paths in messages and debug information are those of the source tree, wherever it stands.
SAME_PATHS := -ffile-prefix-map='$(CURDIR)'=. -ffile-prefix-map='$(abspath $(B))'=build
INCLUDES := -Isrc -I$(B)/gen $(LIB_CFLAGS)
CFLAGS_ALL = $(LANGUAGE) $(OPTIMISE) $(WARNINGS) $(HARDENING) $(SANITIZE) $(SAME_PATHS) $(CC_OPT) \
	$(CFLAGS)
LDFLAGS_ALL = $(LINK_HARDENING) $(LD_OPT) $(LDFLAGS)
COMPILE = $(CC) $(CFLAGS_ALL) $(LTO) $(INCLUDES) -MMD -MP
COMPILE_TEST = $(CC) $(CFLAGS_ALL) $(INCLUDES) -Itests/unit $(CHECK_CFLAGS) -MMD -MP

# keep FILE,TEXT: the file holds the text, and changes only when the text does.
define keep
@mkdir -p $(dir $(1))
@printf '%s\n' '$(subst ','\'',$(2))' | cmp -s - $(1) || \
	printf '%s\n' '$(subst ','\'',$(2))' > $(1)
endef

# Whatever was built with other flags, or of other files, is built again.
$(B)/flags: FORCE
	$(call keep,$@,$(COMPILE) $(LDFLAGS_ALL) $(LIBS) $(CHECK_CFLAGS) $(CHECK_LIBS))

$(F)/flags: FORCE
	$(call keep,$@,$(FUZZ_COMPILE) $(LIBS))

$(B)/objects: FORCE
	$(call keep,$@,$(LIB_OBJECTS))

$(B)/obj/src/%.o: src/%.c $(B)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -c -o $@ $<

$(B)/obj/gen/%.o: $(B)/gen/%.c $(B)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -c -o $@ $<

# A page of the server's own, as bytes: NAME.html is NAME_html and NAME_html_len.
$(B)/gen/%_html.c: src/http/%.html
	$(SAY) BYTES $<
	@mkdir -p $(@D)
	@{ echo '/* $<. Written by make. */'; echo '#include <stddef.h>'; \
	echo 'extern const unsigned char $(*F)_html[];'; echo 'extern const size_t $(*F)_html_len;'; \
	echo 'const unsigned char $(*F)_html[] = {'; \
	od -An -v -tx1 $< | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'; \
	echo '};'; echo 'const size_t $(*F)_html_len = sizeof($(*F)_html);'; } > $@

# The types that are built in are those that are shipped: a line for each extension.
$(B)/gen/mime_types.h: conf/mime.types
	$(SAY) TYPES $<
	@mkdir -p $(@D)
	@{ echo '/* $<. Written by make. */'; sed -e 's/#.*//' -e 's/;//' $< | \
	awk '/\// { for (i = 2; i <= NF; i++) printf "TYPE(\"%s\", \"%s\")\n", $$i, $$1 }'; } > $@

$(B)/obj/src/http/types_built_in.o $(F)/obj/src/http/types_built_in.o: $(B)/gen/mime_types.h

# llhttp is not ours to mend: no warnings.
$(B)/obj/llhttp/%.o: $(dir $(firstword $(LLHTTP_SOURCES)))%.c $(B)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -w -c -o $@ $<

$(B)/libweir.a: $(LIB_OBJECTS) $(B)/objects
	$(SAY) AR $@
	@rm -f $@
	$(Q)$(AR) rcs $@ $(LIB_OBJECTS)

$(B)/weir: $(B)/obj/src/main.o $(B)/libweir.a
	$(SAY) LD $@
	$(Q)$(CC) $(CFLAGS_ALL) $(LTO) $(LDFLAGS_ALL) $(WRAPS) -o $@ $^ $(LIBS)

# The welcome page, until Ctrl-C. Workers of root must be able to read this folder: they stay root.
run: $(B)/weir
	@! command -v mandoc > /dev/null || $(MAKE) -s html
	@echo 'weir serves html/ on http://localhost:8080/ and its numbers at /status (Ctrl-C ends it)'
	@WEIR_MANUAL=$(B)/manual exec $(B)/weir -p . -c conf/run.conf \
		-g "daemon off; pid $(abspath $(B))/run.pid; $$([ $$(id -u) -ne 0 ] || echo 'user root;')"

# Tests. T= chooses: the part of a unit test's name, or pytest's options. A test that hangs for so
# many seconds has failed (pytest-timeout reads the variable).
check check-e2e: export PYTEST_TIMEOUT ?= 300

check: $(B)/weir $(UNIT_PROGRAMS)
	@tests/run unit $(B) $(UNIT_PROGRAMS)
	@WEIR_BINARY=$(abspath $(B)/weir) tests/run e2e $(B) $(PYTEST)

check-unit: $(UNIT_PROGRAMS)
	@tests/run unit $(B) $(if $(T),$(foreach p,$(UNIT_PROGRAMS),$(if $(findstring $(T),$p),$p)),$^)

check-e2e: $(B)/weir
	@WEIR_BINARY=$(abspath $(B)/weir) PYTEST_ADDOPTS='$(T)' tests/run e2e $(B) $(PYTEST)

# What the tests run of the sources: a build of its own, by clang. Its counters lie in files that all
# processes share, so that nothing is lost with those that are killed or locked in. Assertions are
# left out: that they fail is no branch to be taken.
COVERAGE_CC := clang
COVERAGE := $(abspath $(B))/coverage
COVERAGE_FLAGS = -O1 -DNDEBUG -Wno-unused -Wno-unused-command-line-argument -fcoverage-mapping \
	-fprofile-instr-generate=$(COVERAGE)/profiles/%m%c.profraw -mllvm -runtime-counter-relocation

coverage:
	@./configure --builddir=$(B)/coverage --with-cc=$(COVERAGE_CC) --with-debug \
		--with-cc-opt='$(COVERAGE_FLAGS)'
	@rm -rf $(COVERAGE)/profiles && mkdir -p $(COVERAGE)/profiles
	-@chmod 1777 $(COVERAGE)/profiles
	@$(MAKE) BUILDDIR=$(B)/coverage check
	@$(MAKE) BUILDDIR=$(B)/coverage coverage-report

coverage-report: $(B)/weir $(UNIT_PROGRAMS)
	@tests/coverage $(B)/profiles $^

# Built elsewhere the program is the same, byte for byte.
reproducible: $(B)/weir
	+@tests/reproducible $(B) $(ARGS)

# A tree of files that is changed in all ways while it is served, for $(SECONDS).
torture: $(B)/weir
	@WEIR_BINARY=$(abspath $(B)/weir) WEIR_TORTURE_SECONDS=$(SECONDS) PYTEST_ADDOPTS='-s -k test_torture' \
		tests/run e2e $(B) $(PYTEST)

# Each call that can fail is made to, in each way: long. FAULT_WAYS=1 is the first way alone.
faults: $(B)/weir
	@$(if $(DEBUG),:,echo 'nothing can be made to fail: ./configure --with-debug' && exit 1)
	@FAULTS=all WEIR_BINARY=$(abspath $(B)/weir) PYTEST_ADDOPTS='-s $(or $(T),-k test_faults)' \
		tests/run e2e $(B) $(PYTEST)

# Streams of requests that were altered by chance, read by the server and by the model of RFC 9112.
COUNT := 10000
SEED := 1

model: $(B)/weir
	@WEIR_BINARY=$(abspath $(B)/weir) PYTHONPATH=tests/e2e \
		$(or $(firstword $(PYTEST)),python3) -B -m model $(SEED) $(COUNT)

# All that can happen to a server, at once and at random, for $(SECONDS); SEED= repeats a run's choices.
soak: SECONDS := 600
soak: SEED :=
soak: $(B)/weir
	@WEIR_BINARY=$(abspath $(B)/weir) tests/run soak $(B) $(SECONDS) $(SEED)

$(B)/tests/unit/%: tests/unit/%.c $(B)/libweir.a $(B)/flags
	$(if $(CHECK_LIBS),,@echo 'unit tests need Check: ./configure --deps installs it' && exit 1)
	$(SAY) TEST $<
	@mkdir -p $(@D)
	$(Q)$(COMPILE_TEST) -fno-lto $(LDFLAGS_ALL) $(WRAPS) -o $@ $< $(CHECK_LIBS) $(B)/libweir.a $(LIBS)

# Fuzzing: a build of its own for each engine, by clang with libFuzzer or by AFL++'s clang. With
# libFuzzer each target runs for $(SECONDS), all at the same time; with AFL++ as many as cores.
SECONDS := 60
FUZZ_CC_libfuzzer := clang
FUZZ_CC_afl := AFL_QUIET=1 afl-clang-fast
FUZZ_CC = $(FUZZ_CC_$(ENGINE))
FUZZ_TRACE_libfuzzer := -fsanitize=fuzzer-no-link
FUZZ_NEEDS_libfuzzer := clang and its runtime (Debian: clang, libclang-rt-dev)
FUZZ_NEEDS_afl := AFL++ (Debian: afl++)
FUZZ_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_FLAGS = $(LANGUAGE) -g -O1 -DWEIR_DEBUG -DFUZZING $(FUZZ_SANITIZE) $(INCLUDES)
FUZZ_OBJECTS := $(patsubst %.c,$(F)/obj/%.o,$(LIB_SOURCES)) $(F)/obj/gen/http_modules.o \
	$(PAGES:%=$(F)/obj/gen/%_html.o) \
	$(patsubst %.c,$(F)/obj/llhttp/%.o,$(notdir $(LLHTTP_SOURCES)))
FUZZ_CHOSEN := $(if $(T),$(foreach f,$(FUZZ_SOURCES),$(if $(findstring $(T),$f),$f)),$(FUZZ_SOURCES))
FUZZ_PROGRAMS := $(patsubst tests/fuzz/%.c,$(F)/%,$(FUZZ_CHOSEN))
FUZZ_COMPILE = $(FUZZ_CC) $(FUZZ_FLAGS) $(FUZZ_TRACE_$(ENGINE)) -MMD -MP

fuzz: $(FUZZ_PROGRAMS)
	@tests/run fuzz $(ENGINE) $(SECONDS) $(FUZZ_PROGRAMS)

fuzz-ready:
	$(if $(FUZZ_CC),,@echo 'ENGINE is libfuzzer or afl' && exit 1)
	@mkdir -p $(F)
	@echo 'int LLVMFuzzerTestOneInput(const char *p, long n) { return p[n]; }' | \
		$(FUZZ_CC) -w $(FUZZ_SANITIZE) -fsanitize=fuzzer -x c -o $(F)/ready - 2>/dev/null || \
		{ echo 'fuzzing needs $(FUZZ_NEEDS_$(ENGINE))'; exit 1; }

$(F)/obj/src/%.o: src/%.c $(F)/flags | fuzz-ready
	@mkdir -p $(@D)
	$(Q)$(FUZZ_COMPILE) -c -o $@ $<

$(F)/obj/gen/%.o: $(B)/gen/%.c $(F)/flags | fuzz-ready
	@mkdir -p $(@D)
	$(Q)$(FUZZ_COMPILE) -c -o $@ $<

$(F)/obj/llhttp/%.o: $(dir $(firstword $(LLHTTP_SOURCES)))%.c $(F)/flags | fuzz-ready
	@mkdir -p $(@D)
	$(Q)$(FUZZ_COMPILE) -w -c -o $@ $<

$(F)/libweir.a: $(FUZZ_OBJECTS) $(B)/objects
	@rm -f $@
	$(Q)ar rcs $@ $(FUZZ_OBJECTS)

$(F)/fuzz_%: tests/fuzz/fuzz_%.c $(F)/libweir.a
	$(SAY) FUZZ $<
	$(Q)$(FUZZ_COMPILE) -fsanitize=fuzzer -o $@ $< $(F)/libweir.a $(LIBS)

bench: $(B)/weir
	@tests/bench/run $(B)/weir $(ARGS)

# The manual for browsers, below $(B)/manual.
MANUAL_PAGES := weir.8 weir.conf.5 weir-serve.1 weir-modules.7 weir-nginx.7

html: $(B)/manual/index.html

$(B)/manual/index.html: $(MANUAL_PAGES:%=man/%) man/web/render man/web/manual.css
	@command -v mandoc > /dev/null || { echo 'make html needs mandoc (Debian: mandoc)'; exit 1; }
	$(SAY) HTML $(@D)
	$(Q)man/web/render $(@D) $(MANUAL_PAGES:%=man/%)

# What clang-tidy, clangd and cppcheck need to know of the flags.
TOOL_FLAGS = $(LANGUAGE) $(WARNINGS) $(INCLUDES) -Itests/unit $(CHECK_CFLAGS)

lint: $(B)/gen/http_modules.c $(B)/gen/mime_types.h
	@tests/lint $(B) '$(TOOL_FLAGS)' $(SOURCES) $(UNIT_SOURCES) $(FUZZ_SOURCES)

# The analysers of gcc and clang: some minutes.
analyse: $(B)/gen/http_modules.c $(B)/gen/mime_types.h
	@tests/analyse '$(LANGUAGE) $(INCLUDES)' $(SOURCES)

format:
	$(Q)find src tests -name '*.[ch]' -exec clang-format -i {} +

compile_commands.json: FORCE
	@tests/lint --commands '$(CC) $(TOOL_FLAGS)' $(SOURCES) $(UNIT_SOURCES) $(FUZZ_SOURCES) > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(B)/gen/http_modules.c: $(B)/config.mk
	@test -f $@

# What is installed, as lists: to add a file there is to add its name, at most.
#
# Files that the operator edits are never overwritten: what is new in them stands beside them as
# *.default. Pages of his own folder neither; nothing stands beside those.
EDITED := weir.conf mime.types koi-utf koi-win win-utf
PAGES_EDITED := index.html favicon.svg
PAGES_MORE := $(filter-out $(PAGES_EDITED),$(notdir $(wildcard html/*.*)))
MANUAL := $(sort $(notdir $(wildcard man/*.[1-9])))
EXAMPLES := weir.service weir.socket weir.logrotate weir.sysusers weir.tmpfiles weir.default

CONF_DIR = $(patsubst %/,%,$(dir $(CONF_PATH)))
LOG_DIR = $(patsubst %/,%,$(dir $(ERROR_LOG_PATH)))
HTML_DIR = $(PREFIX)/html
MAN_DIR = $(DATAROOTDIR)/man
SHARE_DIR = $(DATAROOTDIR)/weir
BASH_COMPLETION = $(DATAROOTDIR)/bash-completion/completions/weir
ZSH_COMPLETION = $(DATAROOTDIR)/zsh/site-functions/_weir
D = $(DESTDIR)
# The welcome page leads to the manual for browsers, where that can be made.
HAS_MANDOC := $(shell command -v mandoc)

conf_place = $(if $(filter weir.conf,$(1)),$(CONF_PATH),$(CONF_DIR)/$(1))
page_place = $(MAN_DIR)/man$(patsubst .%,%,$(suffix $(1)))/$(1)
INSTALLED_DIRS = $(sort $(dir $(SBIN_PATH) $(PID_PATH) $(ERROR_LOG_PATH) $(HTTP_LOG_PATH) \
	$(BASH_COMPLETION) $(ZSH_COMPLETION) $(foreach p,$(MANUAL),$(call page_place,$(p)))) \
	$(CONF_DIR)/ $(SHARE_DIR)/ $(HTML_DIR)/)

# What is shipped names the default paths, what is installed those configured. Two steps, as a
# configured path may itself begin like a default one. A port below 1024 is no plain user's.
define paths_sed
s|/usr/local/weir/sbin/weir|@sbin@|g
s|/usr/local/weir/conf/weir.conf|@conf@|g
s|/usr/local/weir/logs/weir.pid|@pid@|g
s|/usr/local/weir/logs/error.log|@error@|g
s|/usr/local/weir/logs/access.log|@access@|g
s|/usr/local/weir/logs|@logs@|g
s|/usr/local/weir/client_body_temp|@body@|g
s|/usr/local/weir|@prefix@|g
s|@sbin@|$(SBIN_PATH)|g
s|@conf@|$(CONF_PATH)|g
s|@pid@|$(PID_PATH)|g
s|@error@|$(ERROR_LOG_PATH)|g
s|@access@|$(HTTP_LOG_PATH)|g
s|@logs@|$(LOG_DIR)|g
s|@body@|$(CLIENT_BODY_TEMP_PATH)|g
s|@prefix@|$(PREFIX)|g
endef
define examples_sed
s|^\(User=\)weir$$|\1$(SERVICE_USER)|
s|^\(Group=\)weir$$|\1$(SERVICE_GROUP)|
s|^u weir |u $(SERVICE_USER) |
s| weir adm\( -\)*$$| $(SERVICE_USER) adm\1|
$(RELOAD_SED)
endef
# Paths in the manual's text are below the prefix, and stay so where they are by default.
define pages_sed
$(if $(filter $(PREFIX)/conf/weir.conf,$(CONF_PATH)),,s|^\(\.It Pa \)conf/|\1$(CONF_DIR)/|)
$(if $(filter $(PREFIX)/logs/weir.pid,$(PID_PATH)),,s|\(^\|[ "q$(OPEN)]\)logs/weir\.|\1$(basename $(PID_PATH)).|g)
$(if $(filter $(PREFIX)/logs/error.log,$(ERROR_LOG_PATH)),,s|\(^\|[ "]\)logs/error\.log|\1$(ERROR_LOG_PATH)|g)
$(if $(filter $(PREFIX)/logs/access.log,$(HTTP_LOG_PATH)),,s|\(^\|[ "]\)logs/access\.log|\1$(HTTP_LOG_PATH)|g)
$(if $(filter $(PREFIX)/client_body_temp,$(CLIENT_BODY_TEMP_PATH)),,s|^\(\.It Pa \)\{0,1\}client_body_temp$$|\1$(CLIENT_BODY_TEMP_PATH)|)
endef
# systemd knows Type=notify-reload from 253 on; what fits older ones fits all, so it is what is
# written where no systemd told its version.
OPEN := (
RELOAD_SED = $(if $(SYSTEMD_RELOADS),,s|^Type=notify-reload|Type=notify|;/^ExecStart=/a\
ExecReload=$(SBIN_PATH) -s reload $$WEIR_ARGS)
PLAIN_USER_SED = $(if $(D)$(filter 0,$(shell id -u)),,s|\(listen *\)80;|\18080;|)

# place SED,FILE,PATH
define place
$(Q)sed -f $(B)/paths.sed -f $(B)/$(1).sed $(2) > $(B)/placed
$(Q)install -m 644 $(B)/placed $(D)$(3)

endef

# place_once SED,FILE,PATH: the same, if there is none yet.
define place_once
$(call place,$(1),$(2),$(3).default)
$(Q)if [ -e $(D)$(3) ]; then echo '  KEPT    $(D)$(3)'; \
	else install -m 644 $(D)$(3).default $(D)$(3); fi

endef

define write_sed
$(file > $(B)/paths.sed,$(paths_sed))
$(file > $(B)/examples.sed,$(examples_sed))
$(file > $(B)/pages.sed,$(pages_sed))
$(file > $(B)/edited.sed,$(PLAIN_USER_SED))
endef

install: $(B)/weir $(if $(HAS_MANDOC),html)
	$(write_sed)
	$(Q)install -d $(INSTALLED_DIRS:%=$(D)%)
	$(Q)install -m 755 $(B)/weir $(D)$(SBIN_PATH).new
	$(Q)mv -f $(D)$(SBIN_PATH).new $(D)$(SBIN_PATH)
	$(foreach f,$(EDITED),$(call place_once,edited,conf/$(f),$(call conf_place,$(f))))
	$(foreach f,$(PAGES_EDITED),$(call place_once,edited,html/$(f),$(HTML_DIR)/$(f)))
	$(Q)rm -f $(PAGES_EDITED:%=$(D)$(HTML_DIR)/%.default)
	$(foreach f,$(PAGES_MORE),$(call place,edited,html/$(f),$(HTML_DIR)/$(f)))
	$(if $(HAS_MANDOC),$(Q)install -d $(D)$(HTML_DIR)/manual)
	$(if $(HAS_MANDOC),$(Q)install -m 644 $(B)/manual/* $(D)$(HTML_DIR)/manual/)
	$(foreach f,$(EXAMPLES),$(call place,examples,conf/$(f),$(SHARE_DIR)/$(f)))
	$(foreach f,$(MANUAL),$(call place,pages,man/$(f),$(call page_place,$(f))))
	$(Q)install -m 644 completion/weir.bash $(D)$(BASH_COMPLETION)
	$(Q)install -m 644 completion/_weir $(D)$(ZSH_COMPLETION)
	@rm -f $(B)/placed
	@echo 'weir is installed: $(SBIN_PATH), with $(CONF_PATH)'

# What is the operator's stays: what he changed of configuration and pages, and logs.
uninstall:
	$(write_sed)
	$(Q)cd $(D)/ && for file in $(foreach f,$(EDITED),$(D)$(call conf_place,$(f))); do \
		if cmp -s $$file $$file.default; then rm -f $$file; fi; rm -f $$file.default; done
	$(Q)for name in $(PAGES_EDITED); do sed -f $(B)/paths.sed -f $(B)/edited.sed html/$$name | \
		cmp -s - $(D)$(HTML_DIR)/$$name && rm -f $(D)$(HTML_DIR)/$$name; done; true
	rm -f $(D)$(SBIN_PATH) $(D)$(BASH_COMPLETION) $(D)$(ZSH_COMPLETION) \
		$(PAGES_MORE:%=$(D)$(HTML_DIR)/%) $(EXAMPLES:%=$(D)$(SHARE_DIR)/%) \
		$(foreach p,$(MANUAL),$(D)$(call page_place,$(p)))
	rm -rf $(D)$(HTML_DIR)/manual
	$(Q)for dir in $(INSTALLED_DIRS:%=$(D)%); do \
		[ ! -d $$dir ] || rmdir -p --ignore-fail-on-non-empty $$dir; done

# A release: the sources of the last commit, the same bytes wherever they are packed.
dist:
	@pack/dist $(B)

# The same as a Debian package, for this machine's release.
deb:
	@pack/deb $(B)

# The life of such a package in a Debian of its own (root, debootstrap).
check-package:
	@tests/package/run $(B)

# clean leaves the answers of configure; distclean leaves nothing.
clean:
	rm -rf $(B)/obj $(B)/tests $(B)/fuzz $(B)/lint $(B)/manual
	rm -f $(B)/weir $(B)/libweir.a $(B)/flags $(B)/objects $(B)/*.sed $(B)/placed $(B)/install.lock
	rm -rf $(B)/dist $(B)/deb $(B)/package

distclean: clean
	for nested in $(B)/*/reconfigure; do \
		test ! -f $$nested || $(MAKE) BUILDDIR=$$(dirname $$nested) distclean; \
	done
	rm -rf $(B)/gen $(B)/try
	rm -f $(B)/config.mk $(B)/configure.log $(B)/reconfigure $(B)/run.pid compile_commands.json
	if [ -d $(B) ]; then rmdir --ignore-fail-on-non-empty $(B); fi

help:
	@sed -n 's/^#: //p' Makefile

#: make                        builds build/weir
#: make run                    serves html/ on http://localhost:8080/ until Ctrl-C
#: make check                  every test; check-unit, check-e2e: some of them
#: make check-unit T=str       those whose name holds "str"
#: make check-e2e T='-k range' with pytest's options
#: make coverage               what the tests run of the sources (clang, llvm)
#: make reproducible           builds once more elsewhere, and compares
#: make torture SECONDS=60     a tree that changes while it is served
#: make faults                 each call that can fail is made to (debug builds; an hour)
#: make model COUNT=10000      altered requests beside a model of RFC 9112; SEED=1
#: make soak SECONDS=600       reloads, kills, upgrades, rude clients at once, and the accounts
#: make fuzz SECONDS=60        each fuzz target for so long (clang); ENGINE=afl: by AFL++
#: make fuzz T=uri             those whose name holds "uri"
#: make lint, make format      clang-tidy, cppcheck and shellcheck; clang-format
#: make analyse                what the analysers of gcc and clang find
#: make html                   the manual for browsers (mandoc)
#: make bench ARGS=…           the benchmark, tests/bench/README.md
#: make install DESTDIR=…      and uninstall
#: make dist, make deb         the sources of the last commit, as .tar.xz; and as a Debian package
#: make check-package          its life, in a Debian of its own (root, debootstrap)
#: make clean, distclean       removes what was built; and what configure wrote
#: make compile_commands.json  for editors
#:
#: V=1 shows the command lines. BUILDDIR=PATH is a build set up with configure --builddir=PATH.

-include $(patsubst %.o,%.d,$(LIB_OBJECTS) $(B)/obj/src/main.o) $(UNIT_PROGRAMS:%=%.d)
-include $(patsubst %.o,%.d,$(FUZZ_OBJECTS)) $(FUZZ_PROGRAMS:%=%.d)
