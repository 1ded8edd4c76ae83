# A student's files, those in work/chapterN, are used in place of the course's of the same
# name; everything else comes as it is.

WORK := work
override N := $(strip $(N))
MINE := $(WORK)/chapter$(N)
GRADE := $(BUILD)/$(if $(filter 6,$(N)),watched,double)/$(MINE)/grade
exercises = @$(SH) common/scripts/exercises.sh $@ $(call quote,$(N)) $(call quote,$(MINE)) '$(MAKE)' $(call quote,$(GRADE))

.PHONY: start grade mine mine-tests
start: ## N=2: your own copy of a chapter's exercises, in work/chapter2
grade: ## N=2: what passes, what is wrong and why, and how far you are
mine: ## N=2: chapter 2 as a program, made of what you wrote; with its tests
start grade mine:
	$(exercises)

# A call at a function's end stays a call: crash.c finds the line.
MINE_FLAGS := -fno-optimize-sibling-calls -Wno-unused-function -Wno-unused-parameter -Wno-unused-variable \
              -Wno-conversion -Wno-sign-conversion -Wno-float-conversion -Wno-double-promotion

ifneq ($(and $(filter 1,$(words $(N))),$(filter $(CHAPTERS),$(N))),)
mine = $(foreach s,$(1),$(or $(wildcard $(MINE)/$(notdir $(s))),$(s)))
# What is copied or deleted there is linked anew, though every object is old.
PARTS := $(BUILD)/$(MINE)/parts
$(PARTS): FORCE | need-compiler
	$(call stamp,$(wildcard $(MINE)/*.[ch]*))
GRADER := $(addprefix tests/exercises/,grade.c exercise.c answers.c inputs.c crash.c) \
          $(wildcard tests/exercises/exercises_$(N)*.c) tests/naive_layers.c
ifneq ($(N),6)
# 4.4 and 4.5 are graded with the course's own dropout, so that 4.6 may come after them;
# 4.6 grades the student's under another name.
COURSES := $(if $(filter 4,$(N)),$(call dir_of,4)/dropout.c)
GRADED := $(call mine,$(filter-out $(COURSES),$(call layers_up_to,$(N)))) $(COURSES) $(GRADER) $(if $(filter 5,$(N)),tests/naive_vit.c)
DROPOUT := $(if $(COURSES),$(BUILD)/double/$(MINE)/graded/dropout.o)
$(DROPOUT): $(call mine,$(COURSES)) $(PARTS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(FLAGS_double) $(MINE_FLAGS) -Ddropout_apply=dropout_apply_graded -c $< $(compiled)
$(GRADE): $(call objects,double,$(GRADED)) $(DROPOUT)
$(BUILD)/$(MINE)/chapter$(N): $(call objects,float,$(call mine,$(call sources_of,$(N))))
$(BUILD)/$(MINE)/chapter$(N)_double: $(call objects,double,$(call mine,$(call sources_of,$(N))))
MINE_PROGRAMS := $(MINE)/chapter$(N) $(MINE)/chapter$(N)_double
$(GRADE) $(MINE_PROGRAMS:%=$(BUILD)/%): $(PARTS) $(if $(filter 5,$(N)),| need-libraries)
	$(call link,$(filter %.o,$^),$(if $(filter 5,$(N)),$(LIBRARIES)))
MINE_TESTS := $(BUILD)/double/$(MINE)/tests
$(MINE_TESTS): $(PARTS) $(call objects,double,$(call mine,$(TEST_SOURCES))) | need-check
	$(call link,$(filter %.o,$^),$(CHECK_FLAGS) $(LIBRARIES))
else
MINE_KERNELS := $(call mine,$(KERNELS))
$(GRADE): $(call objects,float,$(GRADER) $(call layers_up_to,6)) $(call kernels_on,watched,$(MINE_KERNELS))
$(BUILD)/$(MINE)/chapter6: $(CHAPTER6_OBJECTS) $(call kernels_on,float,$(MINE_KERNELS))
$(BUILD)/$(MINE)/chapter6_watched: $(CHAPTER6_OBJECTS) $(call kernels_on,watched,$(MINE_KERNELS))
MINE_PROGRAMS := $(MINE)/chapter6 $(MINE)/chapter6_watched
MINE_TESTS := $(BUILD)/float/$(MINE)/tests
$(MINE_TESTS): $(call objects,float,$(CUDA_TESTS) $(call layers_up_to,6)) \
    $(call kernels_on,float,$(MINE_KERNELS) $(wildcard tests/cuda/*.cu)) | need-check
$(GRADE) $(MINE_PROGRAMS:%=$(BUILD)/%) $(MINE_TESTS): $(PARTS) | need-libraries need-cxx
	$(call link_kernels,$(filter %.o,$^),$(if $(filter %/tests,$@),$(CHECK_FLAGS)))
endif
$(MINE_PROGRAMS): %: $(BUILD)/% FORCE | $(if $(filter 5 6,$(N)),data)
	$(put)
mine-tests: $(MINE_PROGRAMS) $(MINE_TESTS)
	@sh tests/exercises/mine_tests.sh $(N) $(MINE)/chapter$(N) $(MINE_TESTS)
endif
