#!/bin/sh
# book.sh: makes build/book, the course's pages with figures that compute: `make book`.
#
#     BOOK_OUT=DIR         where it goes (build/book)
#     BOOK_LANGUAGE=en     the folder of notes/book that has the words
#     BOOK_WEIGHTS=FILE    a checkpoint of the default model; else ./chapter5's, else one that
#                          is trained here, once: two minutes
#     BOOK_TRACES=FILE     a program that prints what chapter 6's warps ask of memory
#     WASI_CC=...          a compiler for WebAssembly (clang --target=wasm32-wasi)
#
# It needs pandoc, clang, lld and wasi-libc (make setup-book), ./chapter5 and ./chapter7.
# Run in the repository's root. notes/book/README.md explains what is made of what.
set -eu
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
: "${BOOK_OUT:=build/book}" "${BOOK_LANGUAGE:=en}" "${WASI_CC:=clang --target=wasm32-wasi}"
book=notes/book
words=$book/$BOOK_LANGUAGE
kept=build/book_parts # what takes long, and lasts: module and weights
mkdir -p "$kept"
work=$(new_scratch)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
out=$work/out
mkdir -p "$out/js/live" "$out/pictures" "$work/values" "$work/bodies"

fail() {
    echo "book: $*" >&2
    exit 1
}
for tool in pandoc ${WASI_CC%% *} gzip base64; do
    command -v "$tool" >/dev/null 2>&1 ||
        fail "$tool is missing: run 'make setup-book', or: sudo apt-get install $tool"
done
[ -f "$words/pages.txt" ] || fail "there is no $words/pages.txt: BOOK_LANGUAGE=$BOOK_LANGUAGE"

# ---- what there is: pages, pictures, words, tags ---------------------------------------

grep -v -e '^#' -e '^==' "$words/pages.txt" | awk -F ' \\| ' '{ print $1 "\t" $2 "\t" $3 }' \
    >"$work/pages"
cut -f 1,2 "$work/pages" >"$work/pages.map"
cp "$words/words.txt" "$words/equations.txt" "$work"
ln -s "$PWD/$words/live" "$work/live"
: >"$work/links.out"
: >"$work/live.out"
: >"$work/pictures.out"
: >"$work/cited"

# A picture's name in the book, its width and its height.
size_of() {
    case $1 in
    *.svg) sed -n 's/.*viewBox="0 0 \([0-9.]*\) \([0-9.]*\)".*/\1 \2/p
        s/^<svg .* width="\([0-9]*\)" height="\([0-9]*\)".*/\1 \2/p' "$1" | head -n 1 ;;
    *.png) od -An -tu1 -j16 -N8 "$1" | awk '{ print $3 * 256 + $4, $7 * 256 + $8 }' ;;
    esac
}
find README.md chapters notes plots/shown -name '*.svg' -o -name '*.png' | sort |
    while read -r file; do
        name=$(echo "$file" | sed 's,^chapters/,,; s,^plots/shown/,,; s,/figures/,_,; s,/,_,g')
        size_of "$file" | awk -v file="$file" -v name="$name" \
            '{ printf "%s\t%s\t%d\t%d\n", file, name, $1, $2 }'
    done >"$work/pictures.map"

