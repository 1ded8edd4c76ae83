#!/bin/sh
# network.sh SWITCH [COMMAND...]: ranks on a network of their own, on this machine: each in
# a network namespace, from which a cable of RATE Mbit/s leads to a switch; a message
# takes DELAY ms more. For each number in RANKS, mpirun starts COMMAND on so many of them.
# Without COMMAND: the study, `./chapter8 --measure`, with its numbers in TABLE.
# For Linux, as root. What it makes has names that begin with chapter8-, and it is gone at
# the end, also after Ctrl-C; no other interface is touched.
#
# Run in the repository's root, where chapter8 is built. SWITCH is delay_switch, which
# adds the delay where the kernel has no netem.
set -u
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/portable.sh"
RANKS=${RANKS:-2 4} RATE=${RATE:-100} DELAY=${DELAY:-1}
TABLE=${TABLE:-}

fail() { # fail STATUS WORDS
    status=$1
    shift
    echo "network: $*" >&2
    exit "$status"
}
number() { # number NAME VALUE: one that is more than 0, or 0 for a delay
    case $2 in
    '' | *[!0-9.]* | *.*.* | .) fail 2 "$1 is a number, not \"$2\"" ;;
    esac
}
max=0
for n in $RANKS; do
    case $n in
    '' | *[!0-9]* | 0* | ???*) fail 2 "RANKS is one number of ranks, or some, from 1 to 64, not \"$RANKS\"" ;;
    esac
    [ "$n" -le "$max" ] || max=$n
done
{ [ "$max" -ge 1 ] && [ "$max" -le 64 ]; } ||
    fail 2 "RANKS is one number of ranks, or some, from 1 to 64, not \"$RANKS\""
number RATE "$RATE"
number DELAY "$DELAY"
[ "$(echo "$RATE" | tr -d '0.')" ] || fail 2 "RATE is in Mbit/s, more than 0"

