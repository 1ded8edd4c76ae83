# Chapter 8: files named *_mpi.c need MPI, and only the program has them. All the rest, and
# its tests, needs none.
MPICC := $(call once,MPICC,command -v mpicc)
MPI_OBJECTS := $(call objects,float,$(wildcard $(call dir_of,8)/*/*_mpi.c))
$(MPI_OBJECTS): FLAGS_float = $(call once,MPI_FLAGS,$(MPICC) --showme:compile)
$(BUILD)/chapter8: $(call objects,float,$(call sources_of,8)) $(MPI_OBJECTS)
	$(call link,$(filter %.o,$^),$(LIBRARIES) $(call once,MPI_LIBS,$(MPICC) --showme:link))
chapter8: %: $(BUILD)/% FORCE | found data
	$(put)
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
