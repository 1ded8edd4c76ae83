#!/bin/sh
# test_flow.sh: what surrounds the grader: compilers in plain words, hints, make watch,
# make progress, one exercise alone, exit statuses; from the root and from work/chapter3.
set -u
# shellcheck source=tests/words.sh
. tests/words.sh
unset MAKEFLAGS MAKELEVEL MFLAGS # of the make that runs this
: "${CC:=gcc}"
work=build/flow
mine=$work/chapter3
rm -rf "$work"
run() { # run ARGUMENT...: make, without anything between
    "$make" --no-print-directory V= NVCC= FETCH=no WORK="$work" "$@" >"$out" 2>&1
    status=$?
}
has() { # has WORDS...: each is in what was printed
    for words in "$@"; do
        tr -s ' \n' ' ' <"$out" | grep -qF -e "$words" || {
            echo "      not said: $words"
            return 1
        }
    done
}
hasnt() {
    for words in "$@"; do
        ! tr -s ' \n' ' ' <"$out" | grep -qF -e "$words" || {
            echo "      said: $words"
            return 1
        }
    done
}
# shellcheck disable=SC2015
ends() { # ends STATUS: and make says nothing of its own
    [ "$status" -eq "$1" ] && hasnt 'make: ***' 'make[1]' 'found:' || {
        echo "      exit status $status"
        sed 's/^/      /' "$out" | tail -n 5
        return 1
    }
}

# ---- what compilers say, in plain words ---------------------------------------------------------

echo "-- compilers"
# planted KIND|WORDS|CODE: CODE, with \n, is a function's body; T is a Tensor, n an int, p a
# real *. WORDS are said of it. KIND: e, an error; w, a warning; c, e in C, and w in C++.
cat >"$scratch/planted" <<'END'
e|.c:5: this doesn't compile yet|real s = 1\n    s += 1;\n    return s;
e|A ; is missing|real s = 1\n    s += 1;\n    return s;
e|A { has no } of its own. It is in the function that begins in line 4.|for (;;) {\n    p[0] = 0;\n    return 1;
e|above it a } is too many|}\n    return 1;
e|Brackets don't match|return fabs(2.0;
e|Nothing is called totl here: is total meant?|real total = 0;\n    totl += 1;\n    return total;
e|tensor_cls|return tensor_cls(T);
e|fewer arguments than the function takes|tensor_scale(T);\n    return 1;
e|it is declared so: void tensor_scale(Tensor A, real alpha)|tensor_scale(T);\n    return 1;
e|more arguments than the function takes|tensor_scale(T, 2, 3);\n    return 1;
e|A pointer (an address) stands where a number is wanted|tensor_scale(T, p);\n    return 1;
e|A pointer (an address) stands where a number is wanted, or the reverse|real *q = p[0];\n    return q[0];
e|A pointer (an address) is wanted here, and this is a number.|real *q = n;\n    return q[0];
e|A Tensor stands where a number is wanted|return T * 2;
e|its elements are had with tensor_row(T, i)[j].|return T[0];
e|A Tensor is wanted here, and this is a pointer to one|tensor_scale(&T, 2);\n    return 1;
e|A Tensor has no member row|return T.row;
e|had with ->|Tensor *t = &T;\n    return t.ndim;
e|had with .|return T->ndim;
e|This may not be written: it is const.|const int k = 3;\n    k = 4;\n    return k;
w|there is a way to its end without a return|if (n > 3) {\n        return 1;\n    }
w|= sets a variable; what asks whether two are equal is ==|if (n = 3) {\n        return 1;\n    }\n    return 2;
w|tensor_row returns something, and here nobody takes it|tensor_row(T, 1);\n    return 1;
w|== asks whether two are equal|n == 3;\n    return n;
w|s is used here before it was given a value|real s;\n    s += p[0];\n    return s;
w|what is behind the point is lost|int x = 3.5;\n    return x;
w|what is behind the point is lost|int x = n * 0.5;\n    return x;
w|Both sides of this / are whole numbers|real half = 1 / 2;\n    return half;
w|Both sides of this / are whole numbers|return 1 / n * p[0];
w||int half = n / 2;\n    return p[0] * 1 / n + p[half / 2] + 4 / 2 + 1 / (n + 0.5) + 1 / p[n];
w||real x = 0.1, y = tensor_row(T, 0)[1] / n;\n    tensor_row(T, 0)[0] = sqrt(x);\n    return (int)(3.5 * y) + 1.0 / n;
END
mkdir "$scratch/mine"
say_it() { # say_it KIND FILE COMPILER...: what a student is told about FILE
    kind=$1
    file=$2
    shift 2
    "$@" -O1 -Wall -Wextra -Wfloat-conversion -Wno-unused-parameter -Wno-unused-variable \
        -DREAL_IS_DOUBLE -I. -c "$file" -o "$scratch/object" 2>"$scratch/said"
    : >"$scratch/unsaid"
    [ "$kind" = errors ] || awk -f tests/exercises/unsaid.awk common/tensor.h "$file" >"$scratch/unsaid"
    awk -v folder="$scratch/mine" -v what="$kind" -f tests/exercises/explain.awk "$scratch/said" \
        "$scratch/unsaid" >"$out"
}
each() { # each NAME ENDING COMPILER...
    name=$1
    file=$scratch/mine/planted.$2
    shift 2
    while IFS='|' read -r kind words code; do
        {
            printf '#include <math.h>\n#include "common/tensor.h"\nreal f(Tensor T, int n, real *p);\n'
            printf 'real f(Tensor T, int n, real *p) {\n    %b\n}\n' "$code"
            printf '\nint g(int n);\nint g(int n) {\n    return n;\n}\n'
        } >"$file"
        case $kind in
        e) say_it errors "$file" "$@" ;;
        w) say_it warnings "$file" "$@" ;;
        esac
        case $name in g++*) words=$(echo "$words" | sed 's/\.c:/.cu:/') ;; esac
        if [ -n "$words" ]; then has "$words"; else [ ! -s "$out" ]; fi
        ok "$name: ${words:-nothing to say}: $code" $?
    done <"$scratch/planted"
}
tried=
for compiler in gcc clang; do
    if command -v "$compiler" >/dev/null 2>&1; then
        each "$compiler" c "$compiler" -std=c11 -Werror=implicit-function-declaration -Werror=int-conversion
        tried="$tried $compiler"
    fi
