# Chapter 8: files named *_mpi.c need MPI, and only the program has them. All the rest, and
# its tests, needs none.
MPICC := $(call once,MPICC,command -v mpicc)
MPI_OBJECTS := $(call objects,float,$(wildcard $(call dir_of,8)/*/*_mpi.c))
$(MPI_OBJECTS): FLAGS_float = $(call once,MPI_FLAGS,$(MPICC) --showme:compile)
$(BUILD)/chapter8: $(call objects,float,$(call sources_of,8)) $(MPI_OBJECTS)
	$(call link,$(filter %.o,$^),$(LIBRARIES) $(call once,MPI_LIBS,$(MPICC) --showme:link))
chapter8: %: $(BUILD)/% FORCE | found data
	$(put)
# What a student wrote, as a program.
ifeq ($(N),8)
$(BUILD)/$(MINE)/my_chapter8: $(MPI_OBJECTS)
$(BUILD)/$(MINE)/my_chapter8: MPI_LINK = $(call once,MPI_LIBS,$(MPICC) --showme:link)
endif

# Ranks on a network of their own (Linux, root): RANKS="2 4" RATE=100 DELAY=1, and what to
# run there: RUN="./chapter8 --data data/sample". Without RUN: the study, notes/network.csv.
SWITCH := $(BUILD)/delay_switch
$(SWITCH): $(call objects,float,$(call dir_of,8)/network/delay_switch.c)
	$(call link,$^)
command-network = TABLE='$(if $(RUN),,notes/network.csv)' sh common/scripts/network.sh $(SWITCH) $(RUN) ## ranks on a network of your rate and delay: RANKS="2 4" RATE=100 DELAY=1 RUN="./chapter8 ..."
network: chapter8 $(SWITCH)
export RANKS RATE DELAY
