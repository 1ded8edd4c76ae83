# The course's build: `make help` lists what it can do.
#
# Objects go to build/COMPILER/FLAVOUR/, the programs to the repository's root.
# A flavour is a number type, float or double, plain or with sanitizers:
# training runs in float, gradients are checked in double, from one source.
#
#   make CC=clang chapter5     another compiler; also CC="ccache gcc", CC=/opt/bin/gcc-14
#   make ARCH=x86-64-v3 ...    for other machines than this one (default: native)
#   make OPENMP=-fopenmp-simd  without threads
#   make V=1 ...               show every command whole
#   make NVCC= ...             as if CUDA were not installed
#   make CUDA_ARCH="80 90" ... for these compute capabilities (default: the card's, if any)
#   make CFLAGS=-O1 ...        more flags, after the course's own; so CPPFLAGS, CXXFLAGS,
#                              LDFLAGS and LDLIBS; EXTRA for C and C++

CHAPTERS := 1 2 3 4 5 6
IN_DOUBLE := 1 2 3 4 5
MODULE_DIRS := common $(sort $(wildcard chapters/0*))
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
SILENT := $(findstring s,$(filter-out -%,$(firstword $(MAKEFLAGS))))
DRY := $(findstring n,$(filter-out -%,$(firstword $(MAKEFLAGS))))
MAKEFLAGS += --no-builtin-rules
unexport DEPENDENCIES_OUTPUT SUNPRO_DEPENDENCIES # gcc would write headers there, not to .d
Q := $(if $(filter-out 0,$(V)),,@)
say = $(if $(Q),@$(if $(SILENT),:,printf '  %-5s %s\n' $(1) '$(2)'))

# Of scripts that run make themselves, which `make -n` would run too.
SH = $(if $(DRY),echo sh,sh)

ifeq ($(wildcard common/make/compiler.mk),)
$(error run make in the folder of its Makefile: make -C FOLDER)
endif

# ---- what the machine has ---------------------------------------------------

ARCH := native
CORES = $(call once,CORES,getconf _NPROCESSORS_ONLN 2>/dev/null || nproc 2>/dev/null || echo 1)
include common/make/compiler.mk

# ---- flags ------------------------------------------------------------------

include common/make/types.mk

# -ffp-contract=fast lets a*b + c be one instruction (rounded once); that is all the
# liberty taken with floating point. The other two -fno- give up errno and traps,
# which nothing here uses, and change no result.
# clang's: double has no vector erfc, said in every loop with one; and a number that has a
# name is an enum's here, in products of double too.
WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wdouble-promotion -Wno-unknown-pragmas \
           $(if $(filter clang,$(KIND)),-Wno-pass-failed -Wno-enum-float-conversion)
OPTIMISE = -O3 $(MACHINE) -ffp-contract=fast -fno-math-errno -fno-trapping-math
INCLUDES := $(addprefix -I,$(MODULE_DIRS))
NO_LTO = $(if $(findstring -flto,$(CC) $(EXTRA) $(CFLAGS) $(CXXFLAGS)),-fno-lto) # joins need objects
ALL_CFLAGS = $(OPTIMISE) $(TYPES) -g $(WARNINGS) $(EXTRA) $(CPPFLAGS) $(CFLAGS) $(NO_LTO) \
             -std=c11 -D_XOPEN_SOURCE=700 $(OPENMP) $(INCLUDES) -MMD -MP
LINK = $(CC) $(ALL_CFLAGS) $(LDFLAGS)
LINK_LIBS = $(LDLIBS) -lm
no_list = $(filter-out -MMD -MP,$(1)) # of the headers that are read
# Accesses beyond an object are AddressSanitizer's to find: UBSan's object-size would
# find some of them before it, in other words, as each compiler can tell.
SANITIZE := -fsanitize=address,undefined -fno-sanitize=object-size -fno-sanitize-recover=all \
            -fno-omit-frame-pointer