done
command -v g++ >/dev/null 2>&1 && each g++ cu g++ -x c++ -std=c++17
[ -n "$tried" ]
ok "a compiler to try:$tried" $?
echo "ld: grade.o: undefined reference to \`positions_add'" >"$scratch/said"
awk -v folder=x -v what=errors -f tests/exercises/explain.awk "$scratch/said" >"$out"
has "It compiles, but positions_add isn't there"
ok "a function that is gone" $?

# ---- hints ----------------------------------------------------------------------------------------

echo "-- hints"
# steps FILE: "3.2 3" for each "@ 3.2" with three paragraphs.
steps() {
    awk '/^[@=] [1-8][.][1-6a-f][a-z]?$/ { if (id != "") print id, n; id = $1 $2; n = 0; between = 1; next }
        /^#/ { next }
        /^ *$/ { between = 1; next }
        { n += between; between = 0 }
        END { print id, n }' "$1"
}
for n in 1 2 3 4 5 6 7 8; do
    hints=tests/exercises/hints_$n.txt
    if [ ! -f "$hints" ]; then
        ! grep -q 'make hint N=' chapters/0"$n"_*/README.md
        ok "chapter $n's lesson speaks of hints: $hints" $?
        continue
    fi
    steps "$hints" >"$scratch/steps"
    tr '\n' ' ' <"tests/exercises/exercises_$n.c" | grep -oE "\\{ *\"$n\\.[1-6a-f]\"," | tr -cd "0-9a-f.\n" >"$scratch/ids"
    [ "$(wc -l <"$scratch/ids")" -ge 5 ]
    ok "chapter $n has exercises" $?
    while read -r id; do
        [ "$(grep -cx "@$id 3" "$scratch/steps")" -eq 1 ]
        ok "$hints: three steps for $id" $?
    done <"$scratch/ids"
    grep '^@' "$scratch/steps" | sed 's/^@//; s/ .*//' | grep -vxF -f "$scratch/ids" >"$err"
    [ ! -s "$err" ]
    ok "$hints: no exercise that there isn't" $?
    asked=$(cat tests/exercises/exercises_"$n"*.c | grep -c 'ask_in_words(')
    [ "$(grep -cE '^= [1-8]\.[1-6][a-z]$' "$hints")" -eq "$asked" ]
    ok "$hints: a model answer for each of the $asked questions in words" $?
    [ "$(awk 'length($0) > 88' "$hints" | wc -l)" -eq 0 ]
    ok "$hints: lines of at most 88 columns" $?
