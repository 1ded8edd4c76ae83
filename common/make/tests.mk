# Tests, and the programs that belong to them: `make test` is what a student waits for,
# `make test-all` has every flavour and every script.
TEST_SOURCES := $(wildcard tests/*.c) $(call layers_up_to,7) $(call layers_of,8)
CUDA_TESTS := $(filter-out %_ranks.c,$(wildcard tests/cuda/*.c)) $(call layers_up_to,6) $(addprefix tests/,check_helpers.c scratch.c small_run.c naive_layers.c naive_vit.c)
define test_rules
$(BUILD)/$(1)/tests/run: $(call objects,$(1),$(TEST_SOURCES))
$(BUILD)/$(1)/tests/cuda_run: $(call objects,$(if $(filter asan%,$(1)),$(1),float),$(CUDA_TESTS)) $(call kernels_on,$(1),$(KERNELS) $(wildcard tests/cuda/*.cu))
endef
$(foreach flavour,$(FLAVOURS) watched cuda,$(eval $(call test_rules,$(flavour))))
$(FLAVOURS:%=$(BUILD)/%/tests/run): $(BUILD)/%/tests/run: | need-check
	$(call link,$^,$(CHECK_FLAGS) $(LIBRARIES),$(FLAGS_$*))
$(BUILD)/%/tests/cuda_run: | need-check
	$(call link_kernels,$^,$(CHECK_FLAGS) $(if $(filter cuda,$*),$(CUDA_LIBS)) $(FLAGS_$*))
# The tests' own tools, each in one flavour.
COMPARE := $(BUILD)/double/tests/compare/compare
BENCH_RUN := $(BUILD)/float/tests/bench/run
PICTURES := $(BUILD)/float/tests/pictures/check
$(COMPARE): $(call objects,double,tests/compare/main.c $(call layers_up_to,5))
$(BENCH_RUN): $(call objects,float,$(wildcard tests/bench/*.c) $(call layers_up_to,7))
$(BENCH_RUN:run=machine.o): FLAGS_float = -DBENCH_FLAGS='"$(OPTIMISE) $(OPENMP)"'
$(PICTURES): $(call objects,float,tests/pictures/main.c)
$(COMPARE) $(BENCH_RUN) $(PICTURES): | need-libraries
	$(call link,$^,$(LIBRARIES) -ldl)

# ---- make test, make test-all -----------------------------------------------
# Scripts read these from their environment.
export CC CXX COMPILER BUILD NVCC PYTHON REHEARSE LONG KILLS SEED ONLY
IN_run-scripts := $(or $(ONLY),scripts quiet files chapter7)
# Rows of slower scripts: two at once, then ranks, which ask a processor while they wait. AFTER=test leaves out make test's.
ROWS := run-graders run-programs run-ranks
IN_run-graders := exercises flow compare pages figures report
IN_run-programs := build pictures_in command_line fine_tuning numbers environment typed bench
IN_run-ranks := ranks network cluster containers
CUDA_RUNS := $(addprefix run-cuda-,float asan-float $(if $(filter gcc,$(WATCHED_KIND)),watched))
# ONLY: a script, a suite of chapter 6, or one of the others'.
ALONE = $(or $(if $(wildcard tests/test_$(ONLY).sh),run-scripts),$(if $(wildcard tests/cuda/test_$(ONLY).c),run-cuda-float),$(if $(wildcard tests/test_$(ONLY).c),run-float run-double),none)
TESTS := $(or $(if $(ONLY),$(ALONE)),run-float run-double run-cuda-float run-scripts)
CORES = $(call once,CORES,getconf _NPROCESSORS_ONLN 2>/dev/null || nproc 2>/dev/null || echo 1)
parallel = $(MAKE) --no-print-directory $(if $(filter -j% --jobs%,$(MAKEFLAGS)),,-j$(CORES)) \
    $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
test: need-check need-cxx ## the tests, in three minutes; ONLY=layer_norm: one suite or script
	+@$(parallel) $(TESTS)
test-all: need-check need-cxx need-sanitizers need-patch ## every test: with sanitizers, in every order, exercises, pages
	+@$(parallel) -k run-all
$(FLAVOURS:%=run-%): run-%: $(BUILD)/%/tests/run
	@sh tests/run_flavour.sh $* $<
$(CUDA_RUNS): run-cuda-%: $(BUILD)/%/tests/cuda_run
	@sh tests/run_flavour.sh $* $<
run-scripts: $(filter-out run-scripts,$(TESTS))
$(ROWS): $(if $(filter test,$(AFTER)),,run-scripts)
run-ranks: run-graders run-programs
run-scripts $(ROWS): all $(COMPARE) $(BENCH_RUN)
	@make='$(MAKE)' $(DRY)sh tests/run_scripts.sh $(IN_$@)
run-all: fuzz-programs $(ROWS) $(filter-out $(if $(filter test,$(AFTER)),$(TESTS)),$(FLAVOURS:%=run-%) $(CUDA_RUNS))
	@FUZZ_FLAVOUR=asan-float $(DRY)sh tests/fuzz/run.sh '$(MAKE)' '$(FUZZ)' '' 1000
none:
	@echo 'make: there is no suite or script "$(ONLY)": see tests/test_*' >&2; exit 2

# ---- scripts and tools --------------------------------------------------------
command-setup-lint = sh common/scripts/setup.sh lint ## install what make lint uses
command-setup-faults = sh common/scripts/setup.sh faults ## install what fuzz, test-faults and analyze use
command-setup-wasm = sh common/scripts/setup.sh wasm ## install what test-wasm uses
command-test-training = sh tests/test_training.sh ## do the pages show what two minutes of training print?
command-test-gpu = sh tests/cuda/test_gpu.sh '$(MAKE)' $(BUILD)/cuda/tests/cuda_run ## chapter 6's tests on this machine's GPU
command-gpu-report = sh tests/cuda/gpu_report.sh '$(MAKE)' $(if $(REHEARSE),build/rehearsal,notes) ## test, check and time everything on this machine's GPU: notes/gpu_report.log
command-test-wasm = sh tests/wasm/run.sh ## layers, training, checkpoints with a C library alone; in WebAssembly too
command-lint = sh common/scripts/lint.sh ## clang-format, cppcheck, clang-tidy, shellcheck: they must find nothing
command-mutants = sh tests/mutants/run.sh $(call quote,$(CC)) ## plant known bugs, one at a time, and see each one caught
command-analyze = sh tests/analyze/run.sh '$(MAKE)' $(COMPILER) ## races, lost memory, what compilers read: ONLY="race memory gcc clang"
command-test-systems = sh tests/systems/run.sh $(SYSTEMS) ## README's commands in bare systems (root, debootstrap)
command-fuzz = sh tests/fuzz/run.sh '$(MAKE)' $(call quote,$(FUZZ)) $(call quote,$(SECONDS)) $(call quote,$(RUNS)) ## hostile input for every reader; SECONDS=60 or RUNS=10000000 each; FUZZ="options csv": some
command-compare = $(COMPARE) $(call quote,$(A)) $(call quote,$(B)) $(if $(TOL),$(call quote,$(TOL))) \
    ## A=mine B=theirs: the first tensor in which two dumps differ, and its equation
command-bench = $(BENCH_RUN) $(BENCH) ## compare speed with OpenBLAS, BLIS, PyTorch; BENCH=--help says more
compare: $(COMPARE)
bench: $(BENCH_RUN)
test-training test-faults: chapter5
mutants: need-check need-patch
test-wasm analyze gpu-report: | need-compiler
gpu-report: | need-check
compile_commands.json: FORCE ## for editors: how each source is compiled
	@CFLAGS=$(call quote,$(ALL_CFLAGS)) CXXFLAGS=$(call quote,$(ALL_CXXFLAGS)) sh common/scripts/compile_commands.sh >$@

# Hostile input for every reader. FUZZ_FLAVOUR is asan-float, with a driver of our own, or
# fuzzer, with clang's libFuzzer: tests/fuzz/run.sh chooses.
FLAGS_fuzzer := $(SANITIZE) -fsanitize=fuzzer-no-link,float-cast-overflow -O2
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_FLAVOUR := asan-float
FUZZ_DIR := $(BUILD)/$(FUZZ_FLAVOUR)/tests/fuzz
FUZZ_DRIVER := $(FUZZ_DIR)/fuzz.o $(if $(filter asan%,$(FUZZ_FLAVOUR)),$(FUZZ_DIR)/standalone.o)
FUZZ_SOURCES := $(wildcard tests/bench/*.c) $(addprefix $(call dir_of,6)/,device_options.c measuring/made_up_run.c) $(call layers_up_to,7)
fuzz-programs: $(FUZZ:%=$(FUZZ_DIR)/fuzz_%)
$(FUZZ_DIR)/readers.a: $(call objects,$(FUZZ_FLAVOUR),$(FUZZ_SOURCES))
	$(Q)ar rcs $@.$$$$ $^ && mv -f $@.$$$$ $@
$(FUZZ:%=$(FUZZ_DIR)/fuzz_%): %: %.o $(FUZZ_DRIVER) $(FUZZ_DIR)/readers.a
	$(call link,$^,$(LIBRARIES) -ldl,$(FLAGS_$(FUZZ_FLAVOUR)) $(if $(filter fuzzer,$(FUZZ_FLAVOUR)),-fsanitize=fuzzer))