# Kernels (.cu) on the CPU: C++ without its library, with cuda_on_cpu's cuda_runtime.h.
CUDA_DIR := chapters/06_cuda_training
# (CUDA's indices are unsigned.)
ALL_CXXFLAGS = $(OPTIMISE) -g $(WARNINGS) -Wno-sign-conversion $(EXTRA) $(CPPFLAGS) $(CXXFLAGS) $(NO_LTO) \
               -std=c++17 -D_XOPEN_SOURCE=700 -fno-exceptions -fno-rtti \
               -I$(CUDA_DIR)/cuda_on_cpu $(INCLUDES) -MMD -MP
CXX_LINK = $(CXX) $(OPENMP) $(EXTRA) $(CFLAGS) $(CXXFLAGS) $(NO_LTO) $(LDFLAGS)

FLAVOURS := float double asan-float asan-double
FLAGS_float :=
FLAGS_double := -DREAL_IS_DOUBLE
FLAGS_asan-float := $(SANITIZE) -O1
FLAGS_asan-double := $(SANITIZE) -O1 -DREAL_IS_DOUBLE

# ---- what there is ----------------------------------------------------------

# A chapter's folder holds main.c (the program), demo_*.c (what it shows),
# gradient_checks.c (what it checks in double), and the layers it teaches, which later
# chapters use.
dir_of = $(wildcard chapters/0$(1)_*)
demos_of = $(wildcard $(call dir_of,$(1))/demo_*.c)
not_layers_of = $(addprefix $(call dir_of,$(1))/,main.c gradient_checks.c) $(call demos_of,$(1))
layers_of = $(filter-out $(call not_layers_of,$(1)),$(wildcard $(call dir_of,$(1))/*.c))
upto = $(wordlist 1,$(1),1 2 3 4 5 6)
sources_for = $(wildcard common/*.c) $(foreach n,$(call upto,$(1)),$(call layers_of,$(n)))
program_of = $(call not_layers_of,$(1)) $(call sources_for,$(1))
objects = $(patsubst %.c,$(BUILD)/$(1)/%.o,$(2))
libraries_for = $(if $(filter 5,$(1)),-lz)

# Chapter 6's kernels and the machine that they run on without a GPU.
CUDA_SOURCES := $(wildcard $(CUDA_DIR)/*.cu)
CUDA_ON_CPU := $(wildcard $(CUDA_DIR)/cuda_on_cpu/*.cpp)
gpu_objects = $(patsubst %.cu,$(BUILD)/cuda/%.cu.o,$(CUDA_SOURCES) $(1))
cpu_objects = $(patsubst %.cu,$(BUILD)/$(1)/%.cu.o,$(patsubst %.cpp,$(BUILD)/$(1)/%.cpp.o,$(CUDA_SOURCES) $(CUDA_ON_CPU) $(2)))

# In tests a loop's number may become an enum: gcc has no warning for that, clang has.
TEST_FLAGS = -Itests -Itests/cuda $(if $(filter clang,$(KIND)),-Wno-sign-conversion)
TEST_SOURCES := $(wildcard tests/*.c) $(call sources_for,5)
BENCH_SOURCES := $(wildcard tests/bench/*.c) $(call sources_for,5)

# ---- targets ----------------------------------------------------------------

.PHONY: all help setup setup-lint found data test test-quick test-training test-gpu gpu-report equations pages studies plots
.PHONY: start grade mine report compare format lint mutants bench clean
all: $(CHAPTERS:%=chapter%) ## build every chapter

help: ## this list
	@echo "make TARGET, where TARGET is"
	@for n in $(CHAPTERS); do printf '  %-22s %s\n' chapter$$n \
	    "build ./chapter$$n: $$(sed -n '1s/^# *//p' chapters/0$${n}_*/README.md)"; done
	@sed -n 's/^\([a-z][a-z_.-]*\):.*## \(.*\)/\1|\2/p' $(filter-out %.d,$(MAKEFILE_LIST)) | \
	    while IFS='|' read -r name text; do printf '  %-22s %s\n' "$$name" "$$text"; done

setup: ## install what is missing (Debian, Ubuntu; as root or with sudo); nothing else does
	@sh common/scripts/setup.sh
setup-lint: ## install what make lint uses
	@sh common/scripts/setup.sh lint

found: | need-compiler ## say which tools were found
	$(if $(SILENT),@:,@CC=$(call quote,$(CC)) OPENMP='$(OPENMP)' NVCC='$(NVCC)' CUDA_FOR='$(CUDA_FOR)' \
	    MORE=$(call quote,$(strip $(CPPFLAGS) $(CFLAGS) $(CXXFLAGS) $(LDFLAGS) $(LDLIBS))) \
	    sh common/scripts/found.sh)

data: ## get Fashion-MNIST into data/fashion-mnist
	@sh data/get_fashion_mnist.sh

test: need-check need-cxx need-sanitizers need-patch ## run every test, plainly and under ASan and UBSan
	@$(MAKE) --no-print-directory $(if $(filter -j% --jobs%,$(MAKEFLAGS)),,-j$(CORES)) \
	    $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) run-tests

test-quick: $(BUILD)/float/tests/run $(BUILD)/double/tests/run ## the tests, plainly
	@for flavour in float double; do \
	    sh tests/run_flavour.sh $$flavour $(BUILD)/$$flavour/tests/run || exit 1; done

test-training: chapter5 ## do the pages show what two minutes of training print?
	@sh tests/test_training.sh

test-gpu: ## chapter 6's tests on this machine's GPU; without one: not run
	@NVCC='$(NVCC)' $(SH) tests/cuda/test_gpu.sh '$(MAKE)' $(BUILD)/cuda/tests/cuda_run

gpu-report: | need-check ## test, check and time everything on this machine's GPU: notes/gpu_report.md
	@NVCC='$(NVCC)' PYTHON='$(PYTHON)' REHEARSE='$(REHEARSE)' \
	    GPU_TESTS=$(BUILD)/cuda/tests/cuda_run REHEARSE_TESTS=$(BUILD)/float/tests/cuda_run \
	    $(SH) tests/cuda/gpu_report.sh '$(MAKE)' $(if $(REHEARSE),build/rehearsal,notes)

equations: ## every equation of the papers: its code, test, plot, note; ALL=1: all places
	@sh common/scripts/equations.sh $(if $(ALL),--all)

pages: ## write the notes' tables of equations anew, after lines have moved
	@sh common/scripts/refresh_pages.sh

studies: chapter5 ## train the variants of notes/studies.md, half an hour: notes/studies.csv; RUNS=norm: some
	@COMPILER="$$($(COMPILER) --version | head -n 1)" sh common/scripts/studies.sh notes/studies.csv $(if $(RUNS),$(call quote,$(RUNS)))

plots: need-gnuplot $(CHAPTERS:%=chapter%) $(BUILD)/float/tests/pictures/check ## draw every picture into plots/pictures
	@sh plots/make_plots.sh plots/pictures $(BUILD)/float/tests/pictures/check
$(BUILD)/float/tests/pictures/check: tests/pictures/main.c $(BUILD)/flags | need-libraries
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(LINK) $< -lz $(LINK_LIBS) $(whole)

report: $(CHAPTERS:%=chapter%) ## one page of what this machine computes, for a study group: build/report.md
	@sh common/scripts/report.sh build/report.md '$(COMPILER)' '$(OPTIMISE) $(OPENMP)' '$(if $(CUDA),$(NVCC))'

compare: $(BUILD)/double/tests/compare/compare ## A=mine B=theirs: the first tensor in which two dumps differ, and its equation
	@$< $(call quote,$(A)) $(call quote,$(B)) $(if $(TOL),$(call quote,$(TOL)))
$(BUILD)/double/tests/compare/compare: $(call objects,double,tests/compare/main.c $(call sources_for,5)) | need-libraries
	$(call say,link,$@)
	$(Q)$(LINK) $^ -lz $(LINK_LIBS) $(whole)

format: ## clang-format every source (version 14)
	@sh common/scripts/lint.sh format

lint: ## clang-format, cppcheck, clang-tidy, shellcheck: they must find nothing
	@sh common/scripts/lint.sh

compile_commands.json: FORCE ## for editors: how each source is compiled
	@sh common/scripts/compile_commands.sh $(call quote,$(CC)) $(call quote,$(ALL_CFLAGS)) $(call quote,$(CXX)) $(call quote,$(ALL_CXXFLAGS)) >$@

mutants: need-check need-patch ## plant known bugs, one at a time, and see each one caught
	@BUILD='$(BUILD)' sh tests/mutants/run.sh $(call quote,$(CC))

bench: $(BUILD)/float/tests/bench/run ## compare speed with OpenBLAS, BLIS, PyTorch; BENCH=--help says more
	@PYTHON='$(PYTHON)' $< $(BENCH)

start: ## N=2: your own copy of a chapter's exercises, in work/chapter2
	@$(need_n)
	@sh common/scripts/start.sh $(N) $(MINE)
	@$(MAKE) --no-print-directory $(GRADE)
	@[ -e $(MINE)/answers.txt ] || { $(GRADE) --tasks >$(MINE)/answers.new && \
	    mv $(MINE)/answers.new $(MINE)/answers.txt; }
	@echo "$(MINE) is yours: write what is marked there, and answer answers.txt;"
	@echo "then: make grade N=$(N)"

grade: ## N=2: what passes, what is wrong and why, and how far you are
	@$(need_n)
	@$(need_mine)
	@$(MAKE) --no-print-directory $(GRADE) || \
	    { echo "What you wrote doesn't compile yet: the first error above says where."; exit 1; }
	@$(GRADE) $(MINE) || [ $$? -eq 1 ] # 1: not all is written yet

mine: ## N=2: chapter 2 as a program, made of what you wrote; with its tests
	@$(need_n)
	@$(need_mine)
	@$(MAKE) --no-print-directory mine-tests

clean: ## remove what was built; never what you wrote
	rm -rf build $(CHAPTERS:%=chapter%) $(CHAPTER6_PROGRAMS)

.PHONY: run-tests need-compiler need-libraries need-cxx need-check need-sanitizers need-patch need-gnuplot
CUDA_FLAVOURS := float asan-float watched
CUDA_RUNS = run-cuda-float run-cuda-asan-float $(if $(filter gcc,$(WATCHED_KIND)),run-cuda-watched)
.PHONY: $(FLAVOURS:%=run-%) $(CUDA_FLAVOURS:%=run-cuda-%)
$(FLAVOURS:%=run-%): run-%: $(BUILD)/%/tests/run
	@sh tests/run_flavour.sh $* $<
$(CUDA_FLAVOURS:%=run-cuda-%): run-cuda-%: $(BUILD)/%/tests/cuda_run
	@sh tests/run_flavour.sh $* $<
ifneq ($(filter run-tests,$(MAKECMDGOALS)),)
run-tests: $(CUDA_RUNS)
endif
run-tests: $(FLAVOURS:%=run-%) $(CHAPTERS:%=chapter%) $(BUILD)/double/tests/compare/compare \
    $(BUILD)/float/tests/bench/run
	@sh tests/test_build.sh '$(MAKE_COMMAND)'
	@CC=$(call quote,$(CC)) sh tests/test_command_line.sh
	@CC=$(call quote,$(CC)) sh tests/test_numbers.sh
	@sh tests/test_environment.sh
	@sh tests/test_pages.sh
	@sh tests/test_scripts.sh
	@CC=$(call quote,$(CC)) sh tests/test_files.sh
	@CC=$(call quote,$(CC)) sh tests/test_report.sh
	@sh tests/test_quiet.sh $(BUILD)/double/tests/compare/compare
	@$(SH) tests/test_compare.sh '$(MAKE)' $(BUILD)/double/tests/compare/compare
	@$(SH) tests/test_exercises.sh '$(MAKE)'
	@CC=$(call quote,$(CC)) sh tests/test_bench.sh $(BUILD)/float/tests/bench/run
	@sh tests/test_containers.sh
	@$(SH) tests/test_typed.sh '$(MAKE)'
	@$(SH) tests/fuzz/run.sh '$(MAKE)' $(FUZZ_PLAIN) '$(FUZZ_READERS)' '' 1000

# In `make setup chapter5` everything waits for setup.
SETUPS := $(filter setup setup-%,$(MAKECMDGOALS))
ifneq ($(SETUPS),)
need-compiler data $(filter-out $(SETUPS),$(MAKECMDGOALS)): | $(SETUPS)
endif
need = @CC=$(call quote,$(CC)) COMPILER='$(COMPILER)' CXX=$(call quote,$(CXX)) sh common/scripts/need.sh
need-compiler:
	$(need) compiler $(call no_list,$(ALL_CFLAGS) $(LDFLAGS))
need-cxx: | need-compiler
	$(need) cxx $(call no_list,$(ALL_CXXFLAGS))
need-libraries: | need-compiler
	$(need) libraries $(call no_list,$(ALL_CFLAGS) $(LDFLAGS) $(LDLIBS))
need-check: | need-libraries
	$(need) check $(call no_list,$(ALL_CFLAGS) $(LDFLAGS) $(CHECK_FLAGS) $(LDLIBS))
need-sanitizers: | need-check
	$(need) sanitizers $(SANITIZE) $(LDFLAGS)
need-patch need-gnuplot: need-%: | need-compiler
	$(need) $*

# ---- objects ----------------------------------------------------------------

# Rebuild everything when the compiler or its flags change; link anew when what is linked
# does, though every part is old.
# What is compiled, linked or joined is made beside its place and put there when it is whole,
# the headers that were read before it: a make that was killed, and two makes at once, leave
# nothing half written.
whole = -o $@.$$$$ && mv -f $@.$$$$ $@
compiled = -MT $@ -MF $@.d$$$$ -o $@.$$$$ || { rm -f $@.d$$$$; exit 1; }; \
           mv -f $@.d$$$$ $(@:.o=.d) && mv -f $@.$$$$ $@
joined = -o $@.$$$$ && $(OBJCOPY) $(1) $@.$$$$ && mv -f $@.$$$$ $@
stamp = @mkdir -p $(@D); printf '%s\n' $(call quote,$(1)) | cmp -s - $@ || printf '%s\n' $(call quote,$(1)) >$@
$(BUILD)/flags: FORCE | found
	$(call stamp,$(COMPILED_BY) $(ALL_CFLAGS) $(TEST_FLAGS) $(LDFLAGS) $(LINK_LIBS) $(foreach f,$(FLAVOURS),$(FLAGS_$(f))))
$(BUILD)/cxx-flags: FORCE | need-cxx
	$(call stamp,$(CXX_COMPILED_BY) $(WATCHED_CXX) $(ALL_CXXFLAGS) $(KERNEL_FLAGS_watched) $(OPENMP))
.PHONY: FORCE
FORCE:

define flavour_rules
$(BUILD)/$(1)/%.o: %.c $(BUILD)/flags | need-compiler
	@mkdir -p $$(@D)
	$$(call say,cc,$$@)
	$$(Q)$$(CC) $$(ALL_CFLAGS) $$(FLAGS_$(1)) $$(if $$(filter tests/%,$$<),$$(TEST_FLAGS)) $$(if $$(filter $$(WORK)/%,$$<),$$(MINE_FLAGS)) -c $$< $$(compiled)
$(BUILD)/$(1)/tests/run: $$(call objects,$(1),$$(TEST_SOURCES)) | need-check
	$$(call say,link,$$@)
	$$(Q)$$(LINK) $$(FLAGS_$(1)) $$^ $$(CHECK_FLAGS) -lz $$(LINK_LIBS) $$(whole)
endef
$(foreach flavour,$(FLAVOURS),$(eval $(call flavour_rules,$(flavour))))

# The same for kernels on the CPU; and their tests.
CUDA_TESTS := $(wildcard tests/cuda/*.c) $(addprefix tests/,check_helpers.c scratch.c small_run.c naive_layers.c naive_vit.c)
CUDA_TEST_KERNELS := $(wildcard tests/cuda/*.cu)
define cuda_flavour_rules
$(BUILD)/$(1)/%.cu.o: %.cu $(BUILD)/flags $(BUILD)/cxx-flags | need-cxx
	@mkdir -p $$(@D)
	$$(call say,c++,$$@)
	$$(Q)$(if $(filter watched,$(1)),$$(WATCHED_CXX),$$(CXX)) -x c++ $$(ALL_CXXFLAGS) $$(FLAGS_$(1)) $$(CXX_ONLY_$(1)) $$(KERNEL_FLAGS_$(1)) $$(if $$(filter $$(WORK)/%,$$<),$$(MINE_FLAGS)) -c $$< $$(compiled)
$(BUILD)/$(1)/%.cpp.o: %.cpp $(BUILD)/flags $(BUILD)/cxx-flags | need-cxx
	@mkdir -p $$(@D)
	$$(call say,c++,$$@)
	$$(Q)$(if $(filter watched,$(1)),$$(WATCHED_CXX),$$(CXX)) $$(ALL_CXXFLAGS) $$(FLAGS_$(1)) $$(CXX_ONLY_$(1)) -c $$< $$(compiled)
$(BUILD)/$(1)/tests/cuda_run: $$(call objects,$(if $(filter watched,$(1)),float,$(1)),$$(CUDA_TESTS) $$(call sources_for,6)) \
    $$(call cpu_objects,$(1),$$(CUDA_TEST_KERNELS)) | need-check
	@mkdir -p $$(@D)
	$$(call say,link,$$@)
	$$(Q)$$(LINK) $$(FLAGS_$(1)) $$^ $$(CHECK_FLAGS) -lz $$(LINK_LIBS) $$(whole)
endef
# clang's check of function types needs a C++ runtime that C programs don't link.
CXX_ONLY_asan-float = $(if $(filter clang,$(KIND)),-fno-sanitize=function)
# `watched`: the compiler calls cuda_on_cpu/watch.cpp before each access of a kernel.
KERNEL_FLAGS_watched = -O2 -fsanitize=thread $(if $(filter gcc,$(WATCHED_KIND)),-fno-tree-sra)
$(foreach flavour,float asan-float watched,$(eval $(call cuda_flavour_rules,$(flavour))))
$(foreach f,float asan-float,$(call objects,$(f),$(CUDA_TESTS))): | need-check

$(call objects,float,$(call layers_of,5)) $(call objects,double,$(call layers_of,5)): | need-libraries
$(foreach f,$(FLAVOURS),$(call objects,$(f),$(filter-out tests/naive_%.c,$(wildcard tests/*.c)))): | need-check

# The benchmark prints the flags that it was compiled with.
$(BUILD)/float/tests/bench/machine.o: FLAGS_float = -DBENCH_FLAGS='"$(OPTIMISE) $(OPENMP)"'
$(call objects,float,$(wildcard tests/bench/*.c)): | need-libraries
$(BUILD)/float/tests/bench/run: $(call objects,float,$(BENCH_SOURCES)) | need-libraries
	$(call say,link,$@)
	$(Q)$(LINK) $^ -lz -ldl $(LINK_LIBS) $(whole)

include common/make/fuzz.mk common/make/faults.mk common/make/analyze.mk common/make/wasm.mk

# ---- programs ---------------------------------------------------------------

# Two programs of the same sources: ./chapterN computes in float; ./chapterN_double
# computes in double, and is what ./chapterN runs where it checks gradients. Each
# compiler links programs of its own; those here are copies of the ones asked for.
put = @cmp -s $< $@ || { cp $< $<.$$$$ && mv -f $<.$$$$ $@; }
define program_rules
$(2): $(BUILD)/$(2) FORCE | found $(if $(filter 5,$(1)),data)
	$$(put)
$(BUILD)/$(2): $(call objects,$(3),$(call program_of,$(1))) | $(if $(filter 5,$(1)),need-libraries)
	$$(call say,link,$$@)
	$$(Q)$$(LINK) $$^ $(call libraries_for,$(1)) $$(LINK_LIBS) $$(whole)
endef
$(foreach n,$(IN_DOUBLE),$(eval $(call program_rules,$(n),chapter$(n),float)))
$(foreach n,$(IN_DOUBLE),$(eval $(call program_rules,$(n),chapter$(n)_double,double)))
$(foreach n,$(IN_DOUBLE),$(eval chapter$(n): | chapter$(n)_double))
chapter%:
	@echo "make: there is no $@: chapters are $(CHAPTERS)" >&2; exit 2

include common/make/systems.mk
include common/make/cuda.mk

# ---- exercises ----------------------------------------------------------------

# A student's files are used in place of the course's of the same name: those in
# work/chapterN. Everything else comes as it is.
WORK := work
override N := $(strip $(N))
MINE = $(WORK)/chapter$(N)
GRADE = $(BUILD)/$(if $(filter 6,$(N)),watched,double)/$(MINE)/grade
need_n = case $(call quote,$(N)) in [1-6]) ;; *) echo "which chapter? make $@ N=1 ... N=6"; exit 2;; esac
# A file that isn't there would be the course's own, solved.
need_mine = [ -d $(MINE) ] || { echo "there is no $(MINE): make start N=$(N)"; exit 1; }; \
            sh common/scripts/start.sh --lacks $(N) $(MINE)
mine = $(foreach s,$(1),$(or $(wildcard $(MINE)/$(notdir $(s))),$(s)))
# What 4.4 and 4.5 are graded with is the course's own dropout, so that 4.6 may come after
# them; 4.6 grades the student's, whose name ends in _graded there.
APART = $(if $(filter 4,$(N)),$(call dir_of,4)/dropout.c)
graded = $(call mine,$(filter-out $(APART),$(1))) $(APART)
GRADED_APART = $(if $(APART),$(BUILD)/double/$(MINE)/dropout_graded.o)
MINE_CHAPTER = $(MINE)/chapter$(N)
# A call at a function's end stays a call: crash.c finds the line.
MINE_FLAGS := -fno-optimize-sibling-calls -Wno-unused-function -Wno-unused-parameter -Wno-unused-variable \
              -Wno-conversion -Wno-sign-conversion -Wno-float-conversion -Wno-double-promotion
SUITES_1 := matmul softmax gelu linear gradcheck
SUITES_2 := attention
SUITES_3 := multi_head_attention positions
SUITES_4 := layer_norm dropout mlp encoder_block
SUITES_5 := patch_embedding vit vit_variants cross_entropy adamw schedule
SUITES_6 := gpu_rows gpu_gelu gpu_matmul gpu_attention gpu_adamw

ifneq ($(and $(filter 1,$(words $(N))),$(filter $(CHAPTERS),$(N))),)
# What is copied or deleted there is linked anew, though every object is old.
PARTS := $(BUILD)/$(MINE)/parts
$(PARTS): FORCE | need-compiler
	$(call stamp,$(wildcard $(MINE)/*.[ch]*))
$(MINE_CHAPTER) $(MINE_CHAPTER)_double: %: $(BUILD)/% FORCE $(if $(filter 5 6,$(N)),| data)
	$(put)
GRADER := $(addprefix tests/exercises/,grade.c exercise.c answers.c inputs.c crash.c) $(wildcard tests/exercises/exercises_$(N)*.c) tests/naive_layers.c
ifneq ($(N),6)
$(MINE_CHAPTER): | $(MINE_CHAPTER)_double
$(BUILD)/double/$(MINE)/dropout_graded.o: $(call mine,$(APART)) $(PARTS) $(BUILD)/flags | need-compiler
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(FLAGS_double) $(MINE_FLAGS) -Ddropout_apply=dropout_apply_graded -c $< $(compiled)
$(GRADE): $(PARTS) $(call objects,double,$(call graded,$(call sources_for,$(N))) $(GRADER) $(if $(filter 5,$(N)),tests/naive_vit.c)) $(GRADED_APART) | $(if $(filter 5,$(N)),need-libraries)
	$(call say,link,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $(filter %.o,$^) $(if $(filter 5,$(N)),-lz) $(LINK_LIBS) $(whole)
$(BUILD)/$(MINE_CHAPTER): $(call objects,float,$(call mine,$(call program_of,$(N))))
$(BUILD)/$(MINE_CHAPTER)_double: $(call objects,double,$(call mine,$(call program_of,$(N))))
$(BUILD)/$(MINE_CHAPTER) $(BUILD)/$(MINE_CHAPTER)_double: $(PARTS) | $(if $(filter 5,$(N)),need-libraries)
	$(call say,link,$@)
	$(Q)$(LINK) $(filter %.o,$^) $(call libraries_for,$(N)) $(LINK_LIBS) $(whole)
$(BUILD)/double/$(MINE)/tests: $(PARTS) $(call objects,double,$(call mine,$(call sources_for,5)) $(wildcard tests/*.c)) | need-check
	$(call say,link,$@)
	$(Q)$(LINK) $(filter %.o,$^) $(CHECK_FLAGS) -lz $(LINK_LIBS) $(whole)
MINE_TESTS := $(BUILD)/double/$(MINE)/tests
else
MINE_KERNELS = $(call mine,$(CUDA_SOURCES))
mine_kernels = $(patsubst %,$(BUILD)/$(1)/%.o,$(MINE_KERNELS) $(CUDA_ON_CPU))
$(GRADE): $(PARTS) $(call objects,float,$(GRADER) $(call sources_for,6)) $(call mine_kernels,watched) | need-libraries
	$(call say,link,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $(filter %.o,$^) -ljansson -lz $(LINK_LIBS) $(whole)
$(BUILD)/$(MINE)/chapter6: $(PARTS) $(CHAPTER6_C_OBJECTS) $(call mine_kernels,float) | need-libraries need-cxx
	$(link_chapter6)
$(BUILD)/$(MINE)/chapter6_watched: $(PARTS) $(CHAPTER6_C_OBJECTS) $(call mine_kernels,watched) | need-libraries need-cxx
	$(link_chapter6)
$(MINE)/chapter6_watched: $(BUILD)/$(MINE)/chapter6_watched FORCE
	$(put)
mine-tests: $(MINE)/chapter6_watched
MINE_TESTS := $(BUILD)/float/$(MINE)/tests
$(MINE_TESTS): $(PARTS) $(call objects,float,$(CUDA_TESTS) $(call sources_for,6)) \
    $(call mine_kernels,float) $(patsubst %,$(BUILD)/float/%.o,$(CUDA_TEST_KERNELS)) | need-check
	$(call say,link,$@)
	$(Q)$(LINK) $(filter %.o,$^) $(CHECK_FLAGS) -lz $(LINK_LIBS) $(whole)
endif
.PHONY: mine-tests
mine-tests: $(MINE_CHAPTER) $(MINE_TESTS)
	@echo 'chapter $(N) of what you wrote, to run: ./$(MINE)/chapter$(N)'
	@echo 'the tests of the course:'
	@sh tests/exercises/mine_tests.sh $(MINE_TESTS) $(SUITES_$(N))
endif

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d $(BUILD)/*/*/*/*/*.d $(BUILD)/*/*/*/*.d)
