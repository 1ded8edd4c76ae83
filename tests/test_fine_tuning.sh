#!/bin/sh
# test_fine_tuning.sh: a checkpoint trained on, at another resolution, by chapter 7; SGD and
# frozen blocks on the command line of chapters 5 and 6. Run from the repository's root; the
# bundled sample is enough.
# shellcheck disable=SC2086 # lists of options are to be split
set -u
OMP_NUM_THREADS=2
export OMP_NUM_THREADS
# shellcheck source=tests/words.sh
. tests/words.sh
small="--dim 16 --depth 2 --heads 2 --mlp 32 --patch 7 --epochs 1"
files="--data data/sample --log $scratch/log.csv"
old=$scratch/old.safetensors
new=$scratch/new.safetensors

# ---- words for tests ---------------------------------------------------------

run() { # run PROGRAM OPTIONS...
    program=$1
    shift
    "./$program" "$@" >"$out" 2>"$err"
    status=$?
}
exited() {
    [ "$status" -eq "$1" ] || { echo "      exit status $status, want $1"; return 1; }
}
says() {
    grep -Eq -e "$1" "$out" || { echo "      nothing says $1"; return 1; }
}
refused() { # refused STATUS PATTERN PROGRAM OPTIONS...: in one line, and nothing is made
    want=$1
    pattern=$2
    shift 2
    before=$(ls "$scratch")
    run "$@" --save "$scratch/no.safetensors"
    check "refused ($pattern): $*" one_line
}
one_line() {
    exited "$want" && [ "$(grep -c '' "$err")" -eq 1 ] &&
        grep -Eq -e "^$program: .*($pattern)" "$err" && [ "$(ls "$scratch")" = "$before" ]
}
one_line_of() { # one_line_of STATUS PATTERN: so the last program was refused
    want=$1
    pattern=$2
    before=$(ls "$scratch")
    one_line
}
accuracy() {
    awk '/^test accuracy: / { print $3 }' "$out"
}
equal() {
    [ "$1" = "$2" ] && [ -n "$1" ] || { echo "      $1 and $2"; return 1; }
}

# cut_short OPTIONS SIZE: a fine-tuning, whole; and again, stopped by a signal, with chapter 5
# going on as it is told to.
cut_short() {
    run chapter7 $1 --save "$scratch/whole.safetensors"
    : >"$out" # of the run before, which had epochs
    ./chapter7 $1 --save "$scratch/cut.safetensors" >"$out" 2>"$err" &
    running=$!
    while kill -0 $running && ! grep -q '^epoch' "$out"; do :; done 2>"$err"
    kill -TERM $running # Ctrl-C isn't heard in the background
    wait $running
    status=$?
    running=
    check "a signal stops it" exited 143
    check "chapter 5 can go on" \
        says "^ +./chapter5 --resume .*/cut.safetensors .*--size $2x$2 --log"
    run $(sed -n 's|^ *./\(chapter5 --resume.*\)|\1|p' "$out")
    check "and goes on" exited 0
    check "to the same bytes" cmp "$scratch/whole.safetensors" "$scratch/cut.safetensors"
}

# ---- a checkpoint trained on ---------------------------------------------------

group "fine-tuning at another resolution"
run chapter5 $files $small --save "$old"
check "a model for 28x28" exited 0
sum=$(cksum <"$old")
tune="chapter7 $files --batch 64 --size 56 --steps 6 --threads 2 --fine-tune $old"
run $tune --freeze 1 --save "$new"
check "it goes on at 56x56" exited 0
check "it says where it begins" says "^begins with: $old, after 31 steps on images of 28x28"
check "positions are interpolated" says '^positions: .* 4x4 .* interpolated \(bicubic\) to 8x8'
check "images are enlarged" says '^data: .* images of 56x56'
check "there are four times the patches" says '^model: patch 7, 65 tokens'
check "by SGD" says '^ *SGD with momentum 0\.9'
check "a block is frozen" says '^ *frozen: the embedding and 1 of 2 blocks'
check "so many steps" says '^training: 6 steps of 64 images, lr 0\.03'
check "the checkpoint is as it was" equal "$(cksum <"$old")" "$sum"
reached=$(accuracy)
run chapter5 --data data/sample --size 56 --eval "$new"
check "chapter 5 evaluates it" exited 0
check "and finds the run's accuracy" equal "$(accuracy)" "$reached"
run chapter5 $files --size 56 --resume "$new"
check "all its steps are done" says 'step 6 of 6 behind it: nothing is left to train'
run $tune --freeze 1 --save "$scratch/again.safetensors"
check "the same words make the same bytes" cmp "$new" "$scratch/again.safetensors"
for kind in bilinear corners; do
    run $tune --interpolate $kind --save "$scratch/$kind.safetensors"
    check "interpolated: $kind" says "interpolated \($kind\)"
done
cut_short "$files --batch 64 --size 56 --steps 500 --fine-tune $old --freeze 1" 56
run $tune --optimiser adamw --save "$scratch/adamw.safetensors"
check "by AdamW if asked" exited 0
run chapter7 $files --batch 64 --steps 2 --fine-tune "$old" --save "$scratch/same.safetensors"
check "without --size images have the model's" says '^data: .* images of 28x28'