done
# How they are shown, in a tree with hints of its own.
tree=$scratch/tree
there=$tree/work # a student's folders
mkdir -p "$tree/tests" "$tree/common" "$there/chapter3"
cp -R tests/exercises "$tree/tests"
cp -R common/scripts "$tree/common"
printf '%s\n' '# a comment' '@ 3.2' 'Draw a row' 'of it.' '' 'The idea.' '' 'The recipe' '= a sum.' '' '= 3.6e' 'Because.' \
    '@ 3.6' 'One.' '' 'Two.' '' 'Three.' >"$tree/tests/exercises/hints_3.txt"
for shell in sh dash 'busybox sh'; do
    command -v "${shell%% *}" >/dev/null 2>&1 || continue
    hint() {
        (cd "$tree" && $shell tests/exercises/hint.sh "$1" work/chapter3 make grade) >"$out" 2>&1
        status=$?
    }
    rm -f "$there/chapter3/hints"
    printf '3.6a = 5\n3.6e = ?\n' >"$there/chapter3/answers.txt"
    hint 3.2
    [ $status -eq 0 ] && has 'a nudge (1 of 3)' 'Draw a row of it.' 'One more: make hint N=3.2' && hasnt idea comment
    ok "$shell: the first hint" $?
    hint 3.2
    has 'a nudge (1 of 3, seen before)' 'the idea (2 of 3) The idea. One more' && hasnt recipe
    ok "$shell: the second, and the first again" $?
    hint 3.2
    has '2 of 3, seen before' 'the recipe (3 of 3) The recipe = a sum. There are no more of 3.2'
    ok "$shell: the third" $?
    hint 3.2
    [ $status -eq 0 ] && has '3 of 3, seen before' 'There are no more'
    ok "$shell: there are no more" $?
    hint 3.6e
    has '3.6e is yours to say first' && hasnt Because
    ok "$shell: no model answer before there is one of one's own" $?
    printf '3.6a = 5\n3.6e = it is so in all cases # I think\r\n' >"$there/chapter3/answers.txt"
    hint 3.6
    has '3.6, a nudge (1 of 3) One.' '3.6e, one way to say it; compare it with yours: Because.' && hasnt 'Because. @' Three
    ok "$shell: a model answer after it, with the exercise's hints" $?
    hint 3.6e
    has 'Because.' && hasnt One
    ok "$shell: or alone" $?
    for wrong in 3 9.9 3.2x 3.9 '' 3.22 '3.2 3.3' "3.'" 3.4; do
        hint "$wrong"
        [ $status -eq 2 ] && [ "$(wc -l <"$out")" -eq 1 ]
        ok "$shell: make hint N=$wrong is one line and status 2" $?
    done
done

# ---- make grade, hint, progress ---------------------------------------------------------------------

echo "-- make"
run hint N=3.2
ends 1 && [ "$(wc -l <"$out")" -eq 1 ]
ok "make hint N=3.2 before make start is one line" $?
run progress
ends 1 && has "there is no $work yet: make start N=1"
ok "make progress before make start" $?
for wrong in grade 'grade N=9' 'grade N=3.2x' 'grade E=3' 'grade E=3.9' 'grade E=3.4e' hint 'hint N=3' 'hint N=3.2x' \
    'watch' 'watch N=9.1' 'grade N=31'; do
    # shellcheck disable=SC2086 # words
    run $wrong
    ends 1 && [ "$(wc -l <"$out")" -eq 1 ]
    ok "make $wrong is one line and status 1" $?
