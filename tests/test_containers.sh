#!/bin/sh
# test_containers.sh: Dockerfile, .dockerignore and job.yaml: what they promise stands in
# them, and the Job's own commands do what its comments say, with the programs built here.
# Needs no Docker, no cluster. Run from the repository's root, where chapters 5 and 6 are.
set -u
# shellcheck source=tests/words.sh
. tests/words.sh
child=
trap '[ -z "$child" ] || kill -9 "$child" 2>/dev/null; rm -rf "$scratch"' EXIT
job=chapters/06_cuda_training/job.yaml

# ---- .dockerignore -----------------------------------------------------------------------

# git's patterns in Docker's words: from the root, and **/ for any folder.
in_docker_words() {
    sed -e '/^#/d' -e '/^$/d' -e 's#/$##' -e '/^!/{' -e 's#^!/#!#' -e b -e '}' \
        -e '/^\//!s#^#**/#' -e 's#^/##' "$1"
}
in_docker_words .gitignore | sort >"$scratch/git"
sed -e '/^#/d' -e '/^\.git$/d' .dockerignore | sort >"$scratch/docker"
cmp -s "$scratch/git" "$scratch/docker"
ok ".dockerignore leaves out what .gitignore does: $(diff "$scratch/git" "$scratch/docker" | tr '\n' ' ')" $?
grep -qx '\.git' .dockerignore
ok ".dockerignore leaves out the history" $?
for name in work build compile_commands.json; do
    grep -qx "$name" .dockerignore
    ok ".dockerignore leaves out $name" $?
done

# ---- Dockerfile ---------------------------------------------------------------------------

stage() { # stage NAME: its lines, continued ones joined
    awk -v name="$1" '
        /^FROM / { inside = $NF == name }
        inside { line = line $0; if (sub(/\\$/, "", line)) next; print line; line = "" }' Dockerfile
}
! grep -n 'sha256:[0-9a-f]' Dockerfile
ok "Dockerfile: bases are tags; the digest is whoever builds it's to read" $?
grep '^FROM' Dockerfile >"$scratch/from"
! grep -qvE '^FROM (\$\{(CPU|CUDA)_BASE\} AS (cpu|cuda)|cpu AS mpi|cuda AS nccl)$' "$scratch/from"
ok "Dockerfile: both bases can be named, and chapter 8's are made from these" $?
for target in cpu cuda; do
    stage $target >"$scratch/stage"
    awk '/^USER / { user = $2 } /^RUN make/ && user == "1001:1001" { built = 1 }
        END { exit !(built && user == "1001:1001") }' "$scratch/stage"
    ok "Dockerfile: $target is built, and runs, as a user by number" $?
    awk '/^COPY / && $NF ~ /^\/home/ && !/--chown=1001:1001 / { bad = 1 } END { exit bad }' "$scratch/stage"
    ok "Dockerfile: $target: the course is that user's" $?
    grep -q 'install -d -o student -g student /home/student/vit /runs$' "$scratch/stage"
    ok "Dockerfile: $target: so is the folder that a volume takes its owner from" $?
    # The list of packages is setup.sh's alone.
    grep -q '^RUN sh /tmp/setup/setup.sh  *&& ' "$scratch/stage" &&
        [ "$(grep -o 'apt-get install .*' "$scratch/stage" | sed 's/ && .*//' | tr ' ' '\n' |
            grep -cE '^[a-z0-9]+(-[a-z0-9]+)*$')" = 3 ]
    ok "Dockerfile: $target installs setup.sh's list, and the data set" $?
    for script in setup.sh $(grep '^\. ' common/scripts/setup.sh | sed 's#.*/##; s#"##'); do
        grep -q "^COPY .*common/scripts/$script .*/tmp/setup/" "$scratch/stage"
        ok "Dockerfile: $target has $script, which it runs" $?
    done
done
same_lines() { # same_lines TARGET: what is the same for both
    stage "$1" | sed -e '/^FROM/d' -e '/^CMD/d' -e '/^#/d' -e '/^$/d'
}
same_lines cpu >"$scratch/cpu"
same_lines cuda | sed 's/ CUDA_ARCH=[^ ]*//' | cmp -s - "$scratch/cpu"
ok "Dockerfile: both are made in the same way, but for the card" $?

# ---- the Job -------------------------------------------------------------------------------

