#!/bin/sh
# test_compare.sh: --dump of chapters 2 to 6, and the program behind make
# compare. A planted bug must be found at the tensor that it spoils first, with its
# equation. Run in the repository's root, where the chapters are built.
set -u
# shellcheck source=tests/words.sh
. tests/words.sh
compared() { # compared STATUS FILE FILE [TOLERANCE]: its output is in $scratch/out
    wanted=$1
    shift
    "$compare" "$@" >"$scratch/out" 2>&1
    [ $? -eq "$wanted" ]
}
says() { grep -qF -e "$1" "$scratch/out"; }

# Every chapter that has a dump: whole, the same each time, in double beside float.
for n in 2 3 4 5; do
    "./chapter$n" --dump "$scratch/right$n" >/dev/null
    ok "chapter $n: a dump is written" $?
    "./chapter$n" --dump "$scratch/again" >/dev/null
    cmp -s "$scratch/right$n" "$scratch/again"
    ok "chapter $n: two dumps are the same, to the bit" $?
    "./chapter$n" --dump "$scratch/double$n" --double >/dev/null
    ok "chapter $n: a dump in double is written" $?
    compared 0 "$scratch/right$n" "$scratch/double$n" && says ' 0 differ (tolerance 1.0e-05)' &&
        ! says 'in one file only' && ! says '^0 tensors'
    ok "chapter $n: float and double agree, at float's tolerance" $?
    compared 0 "$scratch/double$n" "$scratch/double$n" && says '(tolerance 1.0e-12)'
    ok "chapter $n: double beside double is held to 1e-12" $?
    compared 1 "$scratch/right$n" "$scratch/double$n" 1e-12
    ok "chapter $n: float isn't double" $?
    "./chapter$n" --dump "$scratch/no/such/folder" >/dev/null 2>"$scratch/out"
    [ $? -eq 1 ] && [ "$(wc -l <"$scratch/out")" -eq 1 ]
    ok "chapter $n: a dump that can't be written: one line, status 1" $?
done
tensors() { # in the order in which the file has them
    head -c 65536 "$1" | tr -d '\000' | grep -aoE '"[^"]*":\{"dtype"' | cut -d'"' -f2 | tr '\n' ' '
}
[ "$(tensors "$scratch/right2" | cut -d' ' -f1-12)" = "Q K V A O dO dV dA dS dQ dK causal.allowed" ]
ok "chapter 2's dump is in the order of computation" $?

# Chapter 6: the kernels, beside chapter 5.
./chapter6 --emulate --dump "$scratch/right6" >/dev/null
ok "chapter 6: a dump is written" $?
compared 0 "$scratch/right6" "$scratch/right5" && says ' 0 differ' && ! says 'in one file only'
ok "the kernels agree with chapter 5 in every tensor" $?
./chapter6 --emulate --attention fused --matmul shared --dump "$scratch/fused" >/dev/null
compared 0 "$scratch/fused" "$scratch/right5" && says ' 0 differ, 2 are in one file only'
ok "other kernels too; the fused attention has no A" $?
./chapter6 --emulate --dump "$scratch/no" --double >/dev/null 2>"$scratch/out"
[ $? -eq 2 ] && says 'kernels compute in float' && [ ! -e "$scratch/no" ]
ok "chapter 6 in double: refused" $?
./chapter6 --emulate --dump "$scratch/no/such/folder" >/dev/null 2>"$scratch/out"
[ $? -eq 1 ] && [ "$(wc -l <"$scratch/out")" -eq 1 ]
ok "chapter 6: a dump that can't be written: one line, status 1" $?