done
run start N=3
ok "make start N=3" $status
run grade E=3.7
ends 1
ok "make grade E=3.7 is refused" $?
run hint N=3.9
ends 1 && [ "$(wc -l <"$out")" -eq 1 ]
ok "make hint N=3.9 is refused" $?
run grade N=3
ends 1 && has '3.4 not written yet' '0 of 6'
ok "make grade N=3 of stubs: status 1, and make is silent" $?
run grade E=3.4
ends 1 && has '3.4 not written yet' && hasnt '3.2' 'the course'
ok "make grade E=3.4 is about one" $?
grader=$(find build -path "*/$mine/grade" -type f -exec ls -t {} + | head -n 1)
course() { # course FILE
    cp "$(find chapters -name "$1")" "$mine/$1"
}
course multi_head_attention.c
course positions.c
"$grader" --answers >"$mine/answers.txt"
run grade N=3
ends 0 && has '6 of 6' 'All passed.' && hasnt 'look at this'
ok "the solutions: status 0, and nothing to warn of" $?
sed 's/sin(/cos(/' "$(find chapters -name positions.c)" >"$mine/positions.c"
sed 's/^\(3\.1a = \).*/\17/' "$mine/answers.txt" >"$mine/answers.new" && mv "$mine/answers.new" "$mine/answers.txt"
run grade N=3
ends 1 && has '3.4 wrong' 'should be' 'Think:' 'Stuck? make hint N=3.4' '3.2 passed' '4 of 6'
ok "a first failure: the first wrong number, where to think, and what helps" $?
run grade E=3.4
ends 1 && has '3.4 wrong' 'Stuck? make hint N=3.4' && hasnt 3.1
ok "make grade E=3.4: status 1" $?
run grade E=3.5
ends 0 && has '3.5 passed' && hasnt 3.4
ok "make grade E=3.5: status 0, though 3.4 is wrong" $?
(cd "$mine" && "$make" --no-print-directory NVCC= FETCH=no) >"$out" 2>&1
status=$?
ends 1 && has '3.4 wrong' '4 of 6'
ok "make alone, within $mine, grades" $?
(cd "$mine" && "$make" NVCC= FETCH=no grade E=3.5) >"$out" 2>&1
status=$?
ends 0 && has '3.5 passed'
ok "make grade E=3.5 within $mine" $?
(cd "$mine" && "$make" NVCC= FETCH=no hint N=3) >"$out" 2>&1
status=$?
ends 1 && has 'which exercise? make hint N=3.2'
ok "make hint within $mine" $?
(cd "$mine" && "$make" NVCC= FETCH=no progress) >"$out" 2>&1
status=$?
ends 0 && has '3. Multi-head attention' ': 4 of 6' '3.2 multi_head_attention_forward passed 20' \
    'but not now' 'Next: 3.1' '1.1' 'not begun' 'a gradient, a ..' && [ "$(grep -c '^  [1-8][.][1-6a-f]  .\{49\} [a-z]' "$out")" -eq 53 ]
