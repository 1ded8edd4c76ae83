# The compilers and what they can do, asked of them when first needed.
space := $(subst ,, )
comma := ,
quote = '$(subst ','\'',$(1))'
once = $(eval $(1) := $(shell $(2)))$($(1))
# The flag, if the compiler takes it.
try = CC=$(call quote,$(CC)) sh common/scripts/try.sh $(1)

# gcc where there is one, else clang; where there is none yet, gcc is what setup installs.
ifneq ($(if $(strip $(CC)),$(filter default undefined,$(origin CC)),empty),)
override CC := $(notdir $(firstword $(shell command -v gcc || command -v clang || echo gcc)))
endif
# CC may be several words, "ccache gcc" or "gcc -m32": COMPILER is the one that compiles.
# Each compiler builds in a folder by its name.
LAUNCHERS := ccache sccache distcc icecc nice env
COMPILER_WORDS := $(filter-out $(LAUNCHERS) $(addprefix %/,$(LAUNCHERS)),$(CC))
COMPILER := $(firstword $(COMPILER_WORDS))
BUILD := build/$(shell printf '%s' $(call quote,$(subst $(space),,$(COMPILER_WORDS:/%=%))) | tr -c 'A-Za-z0-9._+-' '-')
# The C++ compiler that belongs to it: kernels on the CPU. A CXX of the environment is
# taken together with a CC of the environment.
cxx_of = $(if $(findstring clang,$(1)),$(subst clang,clang++,$(1)),$(patsubst %cc,%c++,$(subst gcc,g++,$(1))))
ifeq ($(filter command environment-environment,$(firstword $(origin CXX)) $(origin CXX)-$(origin CC)),)
CXX := $(patsubst $(COMPILER),$(COMPILER:%$(notdir $(COMPILER))=%)$(call cxx_of,$(notdir $(COMPILER))),$(CC))
endif
# gcc or clang, whatever its name is; its version and the machine that it compiles for.
KIND = $(call once,KIND,echo __clang__ | $(CC) -E -P -x c - 2>/dev/null | grep -qx 1 && echo clang || echo gcc)
COMPILED_BY = $(call once,COMPILED_BY,command -v $(COMPILER); $(CC) --version 2>/dev/null | head -n 1; $(CC) -dumpmachine 2>/dev/null)
CXX_COMPILED_BY = $(call once,CXX_COMPILED_BY,$(CXX) --version 2>/dev/null | head -n 1)
# This machine's instructions, if the compiler is for such a machine.
NATIVE = $(call once,NATIVE,$(call try,-march=native) || $(call try,-mcpu=native))
MACHINE = $(if $(filter native,$(ARCH)),$(NATIVE),$(ARCH:%=-march=%))
OPENMP = $(call once,OPENMP,$(call try,-fopenmp) || echo -fopenmp-simd)
CHECK_FLAGS = $(call once,CHECK_FLAGS,pkg-config --cflags --libs check 2>/dev/null)
# Floats are computed as floats: gcc would take 80 bits on 32-bit x86, a double on s390x.
TYPES = $(call once,TYPES,$(call try,-Werror -mfpmath=sse -msse2) >/dev/null && echo -mfpmath=sse -msse2; \
    $(call try,-Werror -fexcess-precision=fast) >/dev/null && echo -fexcess-precision=fast)
# Watched kernels are compiled by g++ where there is one for this machine: clang leaves
# out accesses that can't be half of a race, so that nothing could be counted.
WATCHED_CXX = $(call once,WATCHED_CXX,if [ '$(KIND) $(words $(COMPILER_WORDS))' = 'clang 1' ] && \
    [ "$$(g++ -dumpmachine 2>/dev/null | cut -d- -f1)" = "$$($(CC) -dumpmachine | cut -d- -f1)" ] && \
    ! echo __clang__ | g++ -E -P -x c++ - | grep -qx 1; then echo g++; else echo '$(CXX)'; fi)
WATCHED_KIND = $(if $(filter g++,$(WATCHED_CXX)),$(if $(filter g++,$(CXX)),$(KIND),gcc),$(KIND))
# (UBSan's object-size would find some of AddressSanitizer's faults before it, in other words.)
SANITIZE := -fsanitize=address,undefined -fno-sanitize=object-size -fno-sanitize-recover=all -fno-omit-frame-pointer
