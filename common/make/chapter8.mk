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