# ---- weights of others -------------------------------------------------------------

# features FILE WEIGHTS OPTIONS...: y of a photo
features() {
    to=$1
    of=$2
    shift 2
    ./chapter7 --weights "$of" "$@" --features "$to" --out "$scratch" \
        tests/reference/pictures/colour_420.jpg >"$out" 2>"$err"
}
# begins FILE OPTIONS...: a fine-tuning of these weights whose rate changes no bit of them
# begins with their features, and with the loss ln 10. The recipe is a whole picture's.
begins() {
    of=$1
    shift
    run chapter7 $files --threads 2 --batch 64 --steps 2 --lr 1e-30 --fine-tune "$of" "$@" \
        --save "$begun"
    check "fine-tuning goes on from $of" exited 0
    check "its pixels are the recipe's" \
        says '^pixels: mean 0\.48 .* recipe hf .*preprocessor_config'
    check "grey is repeated" says '^ *they are in grey: the model, which is for colour'
    check "the first loss is ln 10" grep -q '^1,1,2\.30258' "$scratch/log.csv"
    features "$scratch/theirs.npy" "$of" "$@"
    check "its recipe is that of the pictures" says '^recipe: hf '
    features "$scratch/ours.npy" "$begun"
    check "the checkpoint has its features" cmp "$scratch/theirs.npy" "$scratch/ours.npy"
}
percent() { # percent K: the K-th probability, of either program, in percent
    sed -nE 's/^ *([0-9.]+)%  .*/\1/p; s/^  ([01]\.[0-9]{4}) +[0-9]+  .*/\1/p' "$out" |
        awk -v k="$1" 'NR == k { printf "%.1f\n", /\.[0-9][0-9][0-9][0-9]$/ ? 100 * $1 : $1 }'
}

group "weights of others"
weights=tests/reference/weights
begun=$scratch/begun.safetensors
for model in timm_class/model.safetensors transformers_vit/model.safetensors \
    transformers_vit_later_names/model.safetensors torchvision/model.safetensors \
    authors/model.npz big_vision_mean/model.npz; do
    rm -rf "$scratch/model"
    cp -R "$weights/${model%/*}" "$scratch/model" && chmod -R u+w "$scratch/model"
    cat >"$scratch/model/preprocessor_config.json" <<'END'
{"image_processor_type": "ViTImageProcessor", "size": {"height": 12, "width": 12},
 "resample": 3, "image_mean": [0.48, 0.4, 0.37], "image_std": [0.2, 0.3, 0.25]}
END
    case $model in
    torchvision/*) begins "$scratch/model/${model#*/}" --heads 3 ;;
    *) begins "$scratch/model/${model#*/}" ;;
    esac
done
mv "$begun" "$scratch/model/tuned.safetensors"
echo '{"size": {"height": 12, "width": 12}, "image_mean": 0.1, "image_std": 0.9}' \
    >"$scratch/model/preprocessor_config.json"
features "$scratch/beside.npy" "$scratch/model/tuned.safetensors"
check "beside another recipe a checkpoint keeps its own, and says so" \
    says "^recipe: square \(the file's metadata, .* preprocessor_config.json .* isn't used\)"
check "with the pixels that it was trained with" \
    says ': squashed to 12x12, bicubic; mean 0\.48 0\.4 0\.37, deviation 0\.2 0\.3 0\.25$'
check "and its features" cmp "$scratch/ours.npy" "$scratch/beside.npy"
run chapter7 --weights "$scratch/model/tuned.safetensors" --export "$scratch/model/out.safetensors"
run chapter7 --weights "$scratch/model/out.safetensors" --describe
check "so does what is exported of it" says "^recipe: .*its own.* mean 0\.48 0\.4 0\.37"
run chapter7 --weights "$scratch/model/${model#*/}" --describe
check "weights of others have what is beside them" says '^recipe: hf .*: .* mean 0\.1, deviation 0\.9'
run chapter7 --weights "$scratch/model/tuned.safetensors" --recipe deit --describe
check "--recipe overrules all" says '^recipe: deit \(--recipe\)'
theirs=$weights/transformers_vit/model.safetensors
tuned="$files --threads 2 --fine-tune $theirs --lr 0.1 --batch 50"
cut_short "$tuned --steps 2000" 12
check "its epsilon is kept" says '^ *epsilon of the norms 0\.001'
check "and what became of it" says '^test accuracy: 0\.[3-9]'
reached=$(accuracy)
run chapter5 --data data/sample --size 12 --eval "$scratch/cut.safetensors"
check "chapter 5 finds the run's accuracy" equal "$(accuracy)" "$reached"
run chapter5 --eval "$scratch/cut.safetensors" --image tests/reference/pictures/grey.jpg
check "chapter 5 looks at a photo" exited 0
first=$(percent 1) second=$(percent 2)
run chapter7 --weights "$scratch/cut.safetensors" --out "$scratch" tests/reference/pictures/grey.jpg
check "chapter 7 sees the same in it" equal "$(percent 1) $(percent 2)" "$first $second"
run chapter7 $files --threads 2 --batch 64 --steps 3 --fine-tune "$scratch/cut.safetensors" \
    --save "$begun"