ok "make progress within $mine" $?
printf 'garbage\n2026-99 x\n\001\002 3.2 passed' >>"$work/progress"
sed 's/sin(/tan(/' "$(find chapters -name positions.c)" >"$mine/positions.c"
run grade N=3
has '4 of 6' && [ "$(tail -n 1 "$work/progress" | grep -cE '^[0-9-]+ [0-9:]+  3\.4  wrong  [0-9a-f]+$')" -eq 1 ]
ok "progress with garbage in it goes on" $?
lines=$(wc -l <"$work/progress")
run grade N=3
[ "$(wc -l <"$work/progress")" -eq "$lines" ]
ok "what ends as it ended before is no attempt" $?
rm -f "$work/progress"
"$grader" "$mine" >/dev/null &
"$grader" "$mine" >/dev/null
wait $!
! grep -vE '^20[0-9-]+ [0-9:]+  3\.[1-6]  (passed|wrong)  [0-9a-f]+$' "$work/progress"
ok "two graders at once write whole lines" $?
rm "$mine/positions.c"
run progress
has "$mine has no positions.c" 'nothing counts until make start N=3'
ok "a file that is gone is said, and counts nothing" $?
run grade N=3
ends 1 && has "has no positions.c: make start N=3"
ok "and is no failure of the build" $?
course positions.c
rm "$work/progress"
echo 5 >"$work/chapter3/passed"
mkdir -p "$work/chapter2"
echo 4 >"$work/chapter2/passed"
run progress
has '5 passed when they were last graded: make grade N=3' 'In all: 9 of'
ok "what was kept before there was progress" $?
run grade N=3
has '5 of 6' 'the course' ' 9 of' && [ ! -e "$work/chapter3/passed" ] && [ -e "$work/chapter2/passed" ]
ok "is read, until the chapter is graded" $?
echo 'int x = 3.5;' >>"$mine/positions.c"
run grade E=3.5
ends 0 && has 'it compiles, but look at this' 'what is behind the point is lost' '3.5 passed'
ok "a warning that matters is shown, though it compiles" $?
run grade E=3.5
has 'it compiles, but look at this'
ok "and again, though nothing is compiled" $?
echo 'int y = ' >>"$mine/positions.c"
run grade N=3
ends 1 && has "$mine/positions.c:" "this doesn't compile yet" "the compiler's own words:" && hasnt 'gcc -O' 'In file'
ok "what doesn't compile is said in plain words" $?
course positions.c
echo 'int new_error = ' >>"$mine/multi_head_attention.c"
for turn in once again; do
    run grade N=3
    ends 1 && has "$mine/multi_head_attention.c:" "this doesn't compile yet" && hasnt "$mine/positions.c"
    ok "an error that is mended isn't shown with another file's, $turn" $?
done
echo 'int old_error = ' >>"$mine/positions.c"
run grade N=3
course multi_head_attention.c
run grade N=3
ends 1 && has "$mine/positions.c:" "this doesn't compile yet" && hasnt "$mine/multi_head_attention.c"
ok "nor the other file's with this one's" $?
if script -qec true /dev/null >/dev/null 2>&1; then
    course positions.c
    script -qec "'$make' NVCC= FETCH=no WORK=$work grade E=3.5" /dev/null </dev/null >"$out" 2>&1
    grep -q "$(printf '\033')\[32mpassed" "$out"
    ok "colours on a terminal" $?
    NO_COLOR=1 script -qec "'$make' NVCC= FETCH=no WORK=$work grade E=3.5" /dev/null </dev/null >"$out" 2>&1
    grep -q ' passed' "$out" && ! grep -q "$(printf '\033')" "$out"
    ok "none with NO_COLOR" $?
fi

# ---- answers: every wrong one is told -----------------------------------------------------------------

