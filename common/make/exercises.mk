# A student's files in work/chapterN are used in place of the course's of the same name.
WORK := work
# N=3, or N=3.2 or E=3.2 of its exercises: what was typed; N becomes the chapter.
ASKED := $(strip $(or $(E),$(N)))
override N := $(if $(word 2,$(ASKED)),,$(firstword $(subst ., ,$(ASKED))))
MINE := $(WORK)/chapter$(N)
GRADE := $(BUILD)/$(if $(filter 6,$(N)),watched,double)/$(MINE)/grade
exercises = sh tests/exercises/$@.sh $(call quote,$(ASKED)) $(call quote,$(MINE)) '$(MAKE)' $(call quote,$(GRADE))
command-start = $(exercises) ## N=2: your own copy of a chapter's exercises, in work/chapter2
command-grade = $(exercises) ## N=2: what passes, what is wrong and why, and how far you are; E=2.2: one exercise
command-watch = $(exercises) ## N=2: grades whenever you save, the next unsolved exercise first; Ctrl-C ends it
command-hint = $(exercises) ## N=2.2: help with an exercise, a step more each time: a nudge, the idea, the recipe
command-progress = $(exercises) ## the whole course: what you passed, when, after how many attempts; what is next
command-mine = $(exercises) ## N=2: chapter 2 as a program, made of what you wrote; with its tests
# As a question (make -q) a target that isn't done ends with status 1 and no word of make's own.
$(if $(filter-out start grade watch hint progress mine,$(or $(MAKECMDGOALS),all)),,$(eval MAKEFLAGS += -q))
# A call at a function's end stays a call: crash.c finds the line. What was never set isn't 0 by chance.
UNSET_IS_SEEN = $(call once,UNSET_IS_SEEN,$(call try,-ftrivial-auto-var-init=pattern))
MINE_FLAGS = $(UNSET_IS_SEEN) -fno-builtin-malloc -fno-optimize-sibling-calls -Wno-unused-function -Wno-unused-parameter -Wno-unused-variable -Wno-conversion -Wno-sign-conversion -Wfloat-conversion -Wno-double-promotion
mine_flags = $(if $(filter $(WORK)/%,$(1)),$(MINE_FLAGS) $(2) 2>$@.said)
ifneq ($(and $(filter 1,$(words $(N))),$(filter $(CHAPTERS),$(N))),)
mine = $(foreach s,$(1),$(or $(wildcard $(MINE)/$(notdir $(s))),$(s)))
GRADER := $(addprefix tests/exercises/,grade.c exercise.c answers.c inputs.c crash.c patterns.c progress.c) $(wildcard tests/exercises/exercises_$(N)*.c) tests/naive_layers.c
MINE_TESTS := $(BUILD)/$(if $(filter 6,$(N)),float,double)/$(MINE)/tests
MINE_PROGRAMS := $(MINE)/my_chapter$(N) $(if $(filter 8,$(N)),,$(MINE)/chapter$(N)$(if $(filter 6,$(N)),_watched,_double))
ifneq ($(N),6)
# 4.4 and 4.5 have the course's own dropout; 4.6, which comes later, the student's, renamed.
COURSES := $(if $(filter 4,$(N)),$(call dir_of,4)/dropout.c)
DROPOUT := $(if $(COURSES),$(BUILD)/double/$(MINE)/graded/dropout.o)
$(DROPOUT): $(call mine,$(COURSES)) $(BUILD)/$(MINE)/parts
	$(call say,cc,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(FLAGS_double) $(call flags_of,$<) -Ddropout_apply=dropout_apply_graded $(compiled)
IN_FLOAT := $(if $(filter 3 5,$(N)),$(BUILD)/float/$(MINE)/$(if $(filter 3,$(N)),positions,adamw)_in_float)
$(IN_FLOAT): $(call objects,float,$(call mine,$(filter $(if $(filter 3,$(N)),%/positions.c %/tensor.c,%/adamw.c),$(call layers_up_to,$(N)))) common/error.c tests/exercises/$(notdir $(IN_FLOAT)).c)
$(GRADE): $(IN_FLOAT) $(call objects,double,$(call mine,$(filter-out $(COURSES),$(call layers_up_to,$(N)))) $(COURSES) $(GRADER) $(if $(filter 5,$(N)),tests/naive_vit.c) $(call mine,$(if $(filter 5 7,$(N)),$(IMAGES)))) $(DROPOUT)
$(BUILD)/$(MINE)/my_chapter$(N): $(call objects,float,$(call mine,$(call sources_of,$(N))))
$(BUILD)/$(MINE)/chapter$(N)_double: $(call objects,double,$(call mine,$(call sources_of,$(N))))
$(MINE_TESTS): $(call objects,double,$(call mine,$(TEST_SOURCES))) | need-check
else
MINE_KERNELS := $(call mine,$(KERNELS))
$(GRADE): $(call objects,float,$(GRADER) $(call layers_up_to,6)) $(call kernels_on,watched,$(MINE_KERNELS))
$(BUILD)/$(MINE)/my_chapter6: $(CHAPTER6_OBJECTS) $(call kernels_on,float,$(MINE_KERNELS))
$(BUILD)/$(MINE)/chapter6_watched: $(CHAPTER6_OBJECTS) $(call kernels_on,watched,$(MINE_KERNELS))
$(MINE_TESTS): $(call objects,float,$(CUDA_TESTS)) $(call kernels_on,float,$(MINE_KERNELS) $(wildcard tests/cuda/*.cu)) | need-check
endif
# After a copy or a deletion there, programs are linked anew, though every object is old.
$(BUILD)/$(MINE)/parts: FORCE | need-compiler; $(call stamp,$(wildcard $(MINE)/*.[ch]*))
$(GRADE) $(IN_FLOAT) $(MINE_PROGRAMS:%=$(BUILD)/%) $(MINE_TESTS): $(BUILD)/$(MINE)/parts | $(if $(filter 5 6 7 8,$(N)),need-libraries) $(if $(filter 6,$(N)),need-cxx)
	$(call $(if $(filter 6,$(N)),link_kernels,link),$(filter %.o,$^),$(if $(filter %/tests,$@),$(CHECK_FLAGS)) $(if $(filter 5 7 8,$(N))$(filter %/tests,$@),$(LIBRARIES)) $(MPI_LINK))
$(MINE_PROGRAMS): %: $(BUILD)/% FORCE | $(if $(filter 5 6 8,$(N)),data)
	$(put)
mine-built: $(MINE_PROGRAMS) $(MINE_TESTS)
endif
