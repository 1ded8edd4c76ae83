# Failing allocations and system calls, kills: tests/faults/run.sh says more.

.PHONY: setup-faults test-faults
setup-faults: ## install what make fuzz, make test-faults and make analyze use
	@sh common/scripts/setup.sh faults
FAULTS := $(BUILD)/faults
test-faults: chapter5 $(FAULTS)/at_moment ## what fails under a run must not cost it: LONG=1 KILLS=500: all of it
	@$(CC) -std=c11 -O2 $(WARNINGS) -shared -fPIC tests/faults/failing_malloc.c \
	    -o $(FAULTS)/failing_malloc.so 2>/dev/null || rm -f $(FAULTS)/failing_malloc.so
	@LONG='$(LONG)' KILLS=$(call quote,$(KILLS)) SEED=$(call quote,$(SEED)) ONLY=$(call quote,$(ONLY)) sh tests/faults/run.sh \
	    ./chapter5 $(FAULTS)/failing_malloc.so $(FAULTS)/at_moment
$(FAULTS)/at_moment: tests/faults/at_moment.c
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(CC) -std=c11 -D_XOPEN_SOURCE=700 -O2 $(WARNINGS) $< $(whole)
