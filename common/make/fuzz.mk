# Hostile input for every reader: tests/fuzz/fuzz.h and run.sh say more.

FUZZ_READERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ := $(FUZZ_READERS)
# What the targets read with, in an archive: each takes what it calls.
FUZZ_SOURCES := $(wildcard tests/bench/*.c) $(addprefix $(CUDA_DIR)/,device_options.c made_up_run.c) $(call sources_for,5)

.PHONY: fuzz fuzz-programs run-test-fuzz
fuzz: ## hostile input for every reader; SECONDS=60 or RUNS=10000000 each; FUZZ="options csv": some
	@$(SH) tests/fuzz/run.sh '$(MAKE)' '$(FUZZ_FOLDER)' $(call quote,$(FUZZ)) $(call quote,$(SECONDS)) $(call quote,$(RUNS))

# With CC: as the tests with sanitizers are built, and with a driver of our own.
FUZZ_PLAIN := $(BUILD)/asan-float/tests/fuzz
$(FUZZ_PLAIN)/readers.a: $(call objects,asan-float,$(FUZZ_SOURCES))
	$(Q)ar rcs $@.$$$$ $^ && mv -f $@.$$$$ $@
$(FUZZ_PLAIN)/fuzz_%: $(FUZZ_PLAIN)/fuzz_%.o $(FUZZ_PLAIN)/fuzz.o $(FUZZ_PLAIN)/standalone.o $(FUZZ_PLAIN)/readers.a
	$(call say,link,$@)
	$(Q)$(LINK) $(FLAGS_asan-float) $^ -lz -ldl $(LINK_LIBS) $(whole)

# The tests read the seeds, tests/fuzz/corpus and a few changed ones.
run-tests: $(FUZZ_READERS:%=$(FUZZ_PLAIN)/fuzz_%)

# With clang's libFuzzer, where that links. Without threads: nothing here computes.
FUZZER_MAIN := int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }
FUZZER_CC = $(call once,FUZZER_CC,for c in $(filter %clang,$(CC)) clang; do \
    CC=$$c MAIN='$(FUZZER_MAIN)' sh common/scripts/try.sh -fsanitize=fuzzer$(comma)address >/dev/null && \
    echo $$c && break; done)
FUZZER_DIR := build/fuzz/libfuzzer
FUZZ_FOLDER = $(if $(FUZZER_CC),$(FUZZER_DIR),$(FUZZ_PLAIN))
# Only when asked for: what compiler there is costs a try.
ifneq ($(filter fuzz-programs,$(MAKECMDGOALS)),)
fuzz-programs: $(FUZZ:%=$(FUZZ_FOLDER)/fuzz_%)
endif
fuzzer_objects = $(patsubst %.c,$(FUZZER_DIR)/%.o,$(1))
FUZZER_FLAGS = -std=c11 -D_XOPEN_SOURCE=700 -g -O2 $(WARNINGS) -Wno-pass-failed \
               -Wno-enum-float-conversion $(EXTRA) $(CPPFLAGS) -fopenmp-simd $(INCLUDES) \
               -Itests -Itests/cuda -fsanitize=address,undefined,float-cast-overflow \
               -fno-sanitize-recover=all -fno-omit-frame-pointer -MMD -MP
$(FUZZER_DIR)/%.o: %.c $(FUZZER_DIR)/flags | need-libraries
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(FUZZER_CC) $(FUZZER_FLAGS) -fsanitize=fuzzer-no-link $(if $(filter tests/%,$<),-Wno-sign-conversion) -c $< $(compiled)
$(FUZZER_DIR)/readers.a: $(call fuzzer_objects,$(FUZZ_SOURCES))
	$(Q)ar rcs $@.$$$$ $^ && mv -f $@.$$$$ $@
$(FUZZER_DIR)/fuzz_%: $(FUZZER_DIR)/tests/fuzz/fuzz_%.o $(FUZZER_DIR)/tests/fuzz/fuzz.o $(FUZZER_DIR)/readers.a
	$(call say,link,$@)
	$(Q)$(FUZZER_CC) $(FUZZER_FLAGS) $(LDFLAGS) -fsanitize=fuzzer $^ -lz -ldl $(LINK_LIBS) $(whole)
$(FUZZER_DIR)/flags: FORCE | need-compiler
	@mkdir -p $(@D)
	@echo '$(FUZZER_CC) $(FUZZER_FLAGS)' | cmp -s - $@ || echo '$(FUZZER_CC) $(FUZZER_FLAGS)' >$@
.SECONDARY: $(call fuzzer_objects,$(wildcard tests/fuzz/*.c)) $(call objects,asan-float,$(wildcard tests/fuzz/*.c))
-include $(wildcard $(FUZZER_DIR)/*/*.d $(FUZZER_DIR)/*/*/*.d)
