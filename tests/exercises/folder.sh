# folder.sh: read by the commands of the exercises, in the repository's root, run by make:
#     COMMAND.sh ASKED FOLDER MAKE GRADER
# ASKED is what was typed after N= or E=: a chapter or an exercise; FOLDER the chapter's
# folder of the student; GRADER the program that `make GRADER` builds.
# shellcheck shell=sh disable=SC2034 # for the scripts that read it
set -eu
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
command=${0##*/}
command=${command%.sh}
asked=$1
folder=$2
make=$3
grader=$4
# `make grade` runs as a question: make -q ends with exit status 1 without a word about it,
# of others it says "Error 2". What it builds is no question.
flags=${MAKEFLAGS:-}
case ${flags%% *} in
-* | *=*) question=no ;;
*q*) question=yes ;;
*) question=no ;;
esac
MAKEFLAGS=$(printf '%s\n' "${MAKEFLAGS:-}" | sed 's/^\([a-zA-Z]*\)q/\1/')
export MAKEFLAGS

end() { # end STATUS
    [ "$question" = no ] || exit 1
    exit "$1"
}
fail() { # fail STATUS WHY
    echo "$2" >&2
    end "$1"
}
want_chapter() { # ASKED is one
    case $asked in
    [1-8]) n=$asked ;;
    *) fail 2 "which chapter? make $command N=1 ... N=8" ;;
    esac
}
want_exercise() { # ASKED is one, 3.2 or 6.a, as far as one can see; or a question, 3.6e
    case $asked in
    [1-8].[1-6a-f] | [1-8].[1-6][a-z]) n=${asked%%.*} ;;
    [1-8].[0-9a-z]) fail 2 "there is no exercise $asked: make $command $1=${asked%%.*}.1, say" ;;
    *) fail 2 "which exercise? make $command $1=3.2, say" ;;
    esac
}
files() { # the chapter's that have exercises
    find common chapters/0"$n"_* -name '*.[ch]*' -exec \
        grep -lE "^ */\\* exercise $n\\.[1-6a-f]" {} + | sort
}
want_folder() { # one that is not there would be the course's own, solved
    [ -d "$folder" ] || fail 1 "there is no $folder: make start N=$n"
    for file in $(files); do
        [ -f "$folder/${file##*/}" ] ||
            fail 1 "$folder has no ${file##*/}: make start N=$n copies it anew"
    done
}

# What the compiler said of the student's files, one file for each object; the newest first.
said_files() {
    ls -t "${BUILD:-build}"/*/"$folder"/*.said "${BUILD:-build}"/*/"$folder"/graded/*.said 2>/dev/null || :
}
# An error is of a compilation that make does again: what it was is gone, and make may stop
# at another file before it comes to this one.
forget_errors() {
    # shellcheck disable=SC2046 # names of our own, without spaces
    set -- $(said_files)
    [ $# -eq 0 ] || grep -lE ':[0-9]+: (fatal )?error: ' "$@" | while read -r said; do
        rm -f "$said"
    done
}
# build [TARGET]: the grader; of what the compiler says, what helps. A line if it takes long.
build() {
    mkdir -p "$(dirname "$grader")"
    forget_errors
    log=$grader.log
    (
        sleep 1 >/dev/null 2>&1
        echo "building ..."
    ) &
    wait=$!
    built=0
    "$make" -s --no-print-directory N="$n" E= "${1:-$grader}" >"$log" 2>&1 || built=$?
    kill "$wait" 2>/dev/null || :
    wait "$wait" 2>/dev/null || :
    [ "$built" -eq 0 ] || refused "$log"
}
# explain errors|warnings [LOG]: of what the compiler said of the student's files, in plain
# words, the newest first.
explain() {
    what=$1
    shift
    for said in $(said_files); do
        [ "$what" = errors ] || case $said in "${grader%/*}"/*) ;; *) continue ;; esac
        [ ! -s "$said" ] || set -- "$said" "$@"
    done
    [ "$what" = errors ] || {
        awk -f tests/exercises/unsaid.awk common/tensor.h "$folder"/*.c* >"$grader.unsaid"
        set -- "$@" "$grader.unsaid"
    }
    awk -v folder="$folder" -v what="$what" -f tests/exercises/explain.awk "$@" </dev/null
}
refused() { # refused LOG: it doesn't compile: where, and why?
    explain errors "$1" || cat "$1"
    return 1
}
