#!/bin/sh
# test_chapter7.sh: chapter 7 as its users meet it: the lesson's checks, what it sees
# compared with Python's frameworks, drawings, features, and what is wrong. Run in the
# repository's root, where the chapters are built.
set -u
OMP_NUM_THREADS=2
export OMP_NUM_THREADS
# shellcheck source=tests/words.sh
. tests/words.sh

weights=$root/tests/reference/weights
pictures=$root/tests/reference/pictures
photo=$pictures/colour_420.jpg

# chapter7 OPTIONS...: the program, in the scratch folder, and what it says.
chapter7() {
    (cd "$scratch" && exec "$root/chapter7" "$@") >"$out" 2>"$err"
    status=$?
}
exited() {
    [ "$status" -eq "$1" ] || { echo "      exit status $status, want $1"; return 1; }
}
says() { # says PATTERN: on stdout
    grep -Eq -e "$1" "$out" || { echo "      nothing says $1"; return 1; }
}
not_there() {
    [ ! -e "$1" ]
}
# one_line STATUS PATTERN: an error, in one line on stderr that begins with the program.
one_line() {
    exited "$1" && [ "$(grep -c '' "$err")" -eq 1 ] &&
        grep -Eq '^chapter7: .' "$err" && grep -Eq -e "$2" "$err"
}
refuses() { # refuses STATUS PATTERN OPTIONS...
    wanted=$1
    pattern=$2
    shift 2
    chapter7 "$@"
    check "exit status $wanted, one line ($pattern)" one_line "$wanted" "$pattern"
}
# is_png FILE WIDTH HEIGHT: by its first bytes, the size in the header
is_png() {
    set -- "$1" "$(printf '89504e470d0a1a0a0000000d49484452%08x%08x' "$2" "$3")"
    [ "$(od -An -v -tx1 -N24 "$1" | tr -d ' \n')" = "$2" ]
}

group 'the lesson'
chapter7
check 'it exits with 0' exited 0
check 'nothing failed' [ "$(grep -c '^FAIL' "$out")" -eq 0 ]
check 'its checks hold' [ "$(grep -c '^PASS' "$out")" -ge 15 ]
check 'the last line says so' [ "$(tail -n 1 "$out")" = 'chapter7: PASS: every check holds' ]
check 'four dialects are read' [ "$(grep -c 'in the names of' "$out")" -eq 4 ]
check 'nothing is on stderr' [ ! -s "$err" ]
"$root/chapter7_double" >"$scratch/double" 2>"$err"
check 'in double, too' [ "$(tail -n 1 "$scratch/double")" = 'chapter7: PASS: every check holds' ]

group 'what others see in the same pictures'
# as_seen FILE: the classes that the program printed for a picture, of whose line this is
# the rest: class and probability again and again.
as_seen() {
    awk -v want="$1" '
        BEGIN { n = split(want, w, " ") / 2 }
        /^  [01]\.[0-9]+ +[0-9]+  / {
            k++
            d = $1 - w[2 * k]
            if ($2 != w[2 * k - 1] || d > 0.00011 || d < -0.00011) bad = 1
        }
        END { exit bad || k != n }' "$out"
}
seen=0
while read -r model recipe picture classes; do
    case $model in '#') continue ;; esac
    chapter7 --weights "$weights/$model/model.safetensors" --heads 3 --recipe "$recipe" \
        --out "$scratch" "$pictures/$picture"
    check "$model sees in $picture what its framework does" as_seen "$classes"
    seen=$((seen + 1))
done <"$root/tests/reference/seen.txt"
check 'eight were compared' [ "$seen" -eq 8 ]

group 'a model of chapter 5'
mkdir -p "$scratch/own/data"
ln -s "$root/data/sample" "$scratch/own/data/sample"
(cd "$scratch/own" && "$root/chapter5" --data data/sample --dim 16 --depth 2 --heads 2 --mlp 32 \
    --patch 4 --epochs 1) >"$scratch/trained" 2>&1
