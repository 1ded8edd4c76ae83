# portable.sh: read by the other scripts (`. common/scripts/portable.sh`): what differs
# from one machine, and one user's settings, to the next. Sets LC_ALL=C, so that numbers
# have points and letters one order, and drops the settings that change what cd, grep and
# others do. POSIX sh.
# shellcheck shell=sh
LC_ALL=C
export LC_ALL
unset CDPATH GREP_OPTIONS GREP_COLOR GREP_COLORS POSIXLY_CORRECT TAR_OPTIONS GZIP LANGUAGE
# bash hands functions on to the shells that it starts; none may stand for a command.
for portable_name in awk cat cd chmod cmp cp cut date dirname find grep gzip head kill ls make \
    mkdir mktemp mv od rm sed sleep sort tail touch tr uname wc xargs; do
    unset -f $portable_name 2>/dev/null || :
done

# cores: how many processors this machine lets us use.
cores() {
    getconf _NPROCESSORS_ONLN 2>/dev/null || nproc 2>/dev/null ||
        sysctl -n hw.ncpu 2>/dev/null || echo 1
}

# new_scratch: the name of a new folder: where TMPDIR says, or else in the first place
# that takes a file of 64 KB.
new_scratch() {
    for place in "${TMPDIR:-/tmp}" /tmp /var/tmp build .; do
        folder=$(mktemp -d "$place/course.XXXXXX" 2>/dev/null) || continue
        if dd if=/dev/zero of="$folder/room" bs=65536 count=1 2>/dev/null; then
            rm -f "$folder/room"
            (cd "$folder" && pwd)
            return
        fi
        rm -rf "$folder"
    done
    echo "${0##*/}: no room for temporary files: set TMPDIR to a folder that has some" >&2
    return 1
}

# within SECONDS COMMAND...: its exit status, or 124 when it took longer and was killed.
within() (
    status=0
    if command -v timeout >/dev/null 2>&1; then
        timeout "$@" || status=$?
        [ "$status" -ne 143 ] || status=124 # busybox
        exit "$status"
    fi
    seconds=$1
    shift
    "$@" <&0 &
    child=$!
    (
        while [ "$seconds" -gt 0 ] && kill -0 "$child" 2>/dev/null; do
            sleep 1
            seconds=$((seconds - 1))
        done
        [ "$seconds" -gt 0 ] || kill -9 "$child"
    ) >/dev/null 2>&1 &
    watcher=$!
    wait "$child" 2>/dev/null || status=$?
    kill "$watcher" 2>/dev/null
    [ "$status" -ne 137 ] || status=124
    exit "$status"
)

# sha256_of FILE: by whichever program there is; nothing without one.
sha256_of() {
    { sha256sum <"$1" || shasum -a 256 <"$1" || openssl dgst -sha256 <"$1" |
        sed 's/.* //'; } 2>/dev/null | cut -d ' ' -f 1 | head -n 1
}

# now: seconds, with digits after the point where date has them.
now() {
    date +%s.%N | sed 's/\.%*N$//'
}
