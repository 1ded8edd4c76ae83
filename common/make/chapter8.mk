# Chapter 8: files named *_mpi.c need MPI, and only the program has them. All the rest, and
# its tests, needs none. MPICC=mpicc.mpich takes another MPI; MPICC= is for none.
MPICC = $(call once,MPICC,command -v mpicc)
MPI_WORDS = $(call once,MPI_WORDS,$(MPICC) -show)
MPI_FLAGS = $(filter -I% -D%,$(MPI_WORDS))
MPI_OBJECTS := $(call objects,float,$(wildcard $(call dir_of,8)/*/*_mpi.c))
$(MPI_OBJECTS): $(BUILD)/mpi-flags
$(BUILD)/mpi-flags: FORCE
	$(call stamp,$(MPI_WORDS))
$(BUILD)/chapter8: $(call objects,float,$(call sources_of,8)) $(MPI_OBJECTS) $(BUILD)/mpi-flags | need-libraries
	$(call link,$(filter %.o,$^),$(LIBRARIES) $(filter -L% -l% -Wl$(comma)% -pthread,$(MPI_WORDS)))
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