(cd "$scratch/own" && "$root/chapter7") >"$out" 2>"$err"
status=$?
check 'the lesson looks at one of its pictures with it' exited 0
check 'which says that it does' says '^PASS  it looks at chapter7\.png$'
check 'pixels are normalised as in its training' says "^recipe: square \\(the file's metadata\\)"
check 'classes have the names of the data' says '^  [01]\.[0-9]{4} +[0-9]  [A-Z]'
check 'the picture is there' is_png "$scratch/own/chapter7.png" 28 28
check 'and its drawing' is_png "$scratch/own/chapter7.attention.png" 224 224

small=$weights/timm_class/model.safetensors
group 'drawings'
cp "$photo" "$scratch/cat.jpg"
cp "$pictures/colour_8.png" "$scratch/dog.png"
chapter7 --weights "$small" cat.jpg dog.png
check 'two pictures' exited 0
check 'the first is drawn beside it' is_png "$scratch/cat.attention.png" 228 228
check 'and the second' is_png "$scratch/dog.attention.png" 228 228
check 'its name is said' says 'attention rollout: cat\.attention\.png$'
check 'pictures are as they were' cmp -s "$photo" "$scratch/cat.jpg"
mkdir "$scratch/drawn"
chapter7 --weights "$small" --out drawn --layer 2 cat.jpg
check 'a block, in another folder' is_png "$scratch/drawn/cat.layer2.png" 228 228
chapter7 --weights "$small" --out drawn --layer 2 --head 3 cat.jpg
check 'a head' is_png "$scratch/drawn/cat.layer2.head3.png" 228 228
check 'is drawn otherwise' [ "$(cksum <"$scratch/drawn/cat.layer2.png")" != \
    "$(cksum <"$scratch/drawn/cat.layer2.head3.png")" ]
chapter7 --weights "$small" cat.jpg cat.attention.png
check 'a drawing is a picture, which is not drawn over' one_line 1 'cat.jpg would be drawn over'
check 'and looked at all the same' says 'cat\.attention\.attention\.png$'
check 'how many failed is said' says '^1 of 2 pictures were not looked at$'
refuses 1 'no/such|such' --weights "$small" --out no/such cat.jpg

group 'features'
chapter7 --weights "$small" --features y.npy cat.jpg dog.png cat.jpg
check 'of three pictures' says '^features: y\.npy, 3x12$'
check 'are 3 x 12 floats' [ "$(wc -c <"$scratch/y.npy")" -eq $((128 + 3 * 12 * 4)) ]
check 'in a NumPy file' grep -aq "'descr': '<f4', 'fortran_order': False, 'shape': (3, 12)" \
    "$scratch/y.npy"
row() { tail -c +$((129 + $1 * 48)) "$scratch/y.npy" | head -c 48 | cksum; }
check 'the same picture has the same' [ "$(row 0)" = "$(row 2)" ]
check 'another has others' [ "$(row 0)" != "$(row 1)" ]
rm "$scratch/y.npy"
echo 'no picture' >"$scratch/text.jpg"
chapter7 --weights "$small" --features y.npy cat.jpg text.jpg
check 'a picture that fails is an error' exited 1
check 'and there are no features' not_there "$scratch/y.npy"
check 'the other was looked at' says 'cat\.attention\.png$'

group 'about the model'
chapter7 --weights "$small" --describe
check 'it is described' says '9 patches of 4x4, 2 blocks; D 12, 3 heads, MLP 20'
check 'with what a picture costs' says '^a picture: 0\.00 GFLOP, 0\.[0-9] MB of activations$'
check 'with the recipe, and who says so' says '^recipe: timm \(config\.json\): shorter side to 13'
chapter7 --weights "$weights/transformers_vit/model.safetensors" --describe
check 'epsilon comes from config.json' says 'epsilon 0\.001'
check 'a recipe that nothing says is assumed' says '^recipe: hf-vit \(assumed'
chapter7 --weights "$weights/transformers_vit_no_head/model.safetensors" --out . cat.jpg
check 'without a head there are no classes' exited 0
check 'but a drawing' says 'it has no head'
mkdir "$scratch/named"
cp "$weights/transformers_vit/"* "$scratch/named"
printf '{"image_processor_type": "ViTImageProcessor", "size": {"height": 12, "width": 12},
"resample": 3, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.5, 0.5]}' \
    >"$scratch/named/preprocessor_config.json"
