# Chapter 8: files named *_mpi.c need MPI, and only the program has them. All the rest, and
# its tests, needs none. MPICC=mpicc.mpich takes another MPI; MPICC= is for none.
MPICC = $(call once,MPICC,command -v mpicc)
MPI_WORDS = $(call once,MPI_WORDS,$(MPICC) -show)
MPI_FLAGS = $(filter -I% -D%,$(MPI_WORDS))
MPI_LIBS = $(filter -L% -l% -Wl$(comma)% -pthread,$(MPI_WORDS))
MPI_OBJECTS := $(call objects,float,$(wildcard $(call dir_of,8)/*/*_mpi.c))
$(MPI_OBJECTS): $(BUILD)/mpi-flags
$(BUILD)/mpi-flags: FORCE
	$(call stamp,$(MPI_WORDS))
$(BUILD)/chapter8: $(call objects,float,$(call sources_of,8)) $(MPI_OBJECTS) $(BUILD)/mpi-flags | need-libraries
	$(call link,$(filter %.o,$^),$(LIBRARIES) $(MPI_LIBS))
command-setup-chapter8 = sh common/scripts/setup.sh chapter8 ## install MPI, which chapter 8 needs
# Whoever asks for chapter 8 needs MPI; `make all` goes without. After setup-chapter8 it is
# asked anew.
ifneq ($(filter setup-chapter8,$(MAKECMDGOALS)),)
chapter8: setup-chapter8 FORCE
	+@$(DRY)$(MAKE) --no-print-directory chapter8
else
chapter8: $$(if $$(MPICC),$(BUILD)/chapter8) FORCE | found data
	$(if $(MPICC),$(put),@sh common/scripts/need.sh mpi $(if $(filter chapter8,$(MAKECMDGOALS)),,|| :))
endif
# The benchmark's ranks: what it does itself in one process, and chapter 8.
BENCH_RANKS := $(BUILD)/float/tests/bench/run_ranks
RANKS_SERVED := $(addprefix tests/bench/,ranks/main.c ours.c answers.c made_up.c memory.c one_image.c)
$(BENCH_RANKS): $(call objects,float,$(RANKS_SERVED) $(call layers_up_to,7) $(call layers_of,8)) $(MPI_OBJECTS) $(BUILD)/mpi-flags | need-libraries
	$(call link,$(filter %.o,$^),$(LIBRARIES) $(MPI_LIBS))
bench run-scripts $(ROWS): $$(if $$(MPICC),$(BENCH_RANKS))
# What a student wrote, as a program.
ifeq ($(N),8)
$(BUILD)/$(MINE)/my_chapter8: $(MPI_OBJECTS)
$(BUILD)/$(MINE)/my_chapter8: MPI_LINK = $(MPI_LIBS)
endif

# Ranks on a network of their own (Linux, root): RANKS="2 4" RATE=100 DELAY=1, and what to
# run there: RUN="./chapter8 --data data/sample". Without RUN: the study, notes/network.csv.
SWITCH := $(BUILD)/delay_switch
$(SWITCH): $(call objects,float,$(call dir_of,8)/network/delay_switch.c)
	$(call link,$^)
command-network = TABLE='$(if $(RUN),,notes/network.csv)' sh common/scripts/network.sh $(SWITCH) $(RUN) ## ranks on a network of your rate and delay: RANKS="2 4" RATE=100 DELAY=1 RUN="./chapter8 ..."
network: chapter8 $(SWITCH)
export RANKS RATE DELAY

# On GPUs: chapter 6's trainer with NCCL. Files named *_gpu.c are for ./chapter8_gpu and
# ./chapter8_gpu_on_cpu alone; the second has several devices of cuda_on_cpu in one program.
GPUS := $(call dir_of,8)/gpus
RANKS_C := $(call layers_up_to,6) $(call layers_of,8) $(wildcard $(GPUS)/*_gpu.c)
RANKS_ON_CPU = $(call kernels_on,$(1),$(GPUS)/gpu_ranks.cu $(GPUS)/nccl_on_cpu.cpp)
define ranks_tested
$(BUILD)/$(1)/tests/cuda_run: $(call objects,$(if $(filter asan%,$(1)),$(1),float),$(RANKS_C) $(wildcard tests/cuda/*_ranks.c)) $(call RANKS_ON_CPU,$(1))
endef
$(foreach flavour,float asan-float watched,$(eval $(call ranks_tested,$(flavour))))
NCCL = $(call once,NCCL,ls $(CUDA_HOME)/include/nccl.h /usr/include/nccl.h 2>/dev/null | head -n 1)
RANKS_MAIN := $(call objects,float,$(call dir_of,8)/main_gpu.c $(RANKS_C))
$(BUILD)/chapter8_gpu_on_cpu: $(RANKS_MAIN) $(call kernels_on,float,$(KERNELS)) $(call RANKS_ON_CPU,float)
$(BUILD)/cuda/chapter8_gpu: $(RANKS_MAIN) $(call kernels_on,cuda,$(KERNELS) $(GPUS)/gpu_ranks.cu)
$(BUILD)/chapter8_gpu_on_cpu $(BUILD)/cuda/chapter8_gpu: | need-libraries need-cxx
	$(call link_kernels,$(filter %.o,$^),$(if $(filter %/cuda/chapter8_gpu,$@),$(CUDA_LIBS) -lnccl))
HAVE_GPUS = $(if $(NVCC),$(if $(CUDA),$(NCCL)))
chapter8_gpu: $(if $(filter chapter8_gpu,$(MAKECMDGOALS)),$(if $(HAVE_GPUS),$(BUILD)/cuda/chapter8_gpu data)) FORCE | found need-nvcc
	$(if $(filter %/chapter8_gpu,$<),$(put),@echo 'make: chapter8_gpu needs nvcc, NCCL (libnccl-dev) and a card, or CUDA_ARCH="80 90"; make chapter8_gpu_on_cpu has several emulated devices' >&2; exit 1)
chapter8_gpu_on_cpu: %: $(BUILD)/% FORCE | found data
	$(put)