# Where each tag's code is.
sh common/scripts/equations.sh | awk '
    /^\[/ { tag = $0; sub(/^\[/, "", tag); sub(/\].*/, "", tag) }
    /^    code +[^ -]/ { split($2, place, ":"); print tag "\t" place[1] "\t" place[2] }' \
    >"$work/tags"
awk -F '\t' '{ print $1 "\tsource/" $2 ".html#L" $3 }' "$work/tags" >"$work/tags.pages"
cut -f 2 "$work/tags" >"$work/sources"

# ---- the module, weights and images ------------------------------------------------------

# sources_of FILE...: these, and what they include: x.c belongs to x.h. But for common/lesson/,
# and dump.c that it uses: what a program prints with and stops with. A page has no use for
# it but what is in engine/chapter_needs.c; the linker leaves out the demos' printing.
sources_of() {
    before=
    now=$*
    while [ "$now" != "$before" ]; do
        before=$now
        # shellcheck disable=SC2086 # the repository's names have no spaces
        now=$({
            echo $now | tr ' ' '\n'
            $WASI_CC -MM -I. $now | tr ' ' '\n' | sed -n 's/\.h$/.c/p' |
                grep -v '^common/lesson/\|^common/files/dump.c$' |
                while read -r name; do [ ! -f "$name" ] || echo "$name"; done
        } | sort -u | tr '\n' ' ' | sed 's/ $//')
    done
    echo "$now"
}
newer_than() { # newer_than FILE NAME...: is one of these newer than the file, or is none there?
    old=$1
    shift
    [ ! -f "$old" ] || [ -n "$(find "$@" -newer "$old" | head -n 1)" ]
}
# module FILE FLAG... SOURCE...: these sources, and what they include, as a module.
module() {
    file=$1 flags="-std=c11 -O2 -msimd128 -ffp-contract=fast -fno-math-errno
        -fno-trapping-math -Wno-pass-failed -I."
    shift
    while [ "${1#-}" != "$1" ]; do
        flags="$flags $1"
        shift
    done
    rm -rf "$work/objects"
    mkdir "$work/objects"
    sources_of "$@" | tr ' ' '\n' | grep . | xargs -P "$(cores)" -I FILE sh -c \
        "$WASI_CC $(echo "$flags" | tr '\n' ' ') -c FILE -o $work/objects/\$(echo FILE | tr / _).o" &&
        $WASI_CC -mexec-model=reactor "$work"/objects/*.o -o "$file.new" \
            -Wl,--stack-first,-z,stack-size=1048576,--strip-all -lm ||
        fail "the module doesn't build: WASI_CC='$WASI_CC' (make setup-book)"
    mv -f "$file.new" "$file"
}
# In float all subjects, and what they call that no header's name leads to. In double, as
# ./chapter1_double is the second program, what a gradient check needs.
module=$kept/module.wasm
module_double=$kept/module_double.wasm
if newer_than "$module" $book/engine $book/book.sh common chapters; then
    module "$module_double" -DREAL_IS_DOUBLE $book/engine/engine.c $book/engine/gradcheck.c
    module "$module" $book/engine/*.c common/softmax_fast.c chapters/02_*/demo_pass.c
fi

# script NAME FILE: js/NAME.js, with the file in Book.NAME, gzip and base64.
script() {
    {
        printf '"use strict";\nvar Book = Book || {};\nBook.%s = "' "$1"
        gzip -9n <"$2" | base64 | tr -d '\n'
        printf '";\n'
    } >"$out/js/$1.js"
}
script module "$module"
script moduleDouble "$module_double"

# The model: BOOK_WEIGHTS, or ./chapter5's checkpoint, if it is of the default model: 139,018
# floats and their names; or one that is trained now, which is kept.
export_weights() { # export_weights CHECKPOINT: its weights alone; is it the default model?
    [ -f "$1" ] && ./chapter7 --weights "$1" --export "$work/weights.safetensors" >/dev/null &&
        [ $(($(wc -c <"$work/weights.safetensors") / 10000)) -eq 56 ]
}
data=data/fashion-mnist more=
[ -f $data/t10k-images-idx3-ubyte.gz ] || data=data/sample more="--epochs 20"
if [ -n "${BOOK_WEIGHTS:-}" ]; then
    export_weights "$BOOK_WEIGHTS" || fail "$BOOK_WEIGHTS is no checkpoint of the default model"
elif ! export_weights chapter5.safetensors 2>/dev/null; then
    model=$kept/model.safetensors
    if ! export_weights "$model" 2>/dev/null; then
        echo "book: training the model of the pages, once (two minutes)"
        # shellcheck disable=SC2086 # two words, or none
        ./chapter5 --data $data $more --save "$kept/new.safetensors" --log "$kept/model.csv" \
            >"$kept/model.out" || fail "training failed: $kept/model.out"
        mv -f "$kept/new.safetensors" "$model"
        export_weights "$model" || fail "$model is no checkpoint"
    fi
fi
script weights "$work/weights.safetensors"

# 20 test images, the first two of each class: raw bytes, and where they were.
gzip -dc $data/t10k-labels-idx1-ubyte.gz | od -An -v -tu1 -w1 -j8 | awk '
    count[$1]++ < 2 { print $1 + 0, NR - 1 }' | sort -n >"$work/chosen"
gzip -dc $data/t10k-images-idx3-ubyte.gz >"$work/images"
{
    printf '"use strict";\nvar Book = Book || {};\nBook.images = {\nshape: [%d, 28, 28],\n' \
        "$(wc -l <"$work/chosen")"
    printf 'classes: [%s],\n' "$(sed 's/.*/"&"/' data/sample/classes.txt | tr '\n' ',')"
    printf 'labels: [%s],\n' "$(cut -d ' ' -f 1 "$work/chosen" | tr '\n' ',')"
    printf 'places: [%s],\n' "$(cut -d ' ' -f 2 "$work/chosen" | tr '\n' ',')"
    printf 'pixels: "'
    while read -r _ place; do
        tail -c +$((17 + 784 * place)) "$work/images" | head -c 784
    done <"$work/chosen" | base64 | tr -d '\n'
    printf '",\n};\n'
} >"$out/js/images.js"
# The bundled sample, to train on: its files as they are, gzip.
{
    printf '"use strict";\nvar Book = Book || {};\nBook.sample = {\n'
    for file in data/sample/*.gz; do
        printf '"%s": "' "$(basename "$file" -ubyte.gz)"
        base64 <"$file" | tr -d '\n'
        printf '",\n'
    done
    printf '};\n'
} >"$out/js/sample.js"

# What the warps of chapter 6's kernels ask of memory; without g++ nobody can tell.
if [ -n "${BOOK_TRACES:-}" ]; then
    traces=$kept/traces.json
    if newer_than "$traces" "$BOOK_TRACES"; then
        "$BOOK_TRACES" >"$traces.new" || fail "no traces by $BOOK_TRACES"
        mv -f "$traces.new" "$traces"
    fi
    script traces "$traces"
else
    printf '"use strict";\nvar Book = Book || {};\nBook.traces = null;\n' >"$out/js/traces.js"
fi

# ---- pages ------------------------------------------------------------------------------------

# In Chromium 'self' of a file is the folder's files, too. Nothing is asked of any host.
csp="default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:; \
style-src 'self'; img-src 'self' data: blob:; font-src 'none'; connect-src 'none'; \
base-uri 'none'; form-action 'none'"

value() { # value NAME TEXT: of the template
    printf '%s\n' "$2" >"$work/values/$1"
}
value csp "$csp"

# contents PAGE ROOT: the list of all pages, in which this one shows its sections. A source
# (with a ROOT) has the course's page and its chapter's.
contents() {
    awk -F ' \\| ' -v page="$1" -v root="$2" -v body="$work/bodies/$1" '
        function sections(   line, id, some) {
            while ((getline line < body) > 0)
                if (line ~ /^<h2 id="/) {
                    id = line
                    sub(/^<h2 id="/, "", id)
                    sub(/".*/, "", id)
                    sub(/<a class="anchor".*/, "", line)
                    gsub(/<[^>]*>/, "", line)
                    print (some++ ? "" : "<ol class=\"sections\">\n") \
                        "<li><a href=\"#" id "\">" line "</a></li>"
                }
            if (some) print "</ol>"
        }
        /^#/ { next }
        /^== / && parts && root != "" { exit }
        /^== / { print (parts++ ? "</ul>\n" : "") "<h2>" substr($0, 4) "</h2>\n<ul>"; next }
        NF == 3 && root != "" && $2 != page && $2 != "course" { next }
        NF == 3 {
            here = $2 == page && root == ""
            print "<li" (here ? " class=\"here\"" : "") "><a href=\"" root $2 ".html\"" \
                (here ? " aria-current=\"page\"" : "") ">" $3 "</a>"
            if (here) sections()
            print "</li>"
        }
        END { print "</ul>" }' "$words/pages.txt"
}
word() { # word KEY: in this language
    sed -n "s/^$1 | //p" "$words/words.txt"
}
# turn PAGE: links to the page before and after.
turn() {
    awk -F '\t' -v page="$1" -v before="$(word previous)" -v after="$(word next)" '
        { name[NR] = $2; title[NR] = $3 }
        $2 == page { at = NR }
        function link(rel, i, word) {
            if (i in name)
                print "<a rel=\"" rel "\" href=\"" name[i] ".html\"><span>" word \
                    "</span> " title[i] "</a>"
        }
        END {
            if (!at) exit
            print "<nav class=\"turn\">"
            link("prev", at - 1, before)
            link("next", at + 1, after)
            print "</nav>"
        }' "$work/pages"
}
# scripts PAGE: the elements for its live figures.
scripts() {
    figures=$(awk -F '\t' -v page="$1" '$1 == page { print $2 }' "$work/live.out")
    [ -n "$figures" ] || return 0
    needs=$(for name in $figures; do
        sed -n '1s/^\/\* needs: \(.*\) \*\/$/\1/p' "$book/live/$name.js" | tr ' ' '\n'
    done | sort -u)
    for name in engine live module $needs $(echo "$figures" | sed 's,^,live/,'); do
        [ -f "$out/js/$name.js" ] || [ -f "$book/site/$name.js" ] || [ -f "$book/$name.js" ] ||
            fail "$1: there is no script $name.js"
        echo "<script defer src=\"js/$name.js\"></script>"
    done
}
# fill KIND TITLE ROOT: the page whose other values are there
fill() {
    value kind "$1"
    value title "$2"
    value root "$3"
    awk -v values="$work/values" -f $book/fill.awk "$words/words.txt" $book/template.html
}

