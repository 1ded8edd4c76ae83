# planting.sh: what plants answers into a student's folder and grades them fast; sourced
# by tests/test_exercises.sh and try_answers.sh. $make and $root (of the folders) are theirs.
# shellcheck shell=sh disable=SC2154

run_make() { # run_make FOLDER CHAPTER TARGET: FOLDER/chapterCHAPTER is the student's
    "$make" --no-print-directory -s V= NVCC= WORK="$1" N="$2" FETCH=no "$3" 2>&1
}
source_of() { # source_of CHAPTER NAME: the course's own file of that name
    find common chapters/0"$1"_* -name "$2"
}
solve() { # solve CHAPTER COPIES GRADER: the course's own sources, and the right answers
    for copy in "$2"/*.[ch]*; do
        cp "$(source_of "$1" "$(basename "$copy")")" "$copy"
    done
    "$3" --answers >"$2/answers.txt"
}
grader_of() { # grader_of COPIES: of all compilers that were used here, this run's: the newest
    find build -path "*/$1/grade" -type f -exec ls -t {} + | head -n 1
}

# How make compiles each copy and links the grader; so that 400 answers needn't run make.
# The course's own objects are kept.
learn_commands() { # learn_commands FOLDER CHAPTER GRADER
    touch "$1/chapter$2"/*.c*
    "$make" --no-print-directory V=1 NVCC= WORK="$1" N="$2" FETCH=no "$3" 2>&1 |
        sed 's/ -O3 / -O1 /' >"$1/commands$2"
    grep -e '/[a-z_]*\.o  *[^ ]*/[a-z_]*\.o ' "$1/commands$2" >"$1/link$2"
    objects_in "$1/commands$2" | while read -r object; do
        cp "$object" "$object.kept"
    done
}
objects_in() { # objects_in COMMANDS: that they compile
    sed -n 's/.* -MT \([^ ]*\.o\) .*/\1/p' "$1"
}
# Grades the copies, of which NAME has changed; the reply is printed.
grade_fast() { # grade_fast FOLDER CHAPTER GRADER NAME
    grep -F -e "-c $1/chapter$2/$4 " "$1/commands$2" >"$1/compile$2"
    [ -s "$1/compile$2" ] && [ -s "$1/link$2" ] || return 2
    sh "$1/compile$2" 2>&1 && sh "$1/link$2" 2>&1 || return 2
    "$3" "$1/chapter$2" 2>&1
    [ $? -le 1 ]
}
# The copy NAME, graded last, is the course's again: its object too.
restore_fast() { # restore_fast FOLDER CHAPTER
    objects_in "$1/compile$2" | while read -r object; do
        cp "$object.kept" "$object"
    done
}

# What the grader says of one exercise, in one line.
reply_of() { # reply_of EXERCISE FILE
    awk -v id="$1" '/^  [1-8]\.[1-6a-f] / { inside = $1 == id } inside' "$2" | tr -s ' \n' ' '
}
