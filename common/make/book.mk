# The book: the course's pages, alive, in build/book (notes/book/README.md).
command-book = sh notes/book/book.sh ## the course as a book for a browser: build/book
command-book-serve = sh notes/book/serve.sh $(PORT) ## the book at localhost:8000; PORT=8080
command-setup-book = sh common/scripts/setup.sh book ## install what make book and its tests use
command-test-book = sh tests/test_book.sh ## the book's links, sizes, parts
book: chapter5 chapter7
