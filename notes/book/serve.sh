#!/bin/sh
# serve.sh [PORT]: shows build/book at localhost, to this machine alone: `make book-serve`.
set -eu
: "${BOOK_OUT:=build/book}"
port=${1:-8000}
[ -f "$BOOK_OUT/index.html" ] || { echo "book: run 'make book' first" >&2; exit 1; }
command -v python3 >/dev/null 2>&1 ||
    { echo "book: without python3, open $BOOK_OUT/index.html as a file: it needs no server" >&2; exit 1; }
echo "book: http://localhost:$port/ (Ctrl-C ends it)"
exec python3 -m http.server --bind 127.0.0.1 --directory "$BOOK_OUT" "$port"