check "the checkpoint goes on, too" says '^begins with: .*cut.safetensors, after 2000 steps'
check "with its epsilon" says '^ *epsilon of the norms 0\.001'
mkdir "$scratch/pets" "$scratch/pets/cat" "$scratch/pets/dog"
for i in 1 2 3 4 5 6; do
    cp tests/reference/pictures/rgb.jpg "$scratch/pets/cat/$i.jpg"
    cp tests/reference/pictures/colour_420.jpg "$scratch/pets/dog/$i.jpg"
done
run chapter7 --fine-tune "$theirs" --data "$scratch/pets" --log "$scratch/log.csv" --save "$begun"
check "a few pictures of one's own" \
    says '^data: .*pets: 10 training and 2 test images of 12x12 in colour'
check "are one batch" says '^training: 12 epochs of 1 step.* of 10 images'
run chapter7 $files --fine-tune "$weights/authors/model.npz" --recipe deit --steps 2 --save "$begun"
check "--recipe is heard" says '^pixels: mean 0\.485 .* recipe deit has them \(--recipe\)'
check "a hidden layer is left out" says '^left out: .*pre_logits'

group "weights that can't be fine-tuned"
refused 1 'a distilled model.*dist_token' \
    chapter7 $files --fine-tune $weights/timm_distilled/model.safetensors
refused 1 'fc_norm' chapter7 $files --fine-tune $weights/timm_fc_norm/model.safetensors
refused 1 'cls_token' \
    chapter7 $files --fine-tune $weights/timm_mean_beside_class/model.safetensors
refused 1 'give --heads' chapter7 $files --fine-tune $weights/torchvision/model.safetensors
refused 1 'of 3 heads, not of 4' chapter7 $files --fine-tune $theirs --heads 4
refused 2 '--heads can.t be "x"' chapter7 $files --fine-tune $theirs --heads x
refused 2 'no recipe "photo"' chapter7 $files --fine-tune $theirs --recipe photo
run chapter6 --emulate --data data/sample --size 12 --eval "$scratch/cut.safetensors"
check "chapter 6's kernels have one epsilon" \
    one_line_of 1 'epsilon 0.001: chapter 6.s have 1e-06'
huge="--fine-tune $theirs --size 1200 --data $scratch/pets --log $scratch/log.csv"
run chapter7 $huge --threads 1000 --save "$scratch/no.safetensors"
check "too much memory is refused, with what would fit" one_line_of 1 \
    'takes .* GB .* --batch 10 and --threads 1000, .*(--batch [0-9]+ .* would fit|even --batch 1)'

group "what can't be"
refused 1 'model for images of 56x56' chapter5 $files --resume "$new"
refused 1 'there: No such file' chapter7 $files --fine-tune "$scratch/there"
refused 1 'neither a safetensors file nor a .npz' \
    chapter7 $files --fine-tune data/sample/classes.txt
refused 2 '--fine-tune needs a value' chapter7 --fine-tune
refused 2 "doesn't divide the image of 50x50" chapter7 $files --fine-tune "$old" --size 50
refused 2 '--interpolate needs a value' chapter7 --fine-tune "$old" --interpolate
refused 2 '--size can.t be "0"' chapter7 --fine-tune "$old" --size 0
refused 2 'corners, not "cubic"' chapter7 --fine-tune "$old" --interpolate cubic
refused 2 'has no use for --depth' chapter7 $files --fine-tune "$old" --depth 2
refused 2 'no use for --weight-decay' chapter7 $files --fine-tune "$old" --weight-decay 0
refused 2 '3 blocks can.t be frozen: the model has 2' \
    chapter7 $files --fine-tune "$old" --freeze 3 --batch 64
refused 2 'one or the other' chapter7 --fine-tune "$old" --steps 3 --epochs 3
refused 2 'another task: one or the other' chapter7 --fine-tune "$old" --resume "$new"
run $tune --save "$old"
check "its own beginning isn't written over" equal "$status $(cksum <"$old")" "2 $sum"

# ---- SGD elsewhere ---------------------------------------------------------------

group "SGD in chapters 5 and 6"
run chapter5 $files $small --optimiser sgd --lr 0.03 --momentum 0.8 --save "$new"
check "chapter 5 trains by SGD" exited 0
check "with this momentum" says '^ *SGD with momentum 0\.8'
refused 2 'moments of another --optimiser' \
    chapter5 $files --resume "$new" --optimiser adamw --epochs 2
refused 2 '--optimiser adamw has no use for --momentum' chapter5 $files --momentum 0.5
refused 2 '--optimiser sgd has no use for --beta2' \
    chapter5 $files --optimiser sgd --beta2 0.9
refused 2 '--optimiser sgd: chapter 6 has no kernel' chapter6 --emulate --optimiser sgd
refused 2 '--freeze: chapter 6 has no kernel' chapter6 --emulate --freeze 1
refused 1 '--optimiser sgd: chapter 6 has no kernel' \
    chapter6 --emulate $files --resume "$new" --epochs 2
verdict
