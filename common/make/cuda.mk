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

# chapter 6 holds its kernels for cuda_on_cpu twice, plain and watched, each joined into
# an object that hides every name but one; and, where there is nvcc, for a GPU.
$(BUILD)/float/%/device.o: FLAGS_float = -DDEVICE=device_cuda_on_cpu
$(BUILD)/watched/device.o: $(CUDA_DIR)/device.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -DDEVICE=device_watched -c $< $(compiled)
$(BUILD)/cuda/device.o: $(CUDA_DIR)/device.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -DDEVICE=device_cuda -c $< $(compiled)
$(BUILD)/cuda/main.o: $(CUDA_DIR)/main.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,cc,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -DHAVE_CUDA -c $< $(compiled)
$(BUILD)/cuda/flags: FORCE | need-cxx need-nvcc
	$(call stamp,$(NVCC) $(NVCCFLAGS))
$(BUILD)/cuda/%.cu.o: %.cu $(BUILD)/cuda/flags
	@mkdir -p $(@D)
	$(call say,nvcc,$@ ($(CUDA_FOR)))
	$(Q)$(NVCC) $(NVCCFLAGS) -c $< -o $@
$(BUILD)/cuda/tests/main.o: tests/cuda/main.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -DON_A_GPU -Itests -Itests/cuda -c $< $(compiled)
$(BUILD)/cuda/tests/cuda_run: $(call objects,float,$(filter-out tests/cuda/main.c,$(CUDA_TESTS)) $(DEVICE_C) $(TEST_HELPERS) $(CHAPTER6_C)) \
    $(BUILD)/cuda/tests/main.o $(call gpu_objects,$(CUDA_TEST_KERNELS)) $(BUILD)/double/cpu_in_double.o
	$(call say,link,$@)
	$(Q)$(CXX_LINK) $^ $(CHECK_FLAGS) -lz $(CUDA_LIBS) $(LINK_LIBS) $(whole)

# Templates' functions come in groups of which a linker keeps one for a whole program:
# --force-group-allocation makes them each copy's own.
define cuda_on_cpu_rules
$(BUILD)/$(1)/cuda_on_cpu.o: $(call objects,float,$(DEVICE_C)) $(2) $(call cpu_objects,$(1))
	$$(call say,join,$$@)
	$$(Q)$$(JOIN) $$^ $$(call joined,--keep-global-symbol=$(3))
endef
$(eval $(call cuda_on_cpu_rules,float,$(call objects,float,$(CUDA_DIR)/device.c),device_cuda_on_cpu))
$(eval $(call cuda_on_cpu_rules,watched,$(BUILD)/watched/device.o,device_watched))
CHAPTER6_MAIN = $(if $(CUDA),$(BUILD)/cuda/main.o,$(call objects,float,$(CUDA_DIR)/main.c)) \
                $(call objects,float,$(filter-out %/main.c,$(ONCE_C)))
CHAPTER6_GPU = $(if $(CUDA),$(call objects,float,$(DEVICE_C)) $(BUILD)/cuda/device.o $(call gpu_objects))
.PHONY: need-nvcc
need-nvcc: | need-compiler
	$(if $(CUDA)$(filter command%,$(origin CUDA_ARCH)),$(need) nvcc '$(NVCC)' $(ARCHES),@:)
chapter6: $(BUILD)/chapter6 FORCE | found data
	$(put)
$(BUILD)/cuda-for: FORCE | need-nvcc
	$(call stamp,$(CUDA_FOR))
# Asked when chapter 6 is built, not before: is there a card?
.SECONDEXPANSION:
$(BUILD)/chapter6: $(BUILD)/cuda-for $$(CHAPTER6_MAIN) $(call objects,float,$(CHAPTER6_C)) $(BUILD)/float/cuda_on_cpu.o \
          $(BUILD)/watched/cuda_on_cpu.o $$(CHAPTER6_GPU) | need-libraries need-cxx need-nvcc
	$(call say,link,$@)
	$(Q)$(CXX_LINK) $(filter %.o,$^) -lz $(if $(CUDA),$(CUDA_LIBS)) $(LINK_LIBS) $(whole)
