# Chapter 6: its kernels for cuda_on_cpu, the emulator, and for a GPU.
#
# They are compiled for this machine's card where nvcc and a card are, or for those of
# CUDA_ARCH, "80 90" or all-major (every one that this nvcc knows), wherever it is to run.
# Elsewhere chapter 6 has the emulator alone: compiling for every card takes minutes.
NVCC := $(firstword $(shell command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null))
CUDA_HOME = $(patsubst %/bin/nvcc,%,$(realpath $(NVCC)))
CUDA_CARD = $(call once,CUDA_CARD,nvidia-smi --query-gpu=compute_cap --format=csv$(comma)noheader 2>/dev/null | tr -d . | grep -E '^[0-9]+$$' | sort -u)
CUDA_ARCH = $(CUDA_CARD)
CUDA = $(if $(NVCC),$(strip $(CUDA_ARCH)))
ARCHES = $(subst .,,$(patsubst sm_%,%,$(CUDA_ARCH)))
gencode = $(if $(filter all%,$(ARCHES)),-arch=$(firstword $(ARCHES)),$(foreach a,$(ARCHES),-gencode arch=compute_$(a)$(comma)code=sm_$(a)))
CUDA_FOR = $(if $(NVCC),$(if $(CUDA),$(addprefix sm_,$(ARCHES)),none))
CUBLASLT = $(call once,CUBLASLT,test -f $(CUDA_HOME)/include/cublasLt.h && echo yes)
NVCCFLAGS = -std=c++17 -O3 -lineinfo $(gencode) \
            -Xcompiler -Wall$(comma)-Wextra $(if $(EXTRA),-Werror all-warnings) \
            $(if $(CUBLASLT),-DHAVE_CUBLASLT) $(INCLUDES) -MMD -MP
CUDA_LIBS = -L$(CUDA_HOME)/lib64 -Wl,-rpath,$(CUDA_HOME)/lib64 -lcudart_static \
            $(if $(CUBLASLT),-lcublasLt) -lrt -ldl -lpthread

# Three programs of the same sources: ./chapter6_on_cpu on cuda_on_cpu; ./chapter6_watched
# on a cuda_on_cpu that sees every access; and ./chapter6 on a GPU, or, without CUDA, a copy
# of the first.
CHAPTER6_PROGRAMS := chapter6_on_cpu chapter6_watched
CHAPTER6_C_OBJECTS = $(call objects,float,$(CUDA_DIR)/main.c $(call sources_for,6))
define link_chapter6
	$(call say,link,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX_LINK) $(filter %.o,$^) -ljansson -lz $(1) $(LINK_LIBS) $(whole)
endef
$(BUILD)/chapter6_on_cpu: $(CHAPTER6_C_OBJECTS) $(call cpu_objects,float) | need-libraries need-cxx
	$(link_chapter6)
$(BUILD)/chapter6_watched: $(CHAPTER6_C_OBJECTS) $(call cpu_objects,watched) | need-libraries need-cxx
	$(link_chapter6)
$(CHAPTER6_PROGRAMS): %: $(BUILD)/% FORCE
	$(put)

.PHONY: need-nvcc
need-nvcc: | need-compiler
	$(if $(CUDA)$(filter command%,$(origin CUDA_ARCH)),$(need) nvcc '$(NVCC)' $(ARCHES),@:)
$(BUILD)/cuda/flags: FORCE | need-cxx need-nvcc
	$(call stamp,$(NVCC) $(NVCCFLAGS))
$(BUILD)/cuda/%.cu.o: %.cu $(BUILD)/cuda/flags
	@mkdir -p $(@D)
	$(call say,nvcc,$@ ($(CUDA_FOR)))
	$(Q)$(NVCC) $(NVCCFLAGS) -c $< -o $@
$(BUILD)/cuda/chapter6: $(CHAPTER6_C_OBJECTS) $(call gpu_objects) | need-libraries need-cxx
	$(call link_chapter6,$(CUDA_LIBS))
$(BUILD)/cuda/tests/cuda_run: $(call objects,float,$(CUDA_TESTS) $(call sources_for,6)) $(call gpu_objects,$(CUDA_TEST_KERNELS))
	$(call link_chapter6,$(CHECK_FLAGS) $(CUDA_LIBS))

# Asked when chapter 6 is built, not before: is there a card?
.SECONDEXPANSION:
chapter6: $(BUILD)/$$(if $$(CUDA),cuda/chapter6,chapter6_on_cpu) $(CHAPTER6_PROGRAMS) FORCE | found data need-nvcc
	$(put)