if [ "${1:-}" = --agent ]; then # --agent PREFIX HOST WORD...: as ssh would
    rank=${3##*.}
    prefix=$2
    shift 3
    exec ip netns exec "$prefix-$rank" unshare --uts \
        sh -c "hostname rank-$((rank - 1)) && exec $*"
fi

switch=${1:?usage: network.sh SWITCH [COMMAND...]}
shift
for tool in ip tc unshare mpirun; do
    command -v "$tool" >/dev/null 2>&1 ||
        fail 1 "$tool is missing: sudo apt-get install iproute2 util-linux openmpi-bin"
done
[ "$(id -u)" -eq 0 ] || fail 1 'network namespaces are for root: run it as root (sudo make network)'

# ---- what is made, and unmade -----------------------------------------------------------

me=chapter8-$$
net=10.88.88
scratch=$(new_scratch) || exit 1
running=

spaces() { # spaces PREFIX: the namespaces that begin so
    ip netns list 2>/dev/null | awk -v p="$1-" 'index($1, p) == 1 { print $1 }'
}
# remove PREFIX: the processes in these namespaces end, then they are gone. One that is just
# being entered is busy: a moment later it isn't.
remove() {
    tries=0
    while [ "$(spaces "$1")" ] && [ "$tries" -lt 50 ]; do
        [ "$tries" -eq 0 ] || sleep 0.1
        tries=$((tries + 1))
        for space in $(spaces "$1"); do
            for pid in $(ip netns pids "$space" 2>/dev/null); do
                kill -9 "$pid" 2>/dev/null
            done
            ip netns delete "$space" 2>"$scratch/said"
        done
    done
    [ -z "$(spaces "$1")" ] || echo "network: this is left: $(spaces "$1")" >&2
}
# mpirun ends its ranks and then itself. Sometimes, with a second signal on its way, it
# doesn't: then after some seconds by force.
end_running() {
    kill "$running" 2>/dev/null
    { sleep 5 && kill -9 "$running"; } >/dev/null 2>&1 9>&- &
    force=$!
    wait "$running" 2>/dev/null
    kill "$force" 2>/dev/null
}
clean() {
    trap '' INT TERM HUP
    [ -z "$running" ] || end_running
    exec 9>&- # the switch ends
    remove "$me"
    rm -rf "$scratch"
}
trap 'clean' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# What a script that was killed has left.
for space in $(spaces chapter8); do
    owner=${space#chapter8-}
    owner=${owner%%-*}
    case $owner in *[!0-9]*) continue ;; esac
    kill -0 "$owner" 2>/dev/null || remove "chapter8-$owner"
done

try() { # try COMMAND...: what it says is kept for the line that says why it can't be
    "$@" >"$scratch/said" 2>&1 || fail 1 "this system doesn't permit it: $*: $(head -n 1 "$scratch/said")"
}

# ---- the network --------------------------------------------------------------------------

# Large buffers at once, so that a message goes on while its rank waits for a core.
buffers() { # buffers NAMESPACE
    ip netns exec "$1" sh -c 'cd /proc/sys/net/ipv4 || exit
        echo 4096 4194304 16777216 >tcp_rmem
        echo 4096 4194304 16777216 >tcp_wmem
        echo 0 >tcp_slow_start_after_idle' 2>/dev/null
}

# Place 0 is where mpirun is, and where the switch is; places 1, 2, ... are ranks.
place=0
while [ "$place" -le "$max" ]; do
    try ip netns add "$me-$place"
    try ip -n "$me-$place" link set lo up
    buffers "$me-$place"
    place=$((place + 1))
done

# shaped NAMESPACE INTERFACE [PARENT]: what goes out there keeps to the rate, but for a burst
# of a frame (9,000 bytes) and 0.2 ms
burst=$(awk "BEGIN { printf \"%d\", 9500 + $RATE * 25 }")
shaped() {
    # shellcheck disable=SC2086 # words
    try tc -n "$1" qdisc add dev "$2" ${3:-root} tbf rate "${RATE}mbit" burst "$burst" latency 200ms
}
# delayed NAMESPACE INTERFACE: by netem, then shaped
delayed() {
    try tc -n "$1" qdisc add dev "$2" root handle 1: netem delay "${DELAY}ms" limit 100000
    shaped "$1" "$2" 'parent 1:1'
}
has_netem() {
    tc -n "$me-0" qdisc add dev lo root netem delay 1ms 2>/dev/null &&
        tc -n "$me-0" qdisc del dev lo root
}
last_of() { # last_of PLACE: the last number of its address: the rank's place, or mpirun's
    echo $(($1 > 0 ? $1 : 200))
}
address() { # address PLACE: of net0 there
    try ip -n "$me-$1" link set net0 address "02:00:00:00:00:$(printf %02x $(($1 + 1)))"
    try ip -n "$me-$1" link set net0 mtu 9000 up
    try ip -n "$me-$1" address add "$net.$(last_of "$1")/24" dev net0
}

# A bridge at place 0, and cables to it: pairs of interfaces, of which what goes in at one
# comes out at the other.
cables() {
    try ip -n "$me-0" link add net0 type bridge
    place=1
    while [ "$place" -le "$max" ]; do
        try ip -n "$me-0" link add "port$place" mtu 9000 type veth peer name net0 netns "$me-$place"
        try ip -n "$me-0" link set "port$place" master net0 up
        shaped "$me-0" "port$place"
        "$1" "$me-$place" net0
        address "$place"
        place=$((place + 1))
    done
    address 0
}
taps() {
    [ -x "$switch" ] || fail 1 "there is no $switch: make network builds it"
    mkfifo "$scratch/open" || exit 1
    names=
    place=0
    while [ "$place" -le "$max" ]; do
        names="$names $me-$place"
        place=$((place + 1))
    done
    # shellcheck disable=SC2086 # names
    "$switch" "$DELAY" "$RATE" $names <"$scratch/open" >"$scratch/said" 2>&1 &
    switching=$!
    renice -n -20 -p "$switching" >/dev/null 2>&1 # a real one waits for nobody's core
    exec 9>"$scratch/open"
    tries=0
    while ! ip -n "$me-$max" link show net0 >/dev/null 2>&1; do
        kill -0 "$switching" 2>/dev/null || fail 1 "this system doesn't permit it: $(head -n 1 "$scratch/said")"
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || fail 1 "$switch has made no interface in 10 seconds"
        sleep 0.1
    done
    place=0
    while [ "$place" -le "$max" ]; do
        [ "$place" -eq 0 ] || shaped "$me-$place" net0
        address "$place"
        place=$((place + 1))
    done
}

by='no delay'
if [ ! "$(echo "$DELAY" | tr -d '0.')" ]; then
    cables shaped
elif [ "${NETEM:-yes}" = yes ] && has_netem; then
    by="$DELAY ms, by netem"
    cables delayed
else
    by="$DELAY ms, by a switch of our own"
    taps
fi
echo "network: $max ranks, $RATE Mbit/s each, $by"

# ---- the ranks ------------------------------------------------------------------------------

# mpirun starts its helpers with a script in place of ssh. Ranks must use the network alone,
# though they have one memory: btl tcp. Two connections between each pair: when two ranks
# exchange over one, it carries half as much. And a message leaves at once, up to 9 MB: by
# itself Open MPI first asks the receiver from 64 KB on, and sends pieces of 128 KB, which
# takes several latencies. A rank that waits lets others have its core.
cat >"$scratch/agent" <<END
#!/bin/sh
exec sh "$PWD/common/scripts/network.sh" --agent "$me" "\$@"
END
chmod +x "$scratch/agent"
OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM

on_ranks() { # on_ranks P COMMAND...
    n=$1
    shift
    hosts=
    place=1
    while [ "$place" -le "$n" ]; do
        hosts=$hosts${hosts:+,}$net.$place:1
        place=$((place + 1))
    done
    # In the background, so that a signal is heard at once; its input is no terminal's.
    ip netns exec "$me-0" mpirun --host "$hosts" -n "$n" --map-by node --bind-to none \
        --mca plm rsh --mca plm_rsh_agent "$scratch/agent" --mca plm_rsh_no_tree_spawn 1 \
        --mca mpi_yield_when_idle 1 --mca pml ob1 --mca btl tcp,self --mca btl_tcp_links 2 \
        --mca btl_tcp_eager_limit 9437184 --mca btl_tcp_rndv_eager_limit 9437184 \
        --mca btl_tcp_max_send_size 9437184 \
        --mca btl_tcp_if_include net0 --mca oob_tcp_if_include net0 \
        --mca orte_tmpdir_base "$scratch" \
        "$@" </dev/null 9>&- &
    running=$!
    wait "$running"
    status=$?
    running=
    return "$status"
}

[ $# -gt 0 ] || {
    set -- ./chapter8 --measure
    if [ "$TABLE" ]; then
        {
            echo "# Written by make network: $RATE Mbit/s, $by; times in ms."
            echo "# machine: $(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)," \
                "$(cores) cores, load before it $(cut -d ' ' -f 1 /proc/loadavg)"
            echo "kind,ranks,what,bytes,predicted_ms,measured_ms"
        } >"$TABLE.$$" || exit 1
        set -- "$@" --table "$TABLE.$$"
    fi
}
for n in $RANKS; do
    echo "network: $n ranks: $*"
    on_ranks "$n" "$@" || {
        status=$?
        rm -f "${TABLE:-$scratch/none}.$$"
        exit "$status"
    }
done
[ ! -f "${TABLE:-$scratch/none}.$$" ] || mv -f "$TABLE.$$" "$TABLE"
