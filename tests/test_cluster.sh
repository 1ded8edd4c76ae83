#!/bin/sh
# test_cluster.sh: the manifests and scripts in chapters/08_many_machines/cluster/: they
# are ones that Kubernetes, the MPI operator and Slurm take, as far as can be known without
# a cluster; their commands do what their comments say, with stand-ins for mpirun, srun and
# the GPUs; every option in them is one that the programs have. Run from the repository's
# root, where chapters 5 and, if there is MPI, 8 are.
#
# The schemas come with the Python package kubernetes-validate, which is put into a virtual
# environment under build/. Where it can't be had, that part is not run, and says so.
set -u
# shellcheck source=tests/words.sh
. tests/words.sh
child=
trap '[ -z "$child" ] || kill -9 "$child" 2>/dev/null; rm -rf "$scratch"' EXIT
cluster=chapters/08_many_machines/cluster
manifests="$cluster/volume.yaml $cluster/mpijob.yaml $cluster/job_nccl.yaml"
program=chapter5 # chapter 8's command line is chapter 5's, and more
[ ! -x chapter8 ] || program=chapter8

# ---- the schemas ------------------------------------------------------------------------

group "schemas"
venv=build/cluster_venv
python=${PYTHON:-python3}
in_venv() {
    "$venv/bin/python" -c 'import kubernetes_validate, yaml' 2>/dev/null
}
get_schemas() {
    in_venv || {
        mkdir -p build && "$python" -m venv "$venv" && within 300 "$venv/bin/python" -m pip \
            install -q --disable-pip-version-check kubernetes-validate && in_venv
    } >"$scratch/pip" 2>&1
}
said= # what the last check said
taken() { # taken VERSION FILE...
    said=$("$venv/bin/python" tests/cluster/check_manifests.py "$@" 2>&1)
}
# refused FILE CHANGE WORDS: with this change (sed) it is refused, in words that name it.
refused() {
    mkdir -p "$scratch/changed"
    changed=$scratch/changed/$1
    sed "$2" "$cluster/$1" >"$changed"
    if cmp -s "$changed" "$cluster/$1"; then
        ok "$1: $2 changes nothing" 1
        return
    fi
    ! taken "$latest" "$changed" && echo "$said" | grep -qF "$3"
    ok "$1 with $2 is refused, naming $3: $said" $?
}
latest=newest
if get_schemas; then
    # 1.29: older schemas say that a rule needs what servers of that version don't ask for.
    for version in 1.29 "$latest"; do
        # shellcheck disable=SC2086 # files are words
        taken $version $manifests
        ok "Kubernetes $version would take them: $said" $?
    done
    sed '/# nodes/s/2/1/' $cluster/job_nccl.yaml >"$scratch/one_node.yaml"
    taken "$latest" "$scratch/one_node.yaml" && grep -q 'completions: 1 ' "$scratch/one_node.yaml"
    ok "one node: the command at the head of job_nccl.yaml: $said" $?
    refused volume.yaml 's/accessModes/accessMode/' accessMode
    refused volume.yaml 's/storage: 10Gi/storage: 10 Gi/' storage
    refused job_nccl.yaml 's/completionMode/completionsMode/' completionsMode
    refused job_nccl.yaml 's/clusterIP/clusterIp/' clusterIp
    refused job_nccl.yaml 's/backoffLimit: 12/backoffLimit: "12"/' "'12'"
    refused job_nccl.yaml 's/medium: Memory/medum: Memory/' medum
    refused job_nccl.yaml 's/subdomain: vit-nccl/subdomain: vit/' subdomain
    refused job_nccl.yaml 's/labels: {app: vit-nccl}/labels: {app: vit}/' "label app"
    refused job_nccl.yaml 's/completions: 2/completions: 3/' parallelism
    refused job_nccl.yaml 's/NODES, value: "2"/NODES, value: "1"/' NODES
    refused job_nccl.yaml 's/gpu: 8/gpu: 4/' GPUS
    refused job_nccl.yaml 's/MASTER_ADDR, value: vit-nccl-0/MASTER_ADDR, value: vit-nccl/' MASTER_ADDR
    refused job_nccl.yaml 's/name: chapter8$/name: chapter/' chapter8
    refused job_nccl.yaml 's/name: shm, mountPath/name: shn, mountPath/' shn
    refused job_nccl.yaml 's/claimName: vit-shared/claimName: vit-runs/' vit-runs
    refused mpijob.yaml 's/slotsPerWorker/slotsPerWorkers/' slotsPerWorkers
    refused mpijob.yaml 's/slotsPerWorker: 4/slotsPerWorker: 0/' slotsPerWorker
    refused mpijob.yaml 's/v2beta1$/v1/' apiVersion
    refused mpijob.yaml 's/cleanPodPolicy: Running/cleanPodPolicy: running/' cleanPodPolicy
    refused mpijob.yaml 's/mpiImplementation: OpenMPI/mpiImplementation: OpenMpi/' mpiImplementation
    refused mpijob.yaml 's/^    Launcher:/    launcher:/' launcher
    refused mpijob.yaml 's/^    Worker:/    Workers:/' Workers
    refused mpijob.yaml 's/WaitForWorkersReady/WhenReady/' launcherCreationPolicy
    refused mpijob.yaml 's/memory: 4Gi/memory: 4GB/' memory
    refused mpijob.yaml 's/readinessProbe/readyProbe/' readyProbe
    refused mpijob.yaml 's/runAsUser: 1001/runAsUser: "1001"/' runAsUser
    refused mpijob.yaml 's/tcpSocket: {port: 2222}/tcpSocket: {port: 22}/' port
    refused mpijob.yaml 's#/home/student/.ssh#/root/.ssh#' HostKey
    refused mpijob.yaml 's/restartPolicy: OnFailure/restartPolicy: Always/' restartPolicy
