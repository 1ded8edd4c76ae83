# Hostile input for every reader, and failing allocations, system calls and kills:
# tests/fuzz/README.md and tests/faults/README.md say more.

# ---- tests/fuzz ---------------------------------------------------------------

FUZZ_READERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

# libFuzzer is clang's; without it the targets are built by CC with standalone.c. Asked
# once, when first needed.
FUZZER_MAIN := int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }
FUZZER_CC = $(call once,FUZZER_CC,for c in $(FUZZ_CC) $(filter-out gcc cc,$(notdir $(CC))) clang; do \
    echo '$(FUZZER_MAIN)' | $$c -fsanitize=fuzzer$(comma)address -x c - -o /dev/null \
    2>/dev/null && echo $$c && break; done)

# What the targets read with. Without threads: nothing here computes.
FUZZ_SOURCES := tests/fuzz/fuzz.c tests/bench/bench_options.c tests/bench/models.c \
                tests/bench/csv.c $(CUDA_DIR)/device_options.c $(call sources_for,5)
FUZZ_FLAGS = -std=c11 -D_XOPEN_SOURCE=700 -g -O2 $(WARNINGS) -Wno-pass-failed -fopenmp-simd $(INCLUDES) \
             -Itests -fsanitize=address$(comma)undefined -fno-sanitize-recover=all \
             -fno-omit-frame-pointer -MMD -MP
FUZZ_DIR := build/fuzz
FUZZ_TESTS = -Wno-unused-function $(filter -Wno-%,$(TEST_FLAGS))
fuzz_objects = $(patsubst %.c,$(FUZZ_DIR)/$(1)/%.o,$(2))

# $(1): libfuzzer or standalone; $(2): the compiler; $(3) and $(4): its flags
define fuzz_rules
$(FUZZ_DIR)/$(1)/%.o: %.c $(FUZZ_DIR)/$(1)/flags | need-libraries
	@mkdir -p $$(@D)
	$$(call say,cc,$$@)
	$$(Q)$(2) $$(FUZZ_FLAGS) $(3) $$(if $$(filter tests/%,$$<),$$(FUZZ_TESTS)) -c $$< -o $$@
$(FUZZ_DIR)/$(1)/fuzz_%: $(FUZZ_DIR)/$(1)/tests/fuzz/fuzz_%.o $(call fuzz_objects,$(1),$(FUZZ_SOURCES)) $(5)
	$$(call say,link,$$@)
	$$(Q)$(2) $$(FUZZ_FLAGS) $(4) $$(filter %.o,$$^) -ljansson -lz $$(LDLIBS) -o $$@
$(FUZZ_DIR)/$(1)/flags: FORCE
	@mkdir -p $$(@D)
	@echo '$(2) $$(FUZZ_FLAGS)' | cmp -s - $$@ || echo '$(2) $$(FUZZ_FLAGS)' >$$@
endef
$(eval $(call fuzz_rules,libfuzzer,$$(FUZZER_CC),-fsanitize=fuzzer-no-link,-fsanitize=fuzzer,))
$(eval $(call fuzz_rules,standalone,$$(CC),,,$(call fuzz_objects,standalone,tests/fuzz/standalone.c)))
.SECONDARY: $(foreach d,libfuzzer standalone,$(call fuzz_objects,$(d),$(FUZZ_SOURCES) $(FUZZ_READERS:%=tests/fuzz/fuzz_%.c)))

FUZZ := $(FUZZ_READERS)
FUZZ_KIND = $(if $(FUZZER_CC),libfuzzer,standalone)
.PHONY: fuzz fuzz-programs test-fuzz
fuzz: ## hostile input for every reader; SECONDS=60 or RUNS=10000000 each; FUZZ="options csv": some
	@sh tests/fuzz/run.sh '$(MAKE)' $(FUZZ_KIND) '$(FUZZ)' '$(SECONDS)' '$(RUNS)'
fuzz-programs: $(FUZZ:%=$(FUZZ_DIR)/$(FUZZ_KIND)/fuzz_%)
