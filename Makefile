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

.PHONY: all run check check-unit check-e2e coverage coverage-report reproducible torture fuzz fuzz-ready bench html lint analyse format install uninstall \
	clean distclean help FORCE
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY: $(patsubst src/http/%.html,$(B)/gen/%_html.c,$(wildcard src/http/*.html))

all: $(B)/weir

# As many jobs as cores; a -j of the command line wins over this.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell getconf _NPROCESSORS_ONLN)
endif

# These work without configure; all else needs its answers.
ifneq ($(filter-out help html format clean distclean,$(or $(MAKECMDGOALS),all)),)
include $(B)/config.mk
endif

$(B)/config.mk: configure $(wildcard auto/*)
	@if [ -f $(B)/reconfigure ]; then sh $(B)/reconfigure; else ./configure --builddir=$(B); fi

# Sources: all below src/, but of the HTTP modules only those chosen.
MODULE_DIR := src/http/modules
SOURCES := $(sort $(shell find src -name '*.c' ! -path '$(MODULE_DIR)/*')) $(MODULE_SOURCES)
LIB_SOURCES := $(filter-out src/main.c,$(SOURCES))
UNIT_SOURCES := $(sort $(shell find tests/unit -name 'test_*.c'))
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))

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
	$(Q)$(CC) $(CFLAGS_ALL) $(LTO) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# The welcome page, until Ctrl-C. Workers of root must be able to read this folder: they stay root.
run: $(B)/weir
	@! command -v mandoc > /dev/null || $(MAKE) -s html
	@echo 'weir serves html/ on http://localhost:8080/ and its numbers at /status (Ctrl-C ends it)'
	@WEIR_MANUAL=$(B)/manual exec $(B)/weir -p . -c conf/run.conf \
		-g "daemon off; pid $(abspath $(B))/run.pid; $$([ $$(id -u) -ne 0 ] || echo 'user root;')"

# Tests. T= chooses: the part of a unit test's name, or pytest's options.
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
	@tests/reproducible $(B) $(ARGS)

# A tree of files that is changed in all ways while it is served, for $(SECONDS).
torture: $(B)/weir
	@WEIR_BINARY=$(abspath $(B)/weir) WEIR_TORTURE_SECONDS=$(SECONDS) PYTEST_ADDOPTS='-s -k test_torture' \
		tests/run e2e $(B) $(PYTEST)

$(B)/tests/unit/%: tests/unit/%.c $(B)/libweir.a $(B)/flags
	$(if $(CHECK_LIBS),,@echo 'unit tests need Check: ./configure --deps installs it' && exit 1)
	$(SAY) TEST $<
	@mkdir -p $(@D)
	$(Q)$(COMPILE_TEST) -fno-lto $(LDFLAGS_ALL) -o $@ $< $(B)/libweir.a $(LIBS) $(CHECK_LIBS)

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

# What is installed. Files that the operator edits are never overwritten: what is new in them
# stands beside them as *.default.
CONF_DIR = $(patsubst %/,%,$(dir $(CONF_PATH)))
MAN_DIR = $(PREFIX)/share/man
SHARE_DIR = $(PREFIX)/share/weir
BASH_COMPLETION = $(PREFIX)/share/bash-completion/completions/weir
ZSH_COMPLETION = $(PREFIX)/share/zsh/site-functions/_weir
D = $(DESTDIR)

# place FILE,PATH: what is shipped names the default paths, what is installed those configured.
# Two steps, as a configured path may itself begin like a default one.
define place
$(Q)sed -e 's|/usr/local/weir/sbin/weir|@sbin@|g' -e 's|/usr/local/weir/conf/weir.conf|@conf@|g' \
	-e 's|/usr/local/weir/logs/weir.pid|@pid@|g' -e 's|/usr/local/weir/logs/error.log|@error@|g' \
	-e 's|/usr/local/weir/logs/access.log|@access@|g' -e 's|/usr/local/weir|@prefix@|g' \
	-e 's|@sbin@|$(SBIN_PATH)|g' -e 's|@conf@|$(CONF_PATH)|g' -e 's|@pid@|$(PID_PATH)|g' \
	-e 's|@error@|$(ERROR_LOG_PATH)|g' -e 's|@access@|$(HTTP_LOG_PATH)|g' \
	-e 's|@prefix@|$(PREFIX)|g' $(1) > $(B)/placed
$(Q)install -m 644 $(B)/placed $(D)$(2)
endef

# place_once FILE,PATH: the same, if there is none yet.
define place_once
$(call place,$(1),$(2).default)
$(Q)if [ -e $(D)$(2) ]; then echo '  KEPT    $(D)$(2)'; \
	else install -m 644 $(D)$(2).default $(D)$(2); fi
endef

install: $(B)/weir
	$(Q)install -d $(D)$(dir $(SBIN_PATH)) $(D)$(CONF_DIR) $(D)$(SHARE_DIR) $(D)$(PREFIX)/html \
		$(D)$(MAN_DIR)/man1 $(D)$(MAN_DIR)/man8 $(D)$(MAN_DIR)/man5 $(D)$(dir $(PID_PATH)) \
		$(D)$(dir $(ERROR_LOG_PATH)) $(D)$(dir $(HTTP_LOG_PATH))
	$(Q)install -m 755 $(B)/weir $(D)$(SBIN_PATH).new
	$(Q)mv -f $(D)$(SBIN_PATH).new $(D)$(SBIN_PATH)
	$(call place_once,conf/weir.conf,$(CONF_PATH))
	$(call place_once,conf/mime.types,$(CONF_DIR)/mime.types)
	$(call place_once,conf/koi-utf,$(CONF_DIR)/koi-utf)
	$(call place_once,conf/koi-win,$(CONF_DIR)/koi-win)
	$(call place_once,conf/win-utf,$(CONF_DIR)/win-utf)
	$(call place_once,html/index.html,$(PREFIX)/html/index.html)
	$(call place_once,html/favicon.svg,$(PREFIX)/html/favicon.svg)
	$(Q)rm -f $(D)$(PREFIX)/html/index.html.default $(D)$(PREFIX)/html/favicon.svg.default
	$(call place,conf/weir.service,$(SHARE_DIR)/weir.service)
	$(call place,conf/weir.logrotate,$(SHARE_DIR)/weir.logrotate)
	$(call place,man/weir-serve.1,$(MAN_DIR)/man1/weir-serve.1)
	$(call place,man/weir.8,$(MAN_DIR)/man8/weir.8)
	$(call place,man/weir.conf.5,$(MAN_DIR)/man5/weir.conf.5)
	@rm -f $(B)/placed
	$(Q)install -d $(D)$(dir $(BASH_COMPLETION)) $(D)$(dir $(ZSH_COMPLETION))
	$(Q)install -m 644 completion/weir.bash $(D)$(BASH_COMPLETION)
	$(Q)install -m 644 completion/_weir $(D)$(ZSH_COMPLETION)
	@echo 'weir is installed: $(SBIN_PATH), with $(CONF_PATH)'

# Configuration, pages and logs stay: they are the operator's.
uninstall:
	rm -f $(D)$(SBIN_PATH) $(D)$(CONF_PATH).default $(D)$(CONF_DIR)/mime.types.default \
		$(D)$(CONF_DIR)/koi-utf.default $(D)$(CONF_DIR)/koi-win.default \
		$(D)$(CONF_DIR)/win-utf.default \
		$(D)$(MAN_DIR)/man1/weir-serve.1 $(D)$(BASH_COMPLETION) $(D)$(ZSH_COMPLETION) \
		$(D)$(MAN_DIR)/man8/weir.8 $(D)$(MAN_DIR)/man5/weir.conf.5 \
		$(D)$(SHARE_DIR)/weir.service $(D)$(SHARE_DIR)/weir.logrotate

# clean leaves the answers of configure; distclean leaves nothing.
clean:
	rm -rf $(B)/obj $(B)/tests $(B)/fuzz $(B)/lint $(B)/manual
	rm -f $(B)/weir $(B)/libweir.a $(B)/flags $(B)/objects

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
#: make reproducible            builds once more elsewhere, and compares
#: make torture SECONDS=60     a tree that changes while it is served
#: make fuzz SECONDS=60        each fuzz target for so long (clang); ENGINE=afl: by AFL++
#: make fuzz T=uri             those whose name holds "uri"
#: make lint, make format      clang-tidy, cppcheck and shellcheck; clang-format
#: make analyse                what the analysers of gcc and clang find
#: make html                   the manual for browsers (mandoc)
#: make bench ARGS=…           the benchmark, tests/bench/README.md
#: make install DESTDIR=…      and uninstall
#: make clean, distclean       removes what was built; and what configure wrote
#: make compile_commands.json  for editors
#:
#: V=1 shows the command lines. BUILDDIR=PATH is a build set up with configure --builddir=PATH.

-include $(patsubst %.o,%.d,$(LIB_OBJECTS) $(B)/obj/src/main.o) $(UNIT_PROGRAMS:%=%.d)
-include $(patsubst %.o,%.d,$(FUZZ_OBJECTS)) $(FUZZ_PROGRAMS:%=%.d)
