# What ThreadSanitizer, valgrind, gcc -fanalyzer and clang --analyze find.

.PHONY: analyze
analyze: ## races, unset and lost memory, and what compilers find by reading: nothing; ONLY="race memory gcc clang"
	@ONLY='$(ONLY)' sh tests/analyze/run.sh '$(MAKE)' $(COMPILER)
