# The compilers and what they can do, asked of them when first needed.

space := $(subst ,, )
comma := ,
quote = '$(subst ','\'',$(1))'
once = $(eval $(1) := $(shell $(2)))$($(1))
# The flag, if the compiler takes it.
try = CC=$(call quote,$(CC)) sh common/scripts/try.sh $(1)

# gcc where there is one, else clang; `make CC=...` decides otherwise. Where there is none
# yet, gcc is what `make setup` will install.
ifneq ($(if $(strip $(CC)),$(filter default undefined,$(origin CC)),empty),)
override CC := $(notdir $(firstword $(shell command -v gcc || command -v clang || echo gcc)))
endif

# CC may be several words, "ccache gcc" or "gcc -m32": COMPILER is the one that compiles,
# and each compiler has a folder by its name.
LAUNCHERS := ccache sccache distcc icecc nice env
COMPILER_WORDS := $(filter-out $(LAUNCHERS) $(addprefix %/,$(LAUNCHERS)),$(CC))
COMPILER := $(firstword $(COMPILER_WORDS))
BUILD := build/$(if $(filter-out $(notdir $(COMPILER)),$(COMPILER_WORDS)),$(shell \
    printf '%s' $(call quote,$(subst $(space),,$(COMPILER_WORDS:/%=%))) | tr -c 'A-Za-z0-9._+-' '-'),$(COMPILER))

# The C++ compiler that belongs to it: kernels on the CPU. A CXX of the environment is
# taken together with a CC of the environment.
cxx_of = $(if $(findstring clang,$(1)),$(subst clang,clang++,$(1)),$(if $(findstring gcc,$(1)),$(subst gcc,g++,$(1)),$(1:%cc=%c++)))
ifneq ($(firstword $(origin CXX)),command)
ifneq ($(origin CXX)-$(origin CC),environment-environment)
CXX := $(patsubst $(COMPILER),$(if $(findstring /,$(COMPILER)),$(dir $(COMPILER)))$(call cxx_of,$(notdir $(COMPILER))),$(CC))
endif
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

# Watched kernels are compiled by g++ where there is one for this machine: clang leaves
# out accesses that can't be half of a race, so that nothing could be counted.
WATCHED_CXX = $(call once,WATCHED_CXX,if [ '$(KIND) $(words $(COMPILER_WORDS))' = 'clang 1' ] && \
    [ "$$(g++ -dumpmachine 2>/dev/null | cut -d- -f1)" = "$$($(CC) -dumpmachine | cut -d- -f1)" ] && \
    ! echo __clang__ | g++ -E -P -x c++ - | grep -qx 1; then echo g++; else echo '$(CXX)'; fi)
WATCHED_KIND = $(if $(filter g++,$(WATCHED_CXX)),$(if $(filter g++,$(CXX)),$(KIND),gcc),$(KIND))

# A float is computed as a float. That has to be asked for where gcc would otherwise take
# 80 bits (32-bit x86) or a double (s390x) in between.
TYPES = $(call once,TYPES,$(call try,-Werror -mfpmath=sse -msse2) >/dev/null && echo -mfpmath=sse -msse2; \
    $(call try,-Werror -fexcess-precision=fast) >/dev/null && echo -fexcess-precision=fast)

# Accesses beyond an object are AddressSanitizer's to find: UBSan's object-size would
# find some of them before it, in other words, as each compiler can tell.
SANITIZE := -fsanitize=address,undefined -fno-sanitize=object-size -fno-sanitize-recover=all \
            -fno-omit-frame-pointer
FLAGS_fuzzer := -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow -fno-sanitize-recover=all \
                -fno-omit-frame-pointer -O2