# Planted bugs: the chapter is built with one file of its own (as make mine does).
work=build/compare
rm -rf "$work"
spoiled_by() { # spoiled_by CHAPTER MUTANT TENSOR EQUATION [WORDS]
    patch=$(echo tests/mutants/"$2"_*.patch)
    file=$(sed -n 's/^--- a\///p' "$patch")
    folder=$work/chapter$1
    mkdir -p "$folder"
    copy=$folder/$(basename "$file")
    cp "$file" "$copy" && patch -s "$copy" "$patch" &&
        "$make" --no-print-directory -s NVCC= FETCH=no WORK="$work" "N=$1" "$folder/my_chapter$1" \
            >"$scratch/build" 2>&1 && "$folder/my_chapter$1" --dump "$scratch/wrong" >/dev/null
    ok "chapter $1 with $2 is built" $?
    rm -f "$copy"
    compared 1 "$scratch/wrong" "$scratch/right$1" && says "differs: $3" && says "made by: $4" && says "${5:-}"
    ok "chapter $1: $2 is found at $3: $(head -n 2 "$scratch/out" | tr '\n' ' ')" $?
}
spoiled_by 2 01 A '[AIAYN eq.1] A = softmax(S) over the keys, S = Q K^T / sqrt(d_k)' 'agrees, up to V'
spoiled_by 2 03 causal.A '[AIAYN eq.1] A = softmax(S), S = Q K^T / sqrt(d_k) + mask'
spoiled_by 2 02 dQ 'dQ = dS K / sqrt(d_k)' 'agrees, up to dS'
spoiled_by 2 103 A '[AIAYN eq.1] A = softmax(S) over the keys' 'agrees, up to V'
spoiled_by 3 20 attn.A '[ViT eq.6]'
spoiled_by 3 21 Y '[ViT eq.8]'
spoiled_by 4 29 blocks.0.x2 "[ViT eq.3] LN(z')"
spoiled_by 4 10 d.blocks.0.mlp.pre "dpre = dy W_2 o GELU'(pre)" 'agrees, up to d.blocks.0.y'
spoiled_by 4 24 d.blocks.0.attn.concat "[ViT eq.3] dconcat = dz' W_O" 'agrees, up to d.blocks.0.mlp.pre'
spoiled_by 5 22 blocks.0.x1 '[ViT eq.2] LN(z)' 'agrees, up to z_0'
spoiled_by 5 26 blocks.0.z_prime "[ViT eq.2] z' =" 'agrees, up to blocks.0.attn.concat'
spoiled_by 5 36 patches '[ViT 3.1]'
spoiled_by 5 39 loss '[AIAYN 5.4]'
spoiled_by 5 02 d.blocks.1.attn.qkv.weight 'dW_qkv = dqkv^T x'
spoiled_by 6 74 blocks.0.x1 '[ViT eq.2] LN(z)' 'agrees, up to z_0'
spoiled_by 6 75 loss '[AIAYN 5.4]' 'agrees, up to logits'

# The page shows the last one of these.
spoiled_by 5 01 blocks.0.attn.A '[ViT eq.6]'
awk -v mark="<!-- compare output: $patch -->" -f tests/fenced.awk notes/study_groups.md >"$scratch/said"
awk -v page=notes/study_groups.md -v command="make compare" -f tests/same_output.awk \
    "$scratch/out" "$scratch/said"
ok "notes/study_groups.md shows what make compare prints" $?

# Files that another program might write: a tensor "y" (rows, cols) of floats.
type=F32
course=
safetensors() { # safetensors FILE NAME SHAPE BYTES NUMBERS: numbers as printf's octal
    header="{$course\"$2\":{\"dtype\":\"$type\",\"shape\":[$3],\"data_offsets\":[0,$4]}}"
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
compared 1 "$scratch/a" "$scratch/b" && says 'mine is theirs times 0.5' &&
    says 'neither file is a dump of the course'
ok "a constant factor is named" $?
course='"__metadata__":{"format":"vit-course dump 2","y":"[ViT eq.4] y = LN(z); read notes/04"},'
safetensors "$scratch/b" y 1,2 8 "$two\0\0\200\100"
course=
compared 1 "$scratch/a" "$scratch/b" && says '  made by: [ViT eq.4] y = LN(z)' && says '  read: notes/04'
ok "the course's dump knows the equation" $?
compared 1 "$scratch/b" "$scratch/a" && says '  made by: [ViT eq.4] y = LN(z)'
ok "on either side" $?
safetensors "$scratch/scalar" y '' 4 "$one"
compared 0 "$scratch/scalar" "$scratch/scalar"
ok "a scalar agrees with itself" $?
safetensors "$scratch/tiny" y '' 4 '\0\0\1\0'
safetensors "$scratch/none" y '' 4 '\0\0\0\0'
compared 1 "$scratch/tiny" "$scratch/none" && says 'mine 9.18'
ok "a denormal isn't 0" $?
compared 1 "$scratch/none" "$scratch/tiny" && says 'off by 1.00e+00'
ok "on either side" $?
type=I32
safetensors "$scratch/b" y 1 4 "$one"
type=F32
compared 2 "$scratch/a" "$scratch/b" && says 'tensor y is of type I32: only F32'
ok "another type is named" $?
safetensors "$scratch/b" y 1,2 8 "$one\1\0\0\100"
compared 0 "$scratch/a" "$scratch/b"
ok "a difference of rounding agrees" $?
compared 1 "$scratch/a" "$scratch/b" 1e-9
ok "and not with a smaller tolerance" $?
type=F64
safetensors "$scratch/d" y 1,2 16 '\0\0\0\0\0\0\360\77\0\0\0\0\0\0\0\100'
safetensors "$scratch/e" y 1,2 16 '\0\0\100\0\0\0\360\77\0\0\0\0\0\0\0\100'
type=F32
compared 1 "$scratch/d" "$scratch/e" && says '4.66e-10 of the largest'
ok "in double a difference of 5e-10 is one" $?
compared 0 "$scratch/d" "$scratch/a" && compared 0 "$scratch/a" "$scratch/e"
ok "beside a float it is none" $?
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
compared 0 "$scratch/a" "$scratch/a" && says 'note: both are one and the same file'
ok "a file compared with itself has a note" $?
compared 2 "$scratch/a" '' && says usage
ok "make compare without B: usage" $?
verdict
