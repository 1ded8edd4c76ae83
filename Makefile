# The course's build: which compiler, which flags, how a chapter is built, and the list of
# targets, which `make help` prints. The rest (tests, exercises, CUDA) is included from
# common/make/.
#
#   make CC=clang chapter5     another compiler; also CC="ccache gcc", CC=/opt/bin/gcc-14
#   make ARCH=x86-64-v3 ...    for machines other than this one (default: native)
#   make OPENMP=-fopenmp-simd  without threads
#   make V=1 ...               show every command whole
#   make NVCC= ...             as if CUDA were not installed
#   make CUDA_ARCH="80 90" ... for these compute capabilities (default: the card's, if any)
#   make CFLAGS=-O1 ...        more flags, after the course's own; so CPPFLAGS, CXXFLAGS,
#                              LDFLAGS and LDLIBS; EXTRA for C and C++

CHAPTERS := 1 2 3 4 5 6 7 8
ARCH := native
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
unexport DEPENDENCIES_OUTPUT SUNPRO_DEPENDENCIES # gcc would write headers there, not to .d

$(if $(wildcard common/make/*.mk),,$(error run make in the folder of its Makefile: make -C FOLDER))
include common/make/compiler.mk common/make/pictures.mk # CC, CXX, OPENMP, BUILD; IMAGES

# ---- flags ------------------------------------------------------------------
# -ffp-contract=fast lets a*b + c be one instruction (rounded once); that is all the
# liberty taken with floating point. The other two -fno- give up errno and traps,
# which nothing here uses, and change no result.
# Off for clang: it warns of each loop with erfc, which has no vector form in double, and
# of each product of a double and an enum (named numbers are enums here).
WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wdouble-promotion -Wno-unknown-pragmas \
           $(if $(filter clang,$(KIND)),-Wno-pass-failed -Wno-enum-float-conversion)
OPTIMISE = -O3 $(MACHINE) -ffp-contract=fast -fno-math-errno -fno-trapping-math
ALL_CFLAGS = $(OPTIMISE) $(TYPES) -g $(WARNINGS) $(EXTRA) $(CPPFLAGS) $(CFLAGS) \
             -std=c11 -D_XOPEN_SOURCE=700 $(OPENMP) -I. -MMD -MP
LINK = $(CC) $(ALL_CFLAGS) $(LDFLAGS)
LINK_LIBS = $(LDLIBS) -lm
LIBRARIES = $(IMAGE_LIBRARIES) -lz -lpthread # of chapter 5 on: pictures, files in .gz

# A flavour is a number type, plain or with sanitizers, from one source: training runs in
# float, gradients are checked in double. Objects go to build/COMPILER/FLAVOUR/.
FLAVOURS := float double asan-float asan-double
FLAGS_double := -DREAL_IS_DOUBLE
FLAGS_asan-float := $(SANITIZE) -O1
FLAGS_asan-double := $(FLAGS_asan-float) $(FLAGS_double)

# ---- a chapter --------------------------------------------------------------
# A chapter's folder holds a program (main.c; demo_*.c, what it shows; gradient_checks.c)
# and the layers that it teaches, which later chapters use.
dir_of = $(wildcard chapters/0$(1)_*)
program_of = $(foreach name,main demo_* gradient_checks,$(wildcard $(call dir_of,$(1))/$(name).c))
layers_of = $(filter-out $(call program_of,$(1)) %_mpi.c %_gpu.c $(call dir_of,8)/network/%,$(wildcard $(addprefix $(call dir_of,$(1))/,*.c */*.c)))
layers_up_to = $(filter-out $(IMAGES),$(wildcard common/*.c common/*/*.c)) $(foreach n,$(call up_to,$(1)),$(call layers_of,$(n))) $(if $(filter-out 1 2 3 4,$(1)),$(IMAGES))
sources_of = $(call program_of,$(1)) $(call layers_up_to,$(1))
objects = $(patsubst %.c,$(BUILD)/$(1)/%.o,$(2)) # objects FLAVOUR, SOURCES

# chapterN in float, and chapterN_double, the same sources in double, which checks the
# gradients. Each compiler links its own; ./chapterN is a copy of the one asked for.
CPU_CHAPTERS := $(filter-out 6 8,$(CHAPTERS))
define chapter_rules
$(BUILD)/chapter$(1): $(call objects,float,$(call sources_of,$(1)))
$(BUILD)/chapter$(1)_double: $(call objects,double,$(call sources_of,$(1)))
chapter$(1): chapter$(1)_double
endef
$(foreach n,$(CPU_CHAPTERS),$(eval $(call chapter_rules,$(n))))
CPU_PROGRAMS := $(foreach n,$(CPU_CHAPTERS),chapter$(n) chapter$(n)_double)
$(CPU_PROGRAMS:%=$(BUILD)/%):
	$(call link,$(filter %.o,$^),$(if $(filter chapter5% chapter7%,$(@F)),$(LIBRARIES)))
$(CPU_PROGRAMS): %: $(BUILD)/% FORCE | found
	$(put)
chapter5: | data
chapter%:
	@echo "make: there is no $@: chapters are $(CHAPTERS)" >&2; exit 2

# ---- targets ----------------------------------------------------------------
all: $(CHAPTERS:%=chapter%) ## build every chapter
clean: ## remove what was built; never what you wrote
	rm -rf build $(CHAPTERS:%=chapter%) $(wildcard chapter[1-9]_*)

# Most targets run a script: command-NAME is what `make NAME` runs.
command-help = sh common/scripts/help.sh $(filter %.mk Makefile,$(MAKEFILE_LIST)) ## this list
command-setup = sh common/scripts/setup.sh ## install what is missing (Debian, Ubuntu; as root or with sudo)
command-data = sh data/get_fashion_mnist.sh ## get Fashion-MNIST into data/fashion-mnist
command-equations = sh common/scripts/equations.sh $(if $(ALL),--all) ## every equation's code, test, plot and note; ALL=1: all places
command-pages = sh common/scripts/refresh_pages.sh ## draw the lessons' figures, and write the studies' table anew
command-plots = sh plots/make_plots.sh plots/pictures $(PICTURES) ## draw every picture into plots/pictures
command-report = sh common/scripts/report.sh build/report.md '$(COMPILER)' '$(OPTIMISE) $(OPENMP)' \
    '$(if $(CUDA),$(NVCC))' ## what this machine computes, on one page, for a study group: build/report.md
command-studies = sh common/scripts/studies.sh notes/studies.csv $(if $(RUNS),$(call quote,$(RUNS))) \
    ## train the variants of notes/studies.md, half an hour; RUNS=norm: some
command-format = sh common/scripts/lint.sh format ## clang-format every source (version 14)
include $(addprefix common/make/,rules.mk cuda.mk tests.mk exercises.mk chapter7.mk chapter8.mk book.mk)

plots report: all
plots: need-gnuplot $(PICTURES)
studies: chapter5
SCRIPTS := $(patsubst command-%,%,$(filter command-%,$(.VARIABLES)))
$(SCRIPTS):
	+@$(DRY)$(command-$@)
.PHONY: FORCE all clean found test test-all run-scripts $(ROWS) run-all none mine-built $(FLAVOURS:%=run-%) $(CUDA_RUNS) $(NEEDS) $(SCRIPTS)
