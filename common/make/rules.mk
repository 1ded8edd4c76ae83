# How every rule writes its file, and what it waits for.
Q := $(if $(filter-out 0,$(V)),,@)
SILENT := $(findstring s,$(filter-out -%,$(firstword $(MAKEFLAGS))))
DRY := $(if $(findstring n,$(filter-out -%,$(firstword $(MAKEFLAGS)))),echo )
say = @mkdir -p $(@D)$(if $(SILENT)$(V:0=),,; printf '  %-5s %s\n' $(1) '$(2)')
# What is compiled or linked gets its name when it is whole, the list of its headers before
# it: a make that was killed, and two makes at once, leave nothing half written.
whole = -o $@.$$$$ && mv -f $@.$$$$ $@
compiled = -c $< -MT $@ -MF $@.d$$$$ -o $@.$$$$ || { rm -f $@.d$$$$; exit 1; }; \
           mv -f $@.d$$$$ $(@:.o=.d) && mv -f $@.$$$$ $@
put = @cmp -s $< $@ || { cp $< $@.$$$$ && mv -f $@.$$$$ $@; }
# link OBJECTS, LIBRARIES, FLAGS, LINKER (default: C's); link_kernels OBJECTS, LIBRARIES
define link
	$(call say,link,$@)
	$(Q)$(or $(4),$(LINK)) $(3) $(1) $(2) $(LINK_LIBS) $(whole)
endef
link_kernels = $(call link,$(1),$(LIBRARIES) $(2),,$(CXX_LINK))
# Compile anew when the compiler or its flags change.
FORCE:
stamp = @mkdir -p $(@D); printf '%s\n' $(call quote,$(1)) | cmp -s - $@ || printf '%s\n' $(call quote,$(1)) >$@
$(BUILD)/flags: FORCE | found
	$(call stamp,$(COMPILED_BY) $(ALL_CFLAGS) $(TEST_FLAGS) $(LDFLAGS) $(LINK_LIBS) $(foreach f,$(FLAVOURS),$(FLAGS_$(f))))
define flavour_rules
$(BUILD)/$(1)/%.o: %.c $(BUILD)/flags | need-compiler
	$$(call say,cc,$$@)
	$$(Q)$$(CC) $$(ALL_CFLAGS) $$(FLAGS_$(1)) $$(call flags_of,$$<) $$(compiled)
endef
$(foreach flavour,$(FLAVOURS) fuzzer,$(eval $(call flavour_rules,$(flavour))))
# In tests a loop's index may become an enum, of which clang warns, gcc doesn't.
TEST_FLAGS = $(if $(filter clang,$(KIND)),-Wno-sign-conversion)
flags_of = $(if $(filter tests/%,$(1)),$(TEST_FLAGS)) $(if $(filter %_mpi.c,$(1)),$(MPI_FLAGS)) $(call mine_flags,$(1),-Werror=implicit-function-declaration -Werror=int-conversion)

# Each need-NAME checks what targets need; if it is missing, one line says what to do.
found: | need-compiler ## say which tools were found
	$(if $(SILENT),@:,@OPENMP='$(OPENMP)' CUDA_FOR='$(CUDA_FOR)' sh common/scripts/found.sh \
	    $(call quote,$(strip $(CPPFLAGS) $(CFLAGS) $(CXXFLAGS) $(LDFLAGS) $(LDLIBS))))
NEEDS := $(addprefix need-,compiler cxx libraries check sanitizers patch gnuplot nvcc)
NEED_compiler = $(ALL_CFLAGS) $(LDFLAGS)
NEED_cxx = $(ALL_CXXFLAGS)
NEED_libraries = $(NEED_compiler) $(LDLIBS)
NEED_check = $(NEED_compiler) $(CHECK_FLAGS) $(LDLIBS)
NEED_sanitizers = $(SANITIZE) $(LDFLAGS)
NEED_nvcc = '$(NVCC)' $(if $(CUDA)$(filter command%,$(origin CUDA_ARCH)),$(ARCHES))
$(filter-out need-compiler,$(NEEDS)): | need-compiler
need-check need-sanitizers $(foreach f,float double,$(call objects,$(f),$(call layers_of,5) $(call layers_of,7))): | need-libraries
need-sanitizers $(foreach f,$(FLAVOURS),$(call objects,$(f),$(filter-out tests/naive_%.c,$(wildcard tests/*.c tests/cuda/*.c)))): | need-check
$(NEEDS): need-%:
	@sh common/scripts/need.sh $* $(filter-out -MMD -MP,$(NEED_$*))
# In `make setup chapter5` everything waits for setup.
$(if $(filter setup%,$(MAKECMDGOALS)),need-compiler data $(filter-out setup%,$(MAKECMDGOALS)): | $(filter setup%,$(MAKECMDGOALS)))
-include $(wildcard $(addprefix $(BUILD)/,*/*.d */*/*.d */*/*/*.d */*/*/*/*.d */*/*/*/*/*.d))
