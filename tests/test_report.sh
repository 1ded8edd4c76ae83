#!/bin/sh
# test_report.sh: make report's page says what the programs say, and a failing check
# stands at its top. The programs are stand-ins here, in a scratch folder.
set -u
# shellcheck source=tests/words.sh
. tests/words.sh
cd "$scratch" || exit 1
stand_in() { # stand_in PROGRAM STATUS LINE...
    program=$1
    status=$2
    shift 2
    { echo '#!/bin/sh'; for line in "$@"; do echo "echo '$line'"; done; echo "exit $status"; } >"$program"
    chmod +x "$program"
}
page() { # the page, its status
    sh "$root/common/scripts/report.sh" build/report.md "${CC:-cc}" "-O3 -march=test" "" >out 2>&1
}

good='PASS  dQ   20 elements, worst relative error 3.6e-11'
for n in 1 2 3 4 5 6 7; do
    stand_in "chapter$n" 0 "Chapter $n: a title" "$good" 'PASS  dK   7 elements, worst relative error 2e-10'
done
page
ok "a report without failures, a model or pictures" $?
grep -q 'Every check holds' build/report.md
ok "says that every check holds" $?
grep -q '^| 2: a title | 2 | 0 | 0 | ' build/report.md
ok "counts a chapter's checks" $?
grep -q '^| 7: a title | 2 | 0 | 0 | ' build/report.md && grep -q '^### Chapter 7$' build/report.md
ok "has every chapter" $?
grep -q '^| 3 | 2 | 27 | 2e-10 |' build/report.md
ok "adds up elements, and takes the worst gradient" $?
grep -q 'No trained model' build/report.md && grep -q 'None yet' build/report.md
ok "says what is missing and how to make it" $?
grep -q '^| flags | .-O3 -march=test. |' build/report.md && grep -q '^| processor | ..* |' build/report.md
ok "names the machine and the flags" $?

mkdir -p plots/pictures
echo x >plots/pictures/layer_costs.png
page
picture=$(sed -n 's/^!\[layer costs\](\(.*\))/\1/p' build/report.md)
[ -n "$picture" ] && [ -e "build/$picture" ]
ok "its pictures are found from where it lies" $?

stand_in chapter4 1 'Chapter 4: a title' "$good" 'FAIL  z off by 3'
page
[ $? -eq 1 ] && head -n 6 build/report.md | grep -q 'FAIL in: 4' && grep -q 'chapter4:FAIL  z off by 3' build/report.md
ok "a failing check is at the top, and the exit status is 1" $?
stand_in chapter4 0 'Chapter 4: a title'
page
[ $? -eq 1 ] && head -n 6 build/report.md | grep -q 'FAIL in: 4'
ok "a chapter that checks nothing has failed" $?
stand_in chapter4 134 "$good"
page
[ $? -eq 1 ] && grep -q '| 134 |' build/report.md
ok "a chapter that crashed has failed" $?
verdict