# line PATTERN: a line of it, without its comment.
sed -e 's/  *#.*//' -e '/^#/d' $job >"$scratch/job"
has() { # has WHAT PATTERN
    grep -qE -- "^ *(- )?$2\$" "$scratch/job"
    ok "job.yaml: $1" $?
}
has "runs as no root" 'runAsNonRoot: true'
has "by number" 'runAsUser: 1001'
has "the system calls of a container's default profile" 'seccompProfile: \{type: RuntimeDefault\}'
has "writes nothing but its volumes" 'readOnlyRootFilesystem: true'
has "gains no privileges" 'allowPrivilegeEscalation: false'
has "has no capabilities" 'capabilities: \{drop: \[ALL\]\}'
has "holds no account's token" 'automountServiceAccountToken: false'
has "asks for memory" 'requests: \{cpu: "[0-9]+", memory: [0-9]+Gi\}'
has "gets one GPU" 'nvidia.com/gpu: 1'
has "is started again by the Job, not in place" 'restartPolicy: Never'
has "is tried again" 'backoffLimit: [1-9]'
rule() { # rule ACTION: what stands below it
    awk -v action="$1" '/- action: / { inside = $3 == action; next } / template:/ { exit } inside' "$scratch/job"
}
rule Ignore | grep -q 'type: DisruptionTarget, status: "True"'
ok "job.yaml: an eviction is no try" $?
rule Ignore | grep -q 'operator: In, values: \[129, 130, 143\]'
ok "job.yaml: a run that was stopped, and saved, is no try" $?
rule FailJob | grep -q 'operator: In, values: \[2, 65\]'
ok "job.yaml: wrong usage and a damaged checkpoint end it" $?
! rule FailJob | grep -qE '\b(1|129|130|137|143)\b'
ok "job.yaml: nothing else does" $?
name=$(sed -n 's/^ *- name: \(chapter6\)$/\1/p' "$scratch/job")
[ -n "$name" ] && [ "$(grep -c "containerName: $name," "$scratch/job")" = 2 ]
ok "job.yaml: its rules are about the container that there is" $?
sed -n 's/.*{name: \([a-z]*\), mountPath.*/\1/p' "$scratch/job" >"$scratch/volumes"
while read -r volume; do
    has "the volume $volume is there" "name: $volume"
done <"$scratch/volumes"
if command -v kubectl >/dev/null 2>&1; then
    # What kubectl doesn't know is not in what it prints.
    sed '1,/^---$/d' $job | kubectl set env --local -f - A=b -o yaml >"$scratch/read" 2>"$scratch/err"
    ok "job.yaml: kubectl reads it: $(cat "$scratch/err")" $?
    sed '1,/^---$/d' "$scratch/job" | sed '/^ *- |$/,/^ *resources:/d' | grep -oE '[a-zA-Z./]+: ' | sort -u |
        while read -r key; do
            grep -qF "$key" "$scratch/read" || echo "$key"
        done >"$scratch/unknown"
    [ ! -s "$scratch/unknown" ]
    ok "job.yaml: kubectl knows every field: $(tr '\n' ' ' <"$scratch/unknown")" $?
else
    echo "NOT RUN: kubectl isn't there to read job.yaml"
fi

# Its commands, with programs that do the same in small: chapter 5, whose run chapter 6
# shares.
awk '/^ *- \|$/ { inside = 1; next } inside && /^ *resources:/ { exit } inside' $job >"$scratch/script"
RUNS=$scratch/runs
export RUNS
mkdir "$RUNS" "$scratch/here"
small="--dim 16 --depth 1 --heads 2 --mlp 32 --batch 32 --epochs 1"
stand_in() { # stand_in PROGRAM OPTIONS-OF-A-NEW-RUN
    cat >"$scratch/here/$1" <<END
#!/bin/sh
case " \$* " in
*' --save '*) set -- "\$@" $2 ;;
esac
exec "$root/chapter5" --data "$root/data/sample" "\$@"
END
    chmod +x "$scratch/here/$1"
}
stand_in chapter5 ""
stand_in chapter6 "$small --steps 3"
run_job() { # run_job: its exit status
    (cd "$scratch/here" && exec sh -c "$(cat "$scratch/script")") >"$scratch/out" 2>"$scratch/err"
    status=$?
}
OMP_NUM_THREADS=2
OMP_WAIT_POLICY=passive
export OMP_NUM_THREADS OMP_WAIT_POLICY
run_job
[ "$status" -eq 0 ] && [ -s "$RUNS/vit.safetensors" ] && [ -s "$RUNS/vit.csv" ]
ok "job.yaml: a first pod trains ($status: $(tail -n 1 "$scratch/err"))" $?
[ "$(find "$scratch/here" -type f | wc -l)" -eq 2 ]
ok "job.yaml: a training writes nothing but into its volume" $?
run_job
[ "$status" -eq 0 ] && grep -q '^checkpoint: .*vit.safetensors, after step 3$' "$scratch/out"
ok "job.yaml: a second one goes on from the checkpoint ($status: $(tail -n 1 "$scratch/err"))" $?
before=$(wc -c <"$RUNS/vit.safetensors")
dd if=/dev/null of="$RUNS/vit.safetensors" bs=1 seek=$((before / 2)) 2>/dev/null
run_job
[ "$status" -eq 65 ]
ok "job.yaml: a damaged checkpoint ends the Job ($status)" $?
: >"$RUNS/vit.safetensors"
run_job
[ "$status" -eq 65 ]
ok "job.yaml: so does an empty one ($status)" $?
rm -f "$RUNS/vit.safetensors"
run_job
[ "$status" -eq 0 ]
ok "job.yaml: a log without a checkpoint is a new run ($status: $(tail -n 1 "$scratch/err"))" $?
rm -f "$RUNS"/*
stand_in chapter6 "$small --epochs 400"
(cd "$scratch/here" && exec sh -c "$(cat "$scratch/script")") >"$scratch/out" 2>"$scratch/err" &
child=$!
tries=0
until grep -q '^2,' "$RUNS/vit.csv" 2>/dev/null || [ $tries -gt 600 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -TERM $child
wait $child
status=$?
child=
[ "$status" -eq 143 ] && [ -s "$RUNS/vit.safetensors" ]
ok "job.yaml: a pod that is ended saves its step, and says so ($status)" $?

verdict