while IFS="$(printf '\t')" read -r file page title; do
    [ -f "$file" ] || continue
    {
        printf '<!-- page: %s -->\n\n' "$file"
        cat "$file"
    } | pandoc -f gfm -t html5 --mathml --wrap=none --no-highlight -M mode=html -M work="$work" \
        --lua-filter=$book/filter.lua >"$work/body"
    awk -v tags="$work/tags.pages" -v cited="$work/cited" -v page="$page" \
        -f $book/code.awk -f $book/page.awk "$work/body" >"$work/bodies/$page"
    contents "$page" "" >"$work/values/contents-list"
    turn "$page" >"$work/values/turn"
    scripts "$page" >"$work/values/scripts"
    cp "$work/bodies/$page" "$work/values/body"
    fill page "$title" "" >"$out/$page.html"
done <"$work/pages"

# The front page.
cp "$words/front.html" "$work/values/body"
grep -o 'data-live="[^"]*"' "$words/front.html" | sed 's/.*="//; s/"//; s/^/index	/' \
    >>"$work/live.out"
contents index "" >"$work/values/contents-list"
: >"$work/values/turn"
scripts index >"$work/values/scripts"
fill front "$(word book)" "" >"$out/index.html"

# ---- sources: what pages link to, and where tags are --------------------------------------------

