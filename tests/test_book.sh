#!/bin/sh
# test_book.sh: what of the book (build/book, `make book`) needs no browser: links and
# anchors hold, nothing is loaded from elsewhere, every live figure, listing and equation of
# a lesson is there, sizes, the EPUB's parts. `make test-book` runs it, and tests/book. Run
# from the repository's root.
set -u
# shellcheck source=tests/words.sh
. tests/words.sh
site=build/book
sources=notes/book
[ -f $site/index.html ] || { echo "there is no $site: run 'make book'" >&2; exit 1; }
for tool in python3 unzip; do
    command -v $tool >/dev/null 2>&1 || { echo "test_book: $tool is missing" >&2; exit 1; }
done

echo "-- links"
sound() { # sound FOLDER
    python3 tests/book/links.py "$1" >"$out" || { cat "$out"; return 1; }
}
check "links and anchors hold, nothing is loaded from elsewhere, one policy" sound $site
# planted WHAT WORDS SED: lesson 1 with a fault, which is found.
planted() {
    rm -rf "$scratch/site"
    cp -R $site "$scratch/site"
    sed "$3" $site/chapter1.html >"$scratch/site/chapter1.html"
    ! cmp -s $site/chapter1.html "$scratch/site/chapter1.html" &&
        ! python3 tests/book/links.py "$scratch/site" >"$out" && grep -q "$2" "$out"
    ok "$1 is found" $?
}
planted "a link to no page" 'no file for' 's/href="chapter2.html"/href="chapter9.html"/'
planted "a link to no section" 'no anchor for' 's/href="#exp1000"/href="#exp1001"/'
planted "a script of another host" 'loads ' 's,src="js/book.js",src="https://example.org/book.js",'
planted "a script within a page" 'within' 's,<body,<script>1</script><body,'
planted "a style within a page" '<p style>' 's,<p>,<p style="color: red">,'
planted "another policy" 'policies' "s/connect-src 'none'/connect-src */"

echo "-- pages"
grep -v -e '^#' -e '^==' $sources/en/pages.txt | sed 's/ | .*//' | sort >"$scratch/listed"
find README.md notes chapters tests/reference -name '*.md' ! -name answers.md | sort |
    comm -3 - "$scratch/listed" >"$scratch/other"