printf 'tench\ngoldfish\nshark\nray\ncock\n' >"$scratch/named/labels.txt"
chapter7 --weights named/model.safetensors --top 2 cat.jpg
check 'preprocessor_config.json decides' \
    says '^recipe: hf \(preprocessor_config\.json\): squashed to 12x12, bicubic; mean 0\.5 0\.4 0\.3'
check 'labels.txt names' says '^  0\.[0-9]{4} +[0-4]  (tench|goldfish|shark|ray|cock)$'
check 'two classes as asked' [ "$(grep -c '^  0\.[0-9]* ' "$out")" -eq 2 ]
printf '{"size": 13}' >"$scratch/named/preprocessor_config.json"
refuses 1 'preprocessor_config.json.*13x13.*12x12' --weights named/model.safetensors cat.jpg
printf '{"size": ' >"$scratch/named/preprocessor_config.json"
refuses 1 'preprocessor_config.json, beside' --weights named/model.safetensors cat.jpg
chapter7 --weights named/model.safetensors --recipe vit cat.jpg
check '--recipe needs no such file' exited 0
chapter7 --weights "$weights/torchvision/model.safetensors" --heads 3 --recipe deit \
    --export ours.safetensors
check 'weights are exported' says '^exported: ours\.safetensors$'
chapter7 --weights ours.safetensors --describe
check 'and need no flag' says '^recipe: deit \(the file.s metadata\)'
chapter7 --weights "$small" --time cat.jpg
check 'a time is taken' says '^latency: [0-9.]+ ms, the median of [0-9]+ warm passes on 2 threads'

group 'a score'
mkdir -p "$scratch/photos/tench" "$scratch/photos/1" "$scratch/photos/3"
cp "$pictures/colour_420.jpg" "$scratch/photos/tench"
cp "$pictures/colour_8.png" "$pictures/rgb.jpg" "$scratch/photos/1"
cp "$pictures/progressive.jpg" "$scratch/photos/3"
chapter7 --weights "$small" --labels named/labels.txt --score photos
check 'of four pictures' exited 0
check 'in folders called by labels and by numbers' says '^score: of 4 pictures in 3 classes$'
check 'two are right' says '^  top-1 +50\.00 %  \+- 25\.00  \(2 of 4\)$'
check 'and all among five of five' says '^  top-5 +100\.00 %'
check 'where no terminal is, nothing is written over' [ "$(grep -c "$(printf '\r')" "$out")" -eq 0 ]
chapter7 --weights "$small" --labels named/labels.txt --score photos --top 2
check '--top says how many count' says '^  top-2 +75\.00 %  .*\(3 of 4\)$'
cp "$pictures/cmyk.jpg" "$scratch/photos/3"
echo 'no picture' >"$scratch/photos/3/notes.txt"
chapter7 --weights "$small" --labels named/labels.txt --score photos
check 'what can.t be read is an error' exited 1
check 'but the others count' says '^score: of 4 pictures'
check 'how many were skipped is said' says '^2 files were skipped$'
check 'each is named' [ "$(grep -cE '^chapter7: skipped: photos/3/(cmyk.jpg|notes.txt): ' "$err")" -eq 2 ]
refuses 1 'photos/tench: no class of the model' --weights "$small" --score photos
refuses 1 'photos/1: --score wants a folder with one folder per class' --weights "$small" --score photos/1
refuses 2 'takes no pictures' --weights "$small" --score photos cat.jpg

group 'what is wrong'
cp "$small" "$scratch/w.safetensors"
cp "$scratch/cat.jpg" "$scratch/kept.jpg"
refuses 1 'cat.jpg: can.t be written: it is one of the pictures' \
    --weights "$small" --heads 3 --features ./cat.jpg cat.jpg