cut -f 2 "$work/links.out" >>"$work/sources"
grep -ohE 'source/[^"#]*\.html#L[0-9]+' "$out"/*.html | sed 's,source/,,' | sort -u >"$work/lines"
: >"$work/values/turn"
: >"$work/values/scripts"
listed=
sort -u "$work/sources" | while read -r file; do
    [ -f "$file" ] || fail "a page links to $file, which isn't there"
    case $file in
    *.csv | *.log) # as it is
        mkdir -p "$out/source/$(dirname "$file")"
        cp "$file" "$out/source/$file"
        continue
        ;;
    esac
    root=$(echo "$file" | sed 's,[^/]*/,../,g; s,[^/]*$,,')../
    # Back to the chapter's own lesson, or to the first page that has the tag.
    chapter=$(echo "$file" | sed -n 's,^chapters/0\([0-9]\)_.*,chapter\1,p')
    awk -F '\t' -v chapter="$chapter" -v root="$root" '
        !($1 in page) || $2 == chapter { page[$1] = $2 }
        END {
            for (tag in page) {
                id = "tag-" tag
                gsub(/[^A-Za-z0-9.]+/, "-", id)
                print tag "\t" root page[tag] ".html#" id
            }
        }' "$work/cited" >"$work/tags.sources"
    awk -v tags="$work/tags.sources" -v lines="$work/lines" -v name="$file" \
        -f $book/code.awk -f $book/source.awk "$file" >"$work/values/body"
    [ "$root" = "$listed" ] || contents "" "$root" >"$work/values/contents-list"
    listed=$root
    mkdir -p "$out/source/$(dirname "$file")"
    fill source "$file" "$root" >"$out/source/$file.html"