echo "-- answers"
course positions.c
run grade N=3
# answers SAID ID=ANSWER...: grades the exercise of the first, all others right. SAID: what is
# said of it, parts of it between |; a part that begins with "not:" isn't said.
answers() {
    said=$1
    shift
    what="$*"
    e=${1%%=*}
    "$grader" --answers >"$mine/answers.txt"
    for given in "$@"; do
        awk -v id="${given%%=*}" -v text="${given#*=}" '$1 == id { $0 = id " = " text } { print }' \
            "$mine/answers.txt" >"$mine/answers.new" && mv "$mine/answers.new" "$mine/answers.txt"
    done
    "$grader" "$mine" "${e%?}" >"$out" 2>&1
    result=0
    old_ifs=$IFS
    IFS='|'
    for words in $said; do
        case $words in
        not:*) hasnt "${words#not:}" || result=1 ;;
        *) has "$words" || result=1 ;;
        esac
    done
    IFS=$old_ifs
    ok "$what: $said" "$result"
}
answers 'passed|not:Right' 3.1a=132
answers '3.1a: 124 is not it This is|3.1c: 7 is not it|Think: Two products have|Right: 3.1b, 3.1d|not:3.1b:' 3.1a=124 3.1c=7
answers '3.1a: 133 is not it This is|Not answered yet: 3.1b|Right: 3.1c, 3.1d|not:near|not:digits' 3.1a=133 '3.1b=?'
answers 'not written yet|answers.txt:|(right: 3.1a, 3.1c)|not:Think|not:Read' '3.1b=?' 3.1d=
answers '"8 * 4 + 100" is more than one number|not:meant' '3.1a=8 * 4 + 100'
answers 'is 132 meant?' '3.1a=3 * 44'
answers 'is 132 meant?' '3.1a=2x66'
answers 'is 0.5 meant?' 3.1c=1/2
answers '3.6a: 6.2 is near it: more digits are wanted' 3.6a=6.2
answers '3.6a: 6.329 is near it, but not it' 3.6a=6.329
answers '3.6a: 6283.2 is not it, but its digits are: in which unit?' 3.6a=6283.2
answers 'passed' 3.6d=B
answers 'passed' '3.6d= (b).'
answers '3.6d: c is not it|Right: 3.6a, 3.6b, 3.6c, 3.6e' 3.6d=c
answers '3.6d: of ab, 1 doesn'"'"'t belong|not:missing' '3.6d=a and b'
answers '3.6d: 1 is missing' 3.6d=-
answers '3.6d: "x" is none of the options|Write: letters' '3.6d=x'
answers 'passed|Compare your sentence with the model answer: make hint N=3.6e|not:Think' \
    '3.6e=the same weights are used for both of them'
for words in 'one two three four five' 'it is so, so it is'; do
    answers '3.6e: a sentence is wanted, of 5 different words or more|Write: it as you would' "3.6e=$words"
    run hint N=3.6e
    has '3.6e is yours to say first'
    ok "and shows no model answer for \"$words\"" $?
done
answers 'has more than one line "3.6d = ..."|Write: only the one|3.6a: 1 is not it|Right: 3.6b, 3.6c, 3.6e' 3.6a=1 '3.6d=b
3.6d = b'
! grep -nE '[^.]section [1-8]\.[0-9]' tests/exercises/exercises_*.c tests/exercises/hints_*.txt |
    grep -vE 'section [1-8]\.[0-9][0-9]? of (the program|.*[.]/chapter)' | grep -v AIAYN
ok "a section of a program's output is never taken for an exercise" $?

# ---- make mine --------------------------------------------------------------------------------------------

echo "-- mine"
cat >"$scratch/suites" <<'END'
#!/bin/sh
early='(after this point) Early exit with return value 77'
case $CK_RUN_SUITE in positions) echo 'tests/p.c:7:F:by hand:rows:0: got 1, want 2' ;; esac
for line in 4 5 6; do echo "tests/m.c:$line:E:by hand:rows:0: $early"; done
for turn in 1 2 3; do echo 'exercise 3.3 is not written yet: work/chapter3/m.c:54'; done
exit 1
END
chmod +x "$scratch/suites"
sh tests/exercises/mine_tests.sh 3 program "$scratch/suites" >"$out" 2>&1
has 'OPEN suite multi_head_attention exercise 3.3 is not written yet: work/chapter3/m.c:54 FAIL suite positions tests/p.c' &&
    hasnt 'Early exit' && [ "$(grep -c 'not written yet' "$out")" -eq 2 ]
ok "an exercise that isn't written is said once, and is no failure" $?

# ---- crashes --------------------------------------------------------------------------------------------

