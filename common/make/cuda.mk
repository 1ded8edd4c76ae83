# Chapter 6: its kernels for cuda_on_cpu, the emulator; and for this machine's card where nvcc
# and a card are, or for those of CUDA_ARCH, "80 90" or all-major (every one that this nvcc
# knows). Elsewhere it has the emulator alone: compiling for every card takes minutes.
NVCC := $(firstword $(shell command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null))
CUDA_HOME = $(patsubst %/bin/nvcc,%,$(realpath $(NVCC)))
CUDA_CARD = $(call once,CUDA_CARD,nvidia-smi --query-gpu=compute_cap --format=csv$(comma)noheader 2>/dev/null | \
    tr -d . | grep -E '^[0-9]+$$' | sort -u)
CUDA_ARCH = $(CUDA_CARD)
CUDA = $(if $(NVCC),$(strip $(CUDA_ARCH)))
ARCHES = $(subst .,,$(patsubst sm_%,%,$(CUDA_ARCH)))
gencode = $(if $(filter all%,$(ARCHES)),-arch=$(firstword $(ARCHES)),$(foreach a,$(ARCHES),-gencode arch=compute_$(a)$(comma)code=sm_$(a)))
CUDA_FOR = $(if $(NVCC),$(if $(CUDA),$(addprefix sm_,$(ARCHES)),none))
CUBLASLT = $(call once,CUBLASLT,test -f $(CUDA_HOME)/include/cublasLt.h && echo yes)
NVCCFLAGS = -std=c++17 -O3 -lineinfo $(gencode) -Xcompiler -Wall$(comma)-Wextra \
            $(if $(EXTRA),-Werror all-warnings) $(if $(CUBLASLT),-DHAVE_CUBLASLT) -I. -MMD -MP
CUDA_LIBS = -L$(CUDA_HOME)/lib64 -Wl,-rpath,$(CUDA_HOME)/lib64 -lcudart_static $(if $(CUBLASLT),-lcublasLt) -lrt -ldl -lpthread

# On the CPU kernels are C++ without its library, with the emulator's cuda_runtime.h.
# (CUDA's indices are unsigned. clang's check of function types needs a C++ runtime.)
EMULATOR := $(call dir_of,6)/cuda_on_cpu
ALL_CXXFLAGS = $(OPTIMISE) -g $(WARNINGS) -Wno-sign-conversion $(EXTRA) $(CPPFLAGS) $(CXXFLAGS) \
               -std=c++17 -D_XOPEN_SOURCE=700 -fno-exceptions -fno-rtti -I$(EMULATOR) -I. -MMD -MP
CXX_LINK = $(CXX) $(OPENMP) $(EXTRA) $(CFLAGS) $(CXXFLAGS) $(LDFLAGS)
SANITIZE_CXX = $(FLAGS_asan-float) $(if $(filter clang,$(KIND)),-fno-sanitize=function)
# `watched`: the compiler calls cuda_on_cpu/watch.cpp before each access of a kernel.
WATCH = -O2 -fsanitize=thread $(if $(filter gcc,$(WATCHED_KIND)),-fno-tree-sra)
define kernel_rules
$(BUILD)/$(1)/%.o: % $(BUILD)/flags $(BUILD)/cxx-flags | need-cxx
	$$(call say,c++,$$@)
	$$(Q)$(2) -x c++ $$(ALL_CXXFLAGS) $(3) $$(if $$(filter %.cu,$$<),$(4)) $$(call mine_flags,$$<) $$(compiled)
endef
$(eval $(call kernel_rules,float,$$(CXX)))
$(eval $(call kernel_rules,asan-float,$$(CXX),$$(SANITIZE_CXX)))
$(eval $(call kernel_rules,watched,$$(WATCHED_CXX),,$$(WATCH)))
$(BUILD)/cxx-flags: FORCE | need-cxx
	$(call stamp,$(CXX_COMPILED_BY) $(WATCHED_CXX) $(ALL_CXXFLAGS) $(WATCH) $(OPENMP))
$(BUILD)/cuda/flags: FORCE | need-cxx need-nvcc
	$(call stamp,$(NVCC) $(NVCCFLAGS))
$(BUILD)/cuda/%.cu.o: %.cu $(BUILD)/cuda/flags
	$(call say,nvcc,$@ ($(CUDA_FOR)))
	$(Q)$(NVCC) $(NVCCFLAGS) -c $< -o $@
# Three programs of the same sources: chapter6_on_cpu; chapter6_watched, on a cuda_on_cpu
# that sees every access; and chapter6 on a GPU, or, without CUDA, a copy of the first.
KERNELS := $(filter-out $(EMULATOR)/%,$(wildcard $(addprefix $(call dir_of,6)/,*.cu */*.cu)))
kernels_on = $(patsubst %,$(BUILD)/$(1)/%.o,$(2) $(if $(filter-out cuda,$(1)),$(wildcard $(EMULATOR)/*.cpp)))
CHAPTER6_OBJECTS := $(call objects,float,$(call sources_of,6))
$(BUILD)/chapter6_on_cpu: $(CHAPTER6_OBJECTS) $(call kernels_on,float,$(KERNELS))
$(BUILD)/chapter6_watched: $(CHAPTER6_OBJECTS) $(call kernels_on,watched,$(KERNELS))
$(BUILD)/cuda/chapter6: $(CHAPTER6_OBJECTS) $(call kernels_on,cuda,$(KERNELS))
$(BUILD)/chapter6_on_cpu $(BUILD)/chapter6_watched $(BUILD)/cuda/chapter6: | need-libraries need-cxx
	$(call link_kernels,$(filter %.o,$^),$(if $(filter %/cuda/chapter6,$@),$(CUDA_LIBS)))
.SECONDEXPANSION: # asked when chapter 6 is built, not before: is there a card?
chapter6: $(BUILD)/$$(if $$(CUDA),cuda/chapter6,chapter6_on_cpu) chapter6_on_cpu chapter6_watched FORCE | found data need-nvcc
chapter6_on_cpu chapter6_watched: %: $(BUILD)/% FORCE | found
chapter6 chapter6_on_cpu chapter6_watched:
	$(put)