cat "$scratch/other"
[ ! -s "$scratch/other" ]
ok "the book has every page of the course, and no other" $?
while IFS='|' read -r file page _; do
    file=${file% } page=${page# } page=$site/${page% }.html
    for name in $(sed -n 's/^<!-- live: \([a-z0-9_-]*\) -->$/\1/p' "$file"); do
        grep -q "<figure class=\"live\" id=\"live-$name\" data-live=\"$name\"" "$page" &&
            grep -q "<script defer src=\"js/live/$name.js\">" "$page" &&
            grep -q "Book.live(\"$name\"" "$site/js/live/$name.js" &&
            grep -q 'class="question"' "$sources/en/live/$name.html"
        ok "$file: the live figure $name, its script, its question" $?
        echo "$name" >>"$scratch/live"
    done
    # A listing's link is to the line with which it begins.
    listings=$(grep -c '^>* *<!-- listing: ' "$file")
    [ "$(grep -c '<figure class="listing">' "$page")" = "$listings" ]
    ok "$file: $listings listings, each with its file" $?
    grep -oE '<figure class="listing"><figcaption><a href="[^"]*' "$page" | sed 's/.*="//' |
        while read -r link; do
            line=${link##*#L} source=${link#source/}
            [ "$line" -gt 1 ] || sed -n 1p "${source%.html*}" | grep -q . || echo "$link"
        done >"$scratch/lines"
    [ ! -s "$scratch/lines" ]
    ok "$file: its listings' lines" $?
done <<END
$(grep -v -e '^#' -e '^==' $sources/en/pages.txt)
END
[ "$(sort -u "$scratch/live" | wc -l)" -ge 10 ]
ok "there are live figures ($(sort -u "$scratch/live" | wc -l))" $?
for file in "$sources"/live/*.js; do
    name=$(basename "$file" .js)
    grep -qx "$name" "$scratch/live" || grep -q "data-live=\"$name\"" $site/index.html
    ok "the figure $name is in a lesson, or in front" $?
done
sayings() { # sayings SCRIPTS
    python3 tests/book/words.py "$1" $sources/en >"$out" || { cat "$out"; return 1; }
}
check "a figure's words are in its language's folder, not in its script" sayings $sources/live
mkdir "$scratch/scripts"
sed 's/say("ready")/"Ready."/' $sources/live/train.js >"$scratch/scripts/train.js"
! sayings "$scratch/scripts" >/dev/null && grep -q "'Ready.' is a reader's" "$out" &&
    grep -q "nobody says 'ready'" "$out"
ok "a word in a script is found" $?
sed 's/say("stopped")/say("ended")/' $sources/live/train.js >"$scratch/scripts/train.js"
! sayings "$scratch/scripts" >/dev/null && grep -q "nothing for 'ended'" "$out"
ok "a word that the language hasn't is found" $?

echo "-- equations"
grep '^[^#].*| built |' notes/equations.txt | sed 's/ *|.*//' >"$scratch/tags"
while read -r tag; do
    id=$(echo "tag-$tag" | sed 's/[^A-Za-z0-9.]/-/g')
    link=$(cat $site/*.html | grep -oE "id=\"$id\" href=\"source/[^\"]*" | head -n 1 | sed 's/.*="//')
    [ -n "$link" ] && grep -q "<a class=\"tag\"[^>]*href=\"[^\"]*\.html#$id\"" "$site/${link%#*}"
    ok "[$tag] leads to its line, and that line back to the text" $?
done <"$scratch/tags"
while IFS='|' read -r tag pages _; do
    for page in $pages; do
        grep -A 4 -F '<div class="equation">' "$site/$page.html" | tr -d '\n' | sed 's/<[^>]*>//g' |
            grep -qF "[${tag% }]"
        ok "$page shows [${tag% }]" $?
    done
done <<END
$(grep -v '^#' $sources/en/equations.txt | sed 's/ | /|/g')
END

echo "-- data"
unpacked() { # unpacked NAME: what js/NAME.js holds
    sed -n "s/^Book.$1 = \"\(.*\)\";\$/\1/p" "$site/js/$1.js" | base64 -d | gzip -dc
}
unpacked weights >"$scratch/weights"
[ "$(wc -c <"$scratch/weights")" -gt $((4 * 139018)) ] &&
    [ "$(wc -c <"$scratch/weights")" -lt $((4 * 139018 + 20000)) ]
ok "the weights are 139,018 parameters, without moments" $?
unpacked module | head -c 4 | od -An -tx1 | grep -q '00 61 73 6d'
ok "the module is WebAssembly" $?
unpacked search | python3 -c 'import json, sys
places = json.load(sys.stdin)
sys.exit(not (len(places) > 200 and any("exp(1000)" in p[3] for p in places)))'
ok "what is searched has every section" $?

echo "-- pictures"
python3 tests/book/pictures.py $site >"$out" || { cat "$out"; false; }
ok "words, places and colours are as drawn" $?
mkdir -p "$scratch/changed/pictures"
cp $site/pictures/*.svg "$scratch/changed/pictures"
sed 's/>0\.73</>0.7</' $site/pictures/02_scaled_dot_product_attention_mask.svg \
    >"$scratch/changed/pictures/02_scaled_dot_product_attention_mask.svg"
! python3 tests/book/pictures.py "$scratch/changed" >"$out" && grep -q 'mask.*"0.7" in place of "0.73"' "$out"
ok "a number that lost a digit is found" $?

echo "-- sizes"
[ "$(find $site -type f ! -name '*.epub' -exec cat {} + | wc -c)" -le 6000000 ]
ok "the site, at most 6 MB" $?
[ "$( (unpacked module; unpacked moduleDouble) | wc -c)" -le 500000 ]
ok "the modules, at most 500 KB" $?

echo "-- EPUB"
mkdir "$scratch/epub"
(cd "$scratch/epub" && unzip -q "$root/$site/course.epub")
ok "it unpacks" $?
unzip -l $site/course.epub | sed -n 4p | grep -q mimetype &&
    [ "$(cat "$scratch/epub/mimetype")" = application/epub+zip ]
ok "it says first what it is" $?
find "$scratch/epub" -name '*.xhtml' -o -name '*.opf' -o -name '*.ncx' >"$scratch/parts"
while read -r part; do
    python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$part" ||
        echo "$part"
done <"$scratch/parts" >"$scratch/bad" 2>&1
cat "$scratch/bad"
[ ! -s "$scratch/bad" ] && [ "$(wc -l <"$scratch/parts")" -gt 30 ]
ok "its $(wc -l <"$scratch/parts") parts are XML" $?
! grep -rlE '<script|<iframe|https?://[^"]*\.(js|css|png|svg)' "$scratch"/epub/EPUB/text
ok "no scripts, and nothing of another host" $?
[ "$(find "$scratch/epub" -name '*.svg' -o -name '*.png' | wc -l)" -ge "$(find $site/pictures -type f | wc -l)" ]
ok "all pictures" $?
cat "$scratch"/epub/EPUB/text/*.xhtml | grep -c '<math' >"$scratch/maths"
[ "$(cat "$scratch/maths")" -ge 15 ]
ok "equations as MathML" $?
grep -ohE 'href="[^"#]*#[^"]+"' "$scratch"/epub/EPUB/text/*.xhtml | sed 's/.*#//; s/"//' | sort -u |
    while read -r id; do grep -qF "id=\"$id\"" "$scratch"/epub/EPUB/text/*.xhtml || echo "$id"; done \
    >"$scratch/lost"
cat "$scratch/lost"
[ ! -s "$scratch/lost" ]
ok "its links hold" $?

echo "-- a server"
port=$(python3 -c 'import socket as s; t = s.create_server(("127.0.0.1", 0)); print(t.getsockname()[1])')
sh $sources/serve.sh "$port" >"$out" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$scratch"' EXIT
page=
for _ in 1 2 3 4 5 6 7 8 9 10; do # it needs a moment
    page=$(python3 -c 'import sys, urllib.request as r
print(r.build_opener(r.ProxyHandler({})).open(sys.argv[1]).read().decode())' \
        "http://127.0.0.1:$port/chapter1.html" 2>/dev/null) && break
    sleep 0.5
done
case $page in *"data-live=\"softmax\""*) true ;; *) false ;; esac
ok "make book-serve shows a page to this machine" $?
kill $server
grep -q "http://localhost:$port/" "$out"
ok "it says where" $?
! BOOK_OUT=$scratch/nowhere sh $sources/serve.sh 1 2>"$out" && grep -q "run 'make book' first" "$out"
ok "without a book it says what to run" $?

verdict