else
    echo "NOT RUN: the schemas: kubernetes-validate can't be had: $(tail -n 1 "$scratch/pip")"
fi

# ---- ssh ---------------------------------------------------------------------------------

group "ssh"
port=$(sed -n 's/^Port //p' $cluster/sshd_config)
if command -v ssh >/dev/null 2>&1; then
    ssh -G -F $cluster/ssh_config worker >"$scratch/ssh" 2>"$err"
    ok "ssh reads ssh_config" $?
    grep -qx "port $port" "$scratch/ssh" && grep -qix 'stricthostkeychecking false' "$scratch/ssh"
    ok "and goes to sshd_config's port, $port" $?
else
    echo "NOT RUN: there is no ssh to read ssh_config"
fi
sshd=$(command -v sshd || ls /usr/sbin/sshd 2>/dev/null)
if [ -n "$sshd" ] && ssh-keygen -q -t ecdsa -b 521 -m PEM -N '' -f "$scratch/key" 2>"$err"; then
    sed "s#^HostKey .*#HostKey $scratch/key#" $cluster/sshd_config >"$scratch/sshd_config"
    "$sshd" -t -f "$scratch/sshd_config" 2>"$err"
    status=$?
    # Root's sshd wants a user and a folder that only a running system has.
    if grep -qi 'privilege separation' "$err"; then
        echo "NOT RUN: sshd can't read sshd_config here: $(cat "$err")"
    else
        ok "sshd reads sshd_config" $status
    fi
else
    echo "NOT RUN: there is no sshd to read sshd_config"
fi
: >"$err"

# ---- the image ---------------------------------------------------------------------------

group "the image"
stage() { # stage NAME: its lines
    awk -v name="$1" '/^FROM / { inside = $NF == name } inside' Dockerfile
}
for target in mpi nccl; do
    grep -q "image: vit-course:$target\$" $cluster/mpijob.yaml $cluster/job_nccl.yaml
    ok "a manifest uses the image $target" $?
    stage $target | awk '/^USER / { user = $2 } /^RUN make/ { user_then = user; made = 1 }
        END { exit !(made && (user == "" || user == "1001:1001") && user_then == user) }'
    ok "Dockerfile: $target is made, and runs, as student" $?
done
stage mpi | grep -q 'setup\.sh chapter8 ' && stage mpi | grep -q openssh-server
ok "Dockerfile: mpi has Open MPI, by setup.sh's list, and sshd" $?
stage mpi | grep -q "$cluster/ssh_config" && stage mpi | grep -q 'rm -rf.* /etc/ssh/ssh_host_\*'
ok "Dockerfile: mpi has ssh's configuration, and no host keys" $?
stage mpi | grep -qE 'make .* chapter8$' && stage nccl | grep -qE 'make .* chapter8_gpu$'
ok "Dockerfile: each has its program" $?