done

# ---- the rest -----------------------------------------------------------------------------------

# Pictures.
cut -f 2 "$work/pictures.out" | sort -u | while read -r file; do
    copy=$out/pictures/$(awk -F '\t' -v file="$file" '$1 == file { print $2 }' "$work/pictures.map")
    case $file in
    *.svg) awk -f $book/picture.awk "$file" "$file" | tr '\t' '\n' | sed -f $book/picture.sed >"$copy" ;;
    *) cp "$file" "$copy" ;;
    esac
done

# What is searched: [page, title, id, heading, text] of every section, loaded on demand.
while IFS="$(printf '\t')" read -r _ page title; do
    awk -v page="$page" -v title="$title" -f $book/sections.awk "$work/bodies/$page"
done <"$work/pages" >"$work/sections"
{ echo "["; sed '$!s/$/,/' "$work/sections"; echo "]"; } >"$work/search"
script search "$work/search"
cp $book/site/style.css $book/site/favicon.svg "$out"
cp $book/site/*.js "$out/js"
cp $book/live/*.js "$out/js/live"
: >"$out/.nojekyll"

# The same pages as one EPUB, without scripts.
cut -f 1 "$work/pages" | while read -r file; do
    printf '\n\n<!-- page: %s -->\n\n' "$file"
    cat "$file"
done | pandoc -f gfm -t epub3 --mathml --no-highlight --toc --toc-depth=2 \
    --epub-chapter-level=1 --css=$book/epub.css -M mode=epub -M work="$work" \
    -M title="$(word book)" -M lang="$BOOK_LANGUAGE" --lua-filter=$book/filter.lua \
    -o "$out/course.epub"

rm -rf "$BOOK_OUT"
mkdir -p "$(dirname "$BOOK_OUT")"
mv "$out" "$BOOK_OUT"

# ---- how large -----------------------------------------------------------------------------------

bytes_of() { # bytes_of FILE...: together
    cat "$@" | wc -c
}
# The front page as gzip sends it: the page, and all that it loads.
{
    echo index.html
    grep -oE '(src|href)="(js|pictures)?/?[a-zA-Z0-9_./]*\.(js|css|svg|png)"' "$BOOK_OUT/index.html" |
        sed 's/^[a-z]*="//; s/"$//'
} | sort -u >"$work/front"
front=$(cd "$BOOK_OUT" && while read -r file; do gzip -9c "$file"; done <"$work/front" | wc -c)
site=$(find "$BOOK_OUT" -type f ! -name '*.epub' -exec cat {} + | wc -c)
modules=$(bytes_of "$module" "$module_double")
echo "book: $(find "$BOOK_OUT" -name '*.html' | wc -l) pages in $BOOK_OUT: $((site / 1000)) KB," \
    "and an EPUB of $(($(bytes_of "$BOOK_OUT/course.epub") / 1000)); the front page" \
    "$((front / 1000)) KB as gzip sends it; the modules $((modules / 1000))"
[ "$site" -le 6000000 ] || fail "the site has more than 6 MB"
[ "$modules" -le 500000 ] || fail "the modules have more than 500 KB"
[ "$front" -le 1200000 ] || fail "the front page has more than 1.2 MB"
