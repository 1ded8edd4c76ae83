#!/bin/sh
# test_compare.sh MAKE COMPARE: ./chapter5 --dump and the program behind make compare. A
# planted bug must be found at the tensor that it spoils first, with its equation. Run in
# the repository's root, where chapter 5 is built.
set -u
LC_ALL=C
export LC_ALL
make=$1
compare=$2
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0
ok() { # ok WHAT STATUS
    if [ "$2" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL  $1"; fi
}
compared() { # compared STATUS FILE FILE [TOLERANCE]: its output is in $scratch/out
    wanted=$1
    shift
    "$compare" "$@" >"$scratch/out" 2>&1
    [ $? -eq "$wanted" ]
}
says() { grep -qF -e "$1" "$scratch/out"; }

./chapter5 --dump "$scratch/right" >/dev/null
ok "a dump is written" $?
./chapter5 --dump "$scratch/again" >/dev/null
cmp -s "$scratch/right" "$scratch/again"
ok "two dumps are the same, to the bit" $?
compared 0 "$scratch/right" "$scratch/again" && says ' 0 differ' && ! says 'in one file only'
ok "and agree" $?

# Planted bugs: chapter 5 is built with one file of its own (as make mine does).
work=build/compare
rm -rf "$work"
mkdir -p "$work/chapter5"
spoiled_by() { # spoiled_by MUTANT TENSOR EQUATION [WORDS]
    patch=$(echo tests/mutants/"$1"_*.patch)
    file=$(sed -n 's/^--- a\///p' "$patch")
    copy=$work/chapter5/$(basename "$file")
    cp "$file" "$copy" && patch -s "$copy" "$patch" &&
        "$make" --no-print-directory -s NVCC= FETCH=no WORK="$work" N=5 "$work/chapter5/chapter5" \
            >"$scratch/build" 2>&1 && "$work/chapter5/chapter5" --dump "$scratch/wrong" >/dev/null
    ok "$1 is built" $?
    rm -f "$copy"
    compared 1 "$scratch/wrong" "$scratch/right" && says "differs: $2" && says "made by: $3" && says "${4:-}"
    ok "$1 is found at $2: $(head -n 2 "$scratch/out" | tr '\n' ' ')" $?
}
spoiled_by 01 blocks.0.attn.A '[ViT eq.6]'
spoiled_by 22 blocks.0.x1 '[ViT eq.2] LN(z)' 'agrees, up to z_0'
spoiled_by 26 blocks.0.z_prime "[ViT eq.2] z' =" 'agrees, up to blocks.0.attn.concat'
spoiled_by 36 patches '[ViT 3.1]'
spoiled_by 39 loss '[AIAYN 5.4]'
spoiled_by 02 d.blocks.1.attn.qkv.weight 'dqkv^T x1'

# Files that another program might write: a tensor "y" (rows, cols) of floats.
safetensors() { # safetensors FILE NAME SHAPE BYTES NUMBERS: numbers as printf's octal
    header="{\"$2\":{\"dtype\":\"F32\",\"shape\":[$3],\"data_offsets\":[0,$4]}}"
    { printf "\\$(printf %o ${#header})\0\0\0\0\0\0\0"; printf %s "$header"; printf "$5"; } >"$1"
}
one='\0\0\200\77'
two='\0\0\0\100'
nan='\0\0\300\177'
safetensors "$scratch/a" y 1,2 8 "$one$two"
safetensors "$scratch/b" y 2,1 8 "$one$two"
compared 1 "$scratch/a" "$scratch/b" && says 'mine (1,2), theirs (2,1)' && says 'the transpose of theirs'
ok "a transposed tensor is called so" $?
safetensors "$scratch/b" y 1,2 8 "$two\0\0\200\100"
compared 1 "$scratch/a" "$scratch/b" && says 'mine is theirs times 0.5' && says '[ViT eq.4]'
ok "a constant factor is named" $?
safetensors "$scratch/b" y 1,2 8 "$one\1\0\0\100"
compared 0 "$scratch/a" "$scratch/b"
ok "a difference of rounding agrees" $?
compared 1 "$scratch/a" "$scratch/b" 1e-9
ok "and not with a smaller tolerance" $?
safetensors "$scratch/b" y 1,2 8 "$one$nan"
compared 2 "$scratch/a" "$scratch/b" && says 'y'
ok "a NaN agrees with nothing" $?
safetensors "$scratch/b" z 1,2 8 "$one$two"
compared 1 "$scratch/a" "$scratch/b" && says 'no tensor has the same name in both'
ok "files without a common name don't agree" $?
compared 2 "$scratch/a" "$scratch/nowhere" && says 'No such file'
ok "a file that isn't there: one line" $?
echo nothing >"$scratch/b"
compared 2 "$scratch/a" "$scratch/b" && [ "$(wc -l <"$scratch/out")" -eq 1 ]
ok "a file of something else: one line" $?
compared 2 "$scratch/a" "$scratch/a" zero && says usage
ok "a tolerance that is no number: usage" $?
compared 2 "$scratch/a"
ok "one file: usage" $?
compared 2 "$scratch/a" '' && says usage
ok "make compare without B: usage" $?
./chapter5 --dump "$scratch/no/such/folder" >/dev/null 2>"$scratch/out"
[ $? -eq 1 ] && [ "$(wc -l <"$scratch/out")" -eq 1 ]
ok "a dump that can't be written: one line, status 1" $?
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