echo "-- crashes"
# crash WORDS CODE: CODE in positions_add_backward; it is told once, with its line, soon.
crash() {
    awk -v code="$2" '/^void positions_add_backward/ { here = 1 }
        here && /\/\* exercise 3.5 / { print; print "    " code; inside = 1 }
        /end of exercise 3.5/ { inside = 0 }
        !inside' "$(find chapters -name positions.c)" >"$mine/positions.c"
    line=$(awk '/^void positions_add_backward/ { here = 1 }
        here && /\/\* exercise 3.5 / { print NR + 1; exit }' "$mine/positions.c")
    from=$(date +%s)
    run grade E=3.5
    seconds=$(($(date +%s) - from))
    ends 1 && has '3.5 wrong' "It was at $mine/positions.c:$line" "$1" && [ "$(grep -c 'It stopped in' "$out")" -eq 1 ] &&
        [ "$(grep -c 'more lines' "$out")" -eq 0 ] && [ "$seconds" -le 12 ]
    ok "$1 ($seconds s): $2" $?
}
# It reads: one that writes below its tensor may overwrite what would tell its line.
crash 'Segmentation fault' 'for (int j = 0; j < 9; j--) dE_pos.data[0] += ((volatile real *)dz.data)[j];'
crash 'Segmentation fault' 'for (long j = 0; j < 1L << 40; j++) ((volatile real *)dE_pos.data)[j] = 1;'
crash 'Floating point exception. A division of integers by zero?' \
    'volatile int zero = 0; dE_pos.data[0] = 7 / zero;'

# ---- make watch -----------------------------------------------------------------------------------------

echo "-- watch"
saved() { # saved COUNT: wait for that many turns
    tries=0
    while [ "$(grep -c -e '^  the course' -e 'own words' "$scratch/watched")" -lt "$1" ] && [ $tries -lt 300 ]; do
        sleep 0.1 2>/dev/null || sleep 1
        tries=$((tries + 1))
    done
}
# watched PATH: one failure, a compile error, and all passed, as they are saved.
watched() {
    sed 's/sin(/cos(/' "$(find chapters -name positions.c)" >"$mine/positions.c"
    "$grader" --answers | sed 's/^\(3\.1a = \).*/\1?/' >"$mine/answers.txt"
    : >"$scratch/watched"
    (PATH=$1 WATCH_TURNS=9 exec "$make" --no-print-directory NVCC= FETCH=no WORK="$work" watch N=3) \
        >"$scratch/watched" 2>&1 &
    watcher=$!
    running=$watcher
    (sleep 120 && kill -TERM "$watcher") >/dev/null 2>&1 & # what doesn't end is wrong, too
    killer=$!
    saved 1
    echo 'int y = ' >>"$mine/positions.c"
    saved 2
    course positions.c
    saved 3
    "$grader" --answers >"$mine/answers.txt"
    wait "$watcher"
    status=$?
    running=
    kill "$killer" 2>/dev/null
    cp "$scratch/watched" "$out"
}
watched "$PATH"
ends 0 && has "this doesn't compile yet" 'Nothing is left to watch.' 'Stuck? make hint N=3.4'
ok "make watch N=3 grades at every save, and ends when all pass" $?
head -n 30 "$out" | awk '/3\.4 .*wrong/ { wrong = NR } /3\.1 .*not written/ { first = NR } END { exit !(wrong && first && wrong < first) }'
ok "what is wrong comes first" $?
! grep -q "$(printf '\033')" "$out"
ok "a pipe isn't cleared" $?
mkdir "$scratch/bin"
printf '#!/bin/sh\nexit 1\n' >"$scratch/bin/inotifywait"
chmod +x "$scratch/bin/inotifywait"
watched "$scratch/bin:$PATH"
ends 0 && has "this doesn't compile yet" 'Nothing is left to watch.'
ok "without inotifywait, too" $?
sed 's/sin(/cos(/' "$(find chapters -name positions.c)" >"$mine/positions.c"
WATCH_TURNS=1
export WATCH_TURNS
run watch N=3
ends 1 && has '3.4 wrong' '3.2 passed'
ok "WATCH_TURNS=1 ends it, with status 1" $?
run watch N=3.5
ends 1 && has "($mine) 3.5 passed positions_add, forward and backward 3.1"
ok "make watch N=3.5 shows that one first" $?

verdict
