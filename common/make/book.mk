# The book: the course's pages, alive, in build/book (notes/book/README.md).
command-book = BOOK_TRACES='$(BOOK_TRACES)' sh notes/book/book.sh ## the course as a book for a browser: build/book
command-book-serve = sh notes/book/serve.sh $(PORT) ## the book at localhost:8000; PORT=8080
command-setup-book = sh common/scripts/setup.sh book ## install what make book and its tests use
command-test-book = sh -c 'sh tests/test_book.sh && /usr/bin/python3 tests/book/run.py $(ONLY)' ## the book's links, sizes, parts; its pages in a browser
book: chapter5 chapter7 $$(BOOK_TRACES)
test-book $(if $(filter book,$(MAKECMDGOALS)),book-serve): book
test-book: chapter1 chapter2 chapter3 chapter4 chapter6_watched

# What a warp asks of memory: chapter 6's kernels on a cuda_on_cpu that sees every access.
BOOK_TRACES = $(if $(filter gcc,$(WATCHED_KIND)),$(BUILD)/book_traces)
$(BUILD)/book_traces: $(call objects,float,notes/book/traces/main.c $(call layers_up_to,6)) $(call kernels_on,watched,$(KERNELS)) | need-libraries need-cxx
	$(call link_kernels,$(filter %.o,$^))
