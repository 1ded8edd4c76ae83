# What ThreadSanitizer, valgrind, gcc -fanalyzer and clang --analyze find.

.PHONY: analyze
analyze: | need-compiler ## races, unset and lost memory, and what compilers find by reading: nothing; ONLY="race memory gcc clang"
	@ONLY=$(call quote,$(ONLY)) $(SH) tests/analyze/run.sh '$(MAKE)' $(COMPILER)