# ---- options -----------------------------------------------------------------------------

group "options"
# Every --word behind a program's name, or behind `set --`, which goes there.
sed -e 's/^ *#.*//' $cluster/*.yaml $cluster/*.sbatch |
    sed -e :a -e '/\\$/{' -e 'N;s/\\\n//;ba' -e '}' >"$scratch/all" # continued lines joined
grep -E '\./chapter|set -- ' "$scratch/all" | sed -e 's/^.*set -- //' -e 's#^.*\./chapter[0-9_a-z]*##' |
    grep -oE -- '--[a-z][a-z-]*' | sort -u >"$scratch/options"
[ "$(grep -c -- '--threads' "$scratch/all")" -eq 2 ]
ok "mpirun's ranks and srun's are told their threads: unbound, they would take all cores" $?
[ "$(wc -l <"$scratch/options")" -ge 5 ]
ok "options are found: $(tr '\n' ' ' <"$scratch/options")" $?
for each in $program chapter8_gpu_on_cpu; do
    if [ ! -x "$each" ]; then
        echo "NOT RUN: $each isn't there to be asked for its options"
        continue
    fi
    "./$each" --help >"$scratch/help" 2>"$err"
    ok "./$each --help" $?
    while read -r option; do
        grep -qE "^ *$option( |\$)" "$scratch/help"
        ok "./$each has $option" $?
    done <"$scratch/options"
done

# ---- the commands, with stand-ins ----------------------------------------------------------

group "commands"
RUNS=$scratch/runs
OMP_NUM_THREADS=1
OMP_WAIT_POLICY=passive
export RUNS OMP_NUM_THREADS OMP_WAIT_POLICY
mkdir "$RUNS" "$scratch/here" "$scratch/bin"
small="--dim 16 --depth 1 --heads 2 --mlp 32 --batch 32 --lr 0.003 --epochs 1"
stand_in() { # stand_in FILE: a script on standard input
    { echo '#!/bin/sh'; cat; } >"$scratch/$1"
    chmod +x "$scratch/$1"
}
# The program, in small: one rank of it trains, whichever chapter's name it has.
stand_in run_small <<END
case " \$* " in
*' --save '*) set -- "\$@" $small \${LONGER:---steps 3} ;;
esac
exec "$root/$program" --data "$root/data/sample" "\$@"
END
for each in chapter5 chapter8; do
    cp "$scratch/run_small" "$scratch/here/$each"
done
script_of() { # script_of FILE: the shell script inside, without its indentation
    awk '/^ *- \|$/ { inside = 1; next }
        inside && /^ *resources:/ { exit }
        inside { if (!n) { match($0, /^ */); n = RLENGTH } print substr($0, n + 1) }' "$cluster/$1"
}
in_here() { # in_here COMMAND...: its status; the stand-ins come first
    (cd "$scratch/here" && PATH=$scratch/bin:$PATH exec "$@") >"$out" 2>"$err"
    status=$?
}
trains() { # trains WHAT COMMAND...: a first run trains, a second goes on from there
    what=$1
    shift
    rm -f "$RUNS"/*
    in_here "$@"
    [ "$status" -eq 0 ] && [ -s "$RUNS/vit.safetensors" ] && [ -s "$RUNS/vit.csv" ]
    ok "$what trains ($status)" $?
    in_here "$@"
    [ "$status" -eq 0 ] && grep -q '^checkpoint: .*vit.safetensors, after step 3$' "$out"
    ok "$what goes on from the checkpoint ($status)" $?
    rm "$RUNS/vit.safetensors"
    in_here "$@"
    [ "$status" -eq 0 ]
    ok "$what: a log without a checkpoint is a new run ($status)" $?
}

# The MPIJob's launcher. A worker answers when it is asked again.
script_of mpijob.yaml >"$scratch/launcher"
printf '%s\n' 'vit-mpi-worker-0.vit-mpi.default.svc slots=4' \
    'vit-mpi-worker-1.vit-mpi.default.svc slots=4' >"$scratch/hostfile"
export OMPI_MCA_orte_default_hostfile="$scratch/hostfile"
stand_in bin/ssh <<END
case " \$* " in
*" vit-mpi-worker-1.vit-mpi.default.svc true ") [ -e "$scratch/asked" ] || { : >"$scratch/asked"; exit 255; } ;;
*" vit-mpi-worker-0.vit-mpi.default.svc true ") ;;
*) exit 255 ;;
esac
END
stand_in bin/sleep </dev/null
stand_in bin/mpirun <<'END'
[ "$1 $2" = "--bind-to none" ] || exit 2
shift 2
exec "$@"
END
trains "mpijob.yaml: the launcher" sh "$scratch/launcher"
[ -e "$scratch/asked" ]
ok "mpijob.yaml: the launcher asks a worker until it answers" $?
echo 'lost slots=4' >>"$scratch/hostfile"
in_here sh "$scratch/launcher"
[ "$status" -eq 1 ] && grep -q '^lost: no sshd answers$' "$err"
ok "mpijob.yaml: a worker that never answers is named ($status)" $?
rm "$scratch/bin/sleep"
# The words of mpirun itself.
if [ -x chapter8 ] && command -v mpirun >/dev/null 2>&1; then
    command=$(sed -n 's/^ *exec \(mpirun .*\) "\$@" .*/\1/p' "$scratch/launcher")
    (
        unset OMPI_MCA_orte_default_hostfile
        OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
        export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM
        # shellcheck disable=SC2086 # a command is words
        within 60 $command --help
    ) >"$out" 2>"$err"
    ok "mpijob.yaml: mpirun takes its words: $command" $?
    # Both pages have a command with time to save: with three seconds rather than a minute a
    # rank that needs two has ended by itself.
    cat >"$scratch/slow_to_save" <<END
#!/bin/sh
trap 'sleep 2; : >"$scratch/saved"; exit 143' TERM
: >"$scratch/begun"
while :; do sleep 0.1; done
END
    chmod +x "$scratch/slow_to_save"
    for page in $cluster/README.md $cluster/../README.md; do
        command=$(grep -oE 'mpirun --mca odls_base_sigkill_timeout 60 -n [0-9]' "$page")
        command=$(echo "$command" | sed 's/ 60 -n .*/ 3 -n 1/')
        rm -f "$scratch/begun" "$scratch/saved"
        (
            unset OMPI_MCA_orte_default_hostfile
            OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
            export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM
            # shellcheck disable=SC2086 # a command is words
            exec $command "$scratch/slow_to_save"
        ) >"$out" 2>"$err" &
        child=$!
        tries=0
        until [ -e "$scratch/begun" ] || [ $tries -gt 100 ]; do
            sleep 0.1
            tries=$((tries + 1))
        done
        kill -TERM $child
        wait $child
        child=
        [ -n "$command" ] && [ -e "$scratch/saved" ]
        ok "$page: mpirun leaves time to save: $command" $?
    done
else
    echo "NOT RUN: mpirun isn't there to take the launcher's words"
fi

# The NCCL Job. Its processes say which they are; rank 0 trains, the others follow.
script_of job_nccl.yaml >"$scratch/pod"
export GPUS=3 NODES=2 MASTER_ADDR=vit-nccl-0.vit-nccl MASTER_PORT=29500
stand_in here/chapter8_gpu <<END
echo "\$RANK \$LOCAL_RANK \$WORLD_SIZE" >>"$scratch/ranks"
[ "\$RANK" != "\${BAD_RANK:-}" ] || exit "\$BAD_STATUS"
[ "\$RANK" -eq 0 ] || exit 0
exec ./chapter8 "\$@"
END
stand_in both_pods <<END
: >"$scratch/ranks"
JOB_COMPLETION_INDEX=1 sh "$scratch/pod" && JOB_COMPLETION_INDEX=0 sh "$scratch/pod"
END
trains "job_nccl.yaml: a pod" "$scratch/both_pods"
printf '%s\n' '0 0 6' '1 1 6' '2 2 6' '3 0 6' '4 1 6' '5 2 6' >"$scratch/want"
sort "$scratch/ranks" | cmp -s - "$scratch/want"
ok "job_nccl.yaml: ranks, local ranks, size: $(sort "$scratch/ranks" | tr '\n' ',')" $?
for bad in 0 1 2; do
    for end in 1 2 139; do
        BAD_RANK=$bad BAD_STATUS=$end JOB_COMPLETION_INDEX=0 in_here sh "$scratch/pod"
        [ "$status" -eq "$end" ]
        ok "job_nccl.yaml: rank $bad ends with $end, and so does its pod ($status)" $?
    done
done
before=$(wc -c <"$RUNS/vit.safetensors")
dd if=/dev/null of="$RUNS/vit.safetensors" bs=1 seek=$((before / 2)) 2>/dev/null
JOB_COMPLETION_INDEX=0 in_here sh "$scratch/pod"
[ "$status" -eq 65 ]
ok "job_nccl.yaml: a damaged checkpoint ends the Job ($status)" $?
rm -f "$RUNS"/*
(cd "$scratch/here" && LONGER="--epochs 400" JOB_COMPLETION_INDEX=0 exec sh "$scratch/pod") >"$out" 2>"$err" &
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
ok "job_nccl.yaml: a pod that is ended saves its step, and says so ($status)" $?

# Slurm.
stand_in bin/scontrol <<END
case "\$*" in
"show hostnames "*) printf 'n1\nn2\n' ;;
"requeue 77") echo requeued >"$scratch/requeued" ;;
*) exit 1 ;;
esac
END
stand_in bin/srun <<END
while [ "\${1#--}" != "\$1" ]; do
    echo "\$1" >>"$scratch/srun"
    shift
done
[ -z "\${SRUN_STATUS:-}" ] || exit "\$SRUN_STATUS"
export SLURM_PROCID=0 SLURM_NTASKS=8 SLURM_LOCALID=0
exec "\$@"
END
export SLURM_JOB_ID=77 SLURM_JOB_NODELIST='n[1-2]'
for each in slurm slurm_gpus; do
    bash -n $cluster/$each.sbatch 2>"$err"
    ok "$each.sbatch: bash reads it" $?
    if command -v shellcheck >/dev/null 2>&1; then
        shellcheck $cluster/$each.sbatch >"$err" 2>&1
        ok "$each.sbatch: shellcheck finds nothing" $?
    else
        echo "NOT RUN: shellcheck isn't there"
    fi
    trains "$each.sbatch" bash "$root/$cluster/$each.sbatch"
    rm -f "$scratch/requeued"
    SRUN_STATUS=143 in_here bash "$root/$cluster/$each.sbatch"
    [ "$status" -eq 143 ] && [ -e "$scratch/requeued" ]
    ok "$each.sbatch: when its time is over it is put into the queue again ($status)" $?
    rm -f "$scratch/requeued"
    SRUN_STATUS=1 in_here bash "$root/$cluster/$each.sbatch"
    [ "$status" -eq 1 ] && [ ! -e "$scratch/requeued" ]
    ok "$each.sbatch: when it fails it isn't ($status)" $?
done
: >"$err"
tail -n 1 "$scratch/ranks" | grep -qx '0 0 8'
ok "slurm_gpus.sbatch: rank, local rank and size are srun's" $?
# Options of sbatch and srun that these files use; Slurm's own programs know better.
sed -n 's/^#SBATCH \(--[a-z-]*\).*/\1/p' $cluster/*.sbatch | sort -u >"$scratch/directives"
printf '%s\n' --cpus-per-task --gpus-per-node --job-name --mem --mem-per-cpu --nodes \
    --ntasks-per-node --open-mode --output --requeue --signal --time | sort >"$scratch/want"
cmp -s "$scratch/directives" "$scratch/want"
ok "sbatch's options are known: $(comm -3 "$scratch/directives" "$scratch/want" | tr '\n\t' '  ')" $?
sort -u "$scratch/srun" | tr '\n' ' ' | grep -qx -- '--cpus-per-task=1 --kill-on-bad-exit=1 --mpi=pmix '
ok "srun's options are known: $(sort -u "$scratch/srun" | tr '\n' ' ')" $?

verdict
