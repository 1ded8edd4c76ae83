# Tests, and the programs that belong to them. `make test` is what a student waits for;
# `make test-all` has every flavour and every script.

TEST_SOURCES := $(wildcard tests/*.c) $(call layers_up_to,5)
SUITES := $(FLAVOURS:%=$(BUILD)/%/tests/run)
$(SUITES): $(BUILD)/%/tests/run:
	$(call link,$^,$(CHECK_FLAGS) $(LIBRARIES),$(FLAGS_$*))
$(foreach f,$(FLAVOURS),$(eval $(BUILD)/$(f)/tests/run: $(call objects,$(f),$(TEST_SOURCES)) | need-check))
$(foreach f,$(FLAVOURS),$(call objects,$(f),$(filter-out tests/naive_%.c,$(wildcard tests/*.c tests/cuda/*.c)))): | need-check

# Chapter 6's, on cuda_on_cpu in three ways, and on a GPU.
CUDA_TESTS := $(wildcard tests/cuda/*.c) $(addprefix tests/,check_helpers.c scratch.c small_run.c naive_layers.c naive_vit.c)
cuda_suite = $(BUILD)/$(1)/tests/cuda_run: $(call objects,$(2),$(CUDA_TESTS) $(call layers_up_to,6)) \
             $(call kernels_on,$(1),$(KERNELS) $(wildcard tests/cuda/*.cu)) | need-check
$(eval $(call cuda_suite,float,float))
$(eval $(call cuda_suite,asan-float,asan-float))
$(eval $(call cuda_suite,watched,float))
$(eval $(call cuda_suite,cuda,float))
$(BUILD)/%/tests/cuda_run:
	$(call link_kernels,$^,$(CHECK_FLAGS) $(if $(filter cuda,$*),$(CUDA_LIBS)) $(FLAGS_$*))

# Tools of the tests: each is built in one flavour.
COMPARE := $(BUILD)/double/tests/compare/compare
$(COMPARE): $(call objects,double,tests/compare/main.c $(call layers_up_to,5))
BENCH_RUN := $(BUILD)/float/tests/bench/run
$(BENCH_RUN): $(call objects,float,$(wildcard tests/bench/*.c) $(call layers_up_to,5))
$(BENCH_RUN:run=machine.o): FLAGS_float = -DBENCH_FLAGS='"$(OPTIMISE) $(OPENMP)"'
PICTURES := $(BUILD)/float/tests/pictures/check
$(PICTURES): $(call objects,float,tests/pictures/main.c)
$(COMPARE) $(BENCH_RUN) $(PICTURES): | need-libraries
	$(call link,$^,$(LIBRARIES) -ldl)

# ---- make test, make test-all -----------------------------------------------

# Each script tests/test_NAME.sh is told where things are by its environment.
QUICK_SCRIPTS := scripts command_line quiet compare
SLOW_SCRIPTS := build numbers environment pages files report exercises bench containers typed
CUDA_RUNS := $(addprefix run-cuda-,float asan-float watched)
.PHONY: test test-all test-quick run-test run-test-all $(FLAVOURS:%=run-%) $(CUDA_RUNS)
parallel = @$(MAKE) --no-print-directory $(if $(filter -j% --jobs%,$(MAKEFLAGS)),,-j$(CORES)) \
    $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
scripts = @make='$(MAKE)' CC=$(call quote,$(CC)) compare='$(COMPARE)' bench='$(BENCH_RUN)' \
    $(SH) tests/run_scripts.sh $(1)

test: need-check need-cxx ## the tests, in three minutes; ONLY=layer_norm: one suite or script
	$(parallel) run-test
test-all: need-check need-cxx need-sanitizers need-patch ## every test, with sanitizers and in every order
	$(parallel) run-test-all
test-quick: $(BUILD)/float/tests/run $(BUILD)/double/tests/run ## the layers' suites alone
	@for flavour in float double; do \
	    sh tests/run_flavour.sh $$flavour $(BUILD)/$$flavour/tests/run || exit 1; done
$(FLAVOURS:%=run-%): run-%: $(BUILD)/%/tests/run
	@sh tests/run_flavour.sh $* $<
$(CUDA_RUNS): run-cuda-%: $(BUILD)/%/tests/cuda_run
	@sh tests/run_flavour.sh $* $<
ifneq ($(filter run-test run-test-all,$(MAKECMDGOALS)),)
run-test: run-float run-double run-cuda-float all $(COMPARE)
	$(call scripts,$(QUICK_SCRIPTS))
run-test-all: $(FLAVOURS:%=run-%) $(if $(filter gcc,$(WATCHED_KIND)),$(CUDA_RUNS),$(filter-out %-watched,$(CUDA_RUNS))) all $(COMPARE) $(BENCH_RUN) fuzz-programs
	$(call scripts,$(QUICK_SCRIPTS) $(SLOW_SCRIPTS))
	@CC=$(call quote,$(CC)) BUILD='$(BUILD)' FUZZ_FLAVOUR=asan-float $(SH) tests/fuzz/run.sh '$(MAKE)' '$(FUZZ_READERS)' '' 1000
endif

# ---- other targets ----------------------------------------------------------

.PHONY: setup-lint setup-faults setup-wasm test-training test-wasm test-gpu gpu-report compare bench lint mutants test-faults analyze test-systems
setup-lint: ## install what make lint uses
	@sh common/scripts/setup.sh lint
setup-faults: ## install what make fuzz, make test-faults and make analyze use
	@sh common/scripts/setup.sh faults
setup-wasm: ## install what make test-wasm builds and runs WebAssembly with
	@sh common/scripts/setup.sh wasm

test-gpu: ## chapter 6's tests on this machine's GPU; without one: not run
	@NVCC='$(NVCC)' $(SH) tests/cuda/test_gpu.sh '$(MAKE)' $(BUILD)/cuda/tests/cuda_run

gpu-report: | need-check ## test, check and time everything on this machine's GPU: notes/gpu_report.md
	@NVCC='$(NVCC)' PYTHON='$(PYTHON)' REHEARSE='$(REHEARSE)' \
	    GPU_TESTS=$(BUILD)/cuda/tests/cuda_run REHEARSE_TESTS=$(BUILD)/float/tests/cuda_run \
	    $(SH) tests/cuda/gpu_report.sh '$(MAKE)' $(if $(REHEARSE),build/rehearsal,notes)

test-wasm: | need-compiler ## layers, training and checkpoints with a C library alone; in WebAssembly too
	@CC=$(call quote,$(CC)) sh tests/wasm/run.sh

test-training: chapter5 ## do the pages show what two minutes of training print?
	@sh tests/test_training.sh

compare: $(COMPARE) ## A=mine B=theirs: the first tensor in which two dumps differ, and its equation
	@$< $(call quote,$(A)) $(call quote,$(B)) $(if $(TOL),$(call quote,$(TOL)))

bench: $(BENCH_RUN) ## compare speed with OpenBLAS, BLIS, PyTorch; BENCH=--help says more
	@PYTHON='$(PYTHON)' $< $(BENCH)

lint: ## clang-format, cppcheck, clang-tidy, shellcheck: they must find nothing
	@sh common/scripts/lint.sh

compile_commands.json: FORCE ## for editors: how each source is compiled
	@sh common/scripts/compile_commands.sh $(call quote,$(CC)) $(call quote,$(ALL_CFLAGS)) \
	    $(call quote,$(CXX)) $(call quote,$(ALL_CXXFLAGS)) >$@

mutants: need-check need-patch ## plant known bugs, one at a time, and see each one caught
	@BUILD='$(BUILD)' sh tests/mutants/run.sh $(call quote,$(CC))

test-faults: chapter5 ## what fails under a run must not cost it: LONG=1 KILLS=500: all of it
	@CC=$(call quote,$(CC)) LONG='$(LONG)' KILLS=$(call quote,$(KILLS)) SEED=$(call quote,$(SEED)) \
	    ONLY=$(call quote,$(ONLY)) sh tests/faults/run.sh ./chapter5 $(BUILD)/faults

analyze: | need-compiler ## races, lost memory, what compilers find by reading: nothing; ONLY="race memory gcc clang"
	@ONLY=$(call quote,$(ONLY)) $(SH) tests/analyze/run.sh '$(MAKE)' $(COMPILER)

SYSTEMS := debian12 debian13 musl arm64
test-systems: ## README's commands in bare systems (root, debootstrap); SYSTEMS="debian12 arm64"
	@sh tests/systems/run.sh $(SYSTEMS)

# ---- make fuzz: hostile input for every reader ---------------------------------

# FUZZ_FLAVOUR is asan-float, with a driver of our own, or fuzzer, with clang's libFuzzer:
# tests/fuzz/run.sh chooses.
FUZZ_READERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ := $(FUZZ_READERS)
FUZZ_FLAVOUR := asan-float
FUZZ_DIR := $(BUILD)/$(FUZZ_FLAVOUR)/tests/fuzz
FUZZ_DRIVER := $(if $(filter fuzzer,$(FUZZ_FLAVOUR)),-fsanitize=fuzzer,$(FUZZ_DIR)/standalone.o)
FUZZ_SOURCES := $(wildcard tests/bench/*.c) $(addprefix $(call dir_of,6)/,device_options.c measuring/made_up_run.c) $(call layers_up_to,5)

.PHONY: fuzz fuzz-programs
fuzz: ## hostile input for every reader; SECONDS=60 or RUNS=10000000 each; FUZZ="options csv": some
	@CC=$(call quote,$(CC)) BUILD='$(BUILD)' $(SH) tests/fuzz/run.sh '$(MAKE)' $(call quote,$(FUZZ)) \
	    $(call quote,$(SECONDS)) $(call quote,$(RUNS))
fuzz-programs: $(FUZZ:%=$(FUZZ_DIR)/fuzz_%)

# What the targets read with, in an archive: each takes what it calls.
$(FUZZ_DIR)/readers.a: $(call objects,$(FUZZ_FLAVOUR),$(FUZZ_SOURCES))
	$(Q)ar rcs $@.$$$$ $^ && mv -f $@.$$$$ $@
$(FUZZ_READERS:%=$(FUZZ_DIR)/fuzz_%): %: %.o $(FUZZ_DIR)/fuzz.o $(filter %.o,$(FUZZ_DRIVER)) $(FUZZ_DIR)/readers.a
	$(call link,$^,$(filter -%,$(FUZZ_DRIVER)) $(LIBRARIES) -ldl,$(FLAGS_$(FUZZ_FLAVOUR)))