check 'the picture is whole' cmp -s "$scratch/cat.jpg" "$scratch/kept.jpg"
refuses 1 'w.safetensors: can.t be written: the weights are read from it' \
    --weights w.safetensors --heads 3 --features w.safetensors cat.jpg
check 'so are the weights' cmp -s "$scratch/w.safetensors" "$small"
refuses 1 'cat.attention.png: can.t be written: it is where a picture is drawn' \
    --weights "$small" --heads 3 --features cat.attention.png cat.jpg
refuses 1 'cat.attention.png: can.t be written: it is where a picture is drawn' \
    --weights "$small" --heads 3 --export ./cat.attention.png cat.jpg
refuses 1 'x: --export and --features can.t both write it' \
    --weights "$small" --heads 3 --export x --features ./x cat.jpg
refuses 1 'nothing says how many heads' --weights "$weights/torchvision/model.safetensors" cat.jpg
refuses 1 'no/such' --weights no/such.safetensors cat.jpg
refuses 1 'text.jpg' --weights "$small" text.jpg
refuses 1 'no.jpg' --weights "$small" no.jpg
refuses 1 'cmyk' --weights "$small" "$pictures/cmyk.jpg"
head -c 700 "$photo" >"$scratch/cut.jpg"
refuses 1 'cut.jpg' --weights "$small" cut.jpg
refuses 1 'text.jpg' --weights text.jpg cat.jpg
refuses 1 '2 channels' --weights "$weights/timm_mean/model.safetensors" cat.jpg
refuses 2 'which picture' --weights "$small"
refuses 2 'unknown option' --wieghts "$small" cat.jpg
refuses 2 'no recipe|there is no recipe' --weights "$small" --recipe x cat.jpg
mkdir -p "$scratch/data/weights"
chapter7 cat.jpg
check 'without weights: status 1' exited 1
check 'and two lines that say what to do' [ "$(grep -c '^chapter7: ' "$err")" -eq 2 ]
cp "$small" "$scratch/data/weights"
chapter7 --heads 3 cat.jpg
check 'the only file in data/weights is taken' says '^weights: data/weights/model\.safetensors'
cp "$small" "$scratch/data/weights/second.safetensors"
refuses 1 'data/weights has 2 files' cat.jpg
chapter7 --help
check 'help exits with 0' exited 0
check 'and says how' says '^usage: ./chapter7'

group "timm loads what is exported"
# export_of NAME OPTIONS...: one model of tests/reference/weights, under timm's names.
export_of() {
    name=$1
    shift
    chapter7 --weights "$(echo "$weights/$name"/model.*)" "$@" --export "$name.safetensors"
    check "$name is exported" exited 0
}
for name in timm_class timm_mean_beside_class transformers_vit transformers_deit big_vision_class; do
    export_of "$name"
done
export_of torchvision --heads 3
(cd "$scratch" && "$root/chapter5" --data "$root/data/sample" --dim 16 --heads 2 \
    --epochs 1 --save run.safetensors) >"$out" 2>"$err"
check 'chapter 5 trains a model' [ $? -eq 0 ]
chapter7 --weights run.safetensors --export weights.safetensors
check 'its weights alone are a third of the checkpoint' [ \
    $(($(wc -c <"$scratch/weights.safetensors") * 2)) -lt "$(wc -c <"$scratch/run.safetensors")" ]
if ! "${PYTHON:-python3}" -c 'import timm, safetensors' 2>"$scratch/none"; then
    echo "NOT RUN: timm isn't there, in ${PYTHON:-python3}"
else
    set -- "$scratch/run.safetensors" "$scratch/weights.safetensors"
    for name in timm_class timm_mean_beside_class transformers_vit transformers_deit big_vision_class \
        torchvision; do
        set -- "$@" "$scratch/$name.safetensors=$weights/$name/results.safetensors"
    done
    "${PYTHON:-python3}" tests/reference/timm_loads.py "$@" >"$out" 2>"$err"
    check 'with strict=True, and computes the same' [ "$(grep -c '^timm' "$out")" -eq 8 ]
fi

verdict
