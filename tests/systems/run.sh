#!/bin/sh
# run.sh [SYSTEM...]: does the course work on a machine that is not this one? Minimal
# systems, made by debootstrap, in which nothing is installed but what README's commands
# install:
#
#   debian12, debian13   both of README's commands, chapters 1 to 8 and make plots, by root
#                        and by an ordinary user, who is told the line that an
#                        administrator has to type
#   arm64                chapters 1 to 5 and the plain tests, cross-built, run by qemu
#   musl                 chapters 1 to 4, a grade, and what chapter 5 trains with, with another
#                        C library, no OpenMP
#
# Run by `make test-systems` as root, in the repository's root. Everything is made below
# build/systems: a tarball for each release, which the next run takes again, the
# systems, which are gone at the end, and logs/SYSTEM/PART. Each part runs in namespaces of
# its own: no mount and no process is left, however it ends. A part that fails is no
# reason not to try the next. Exit status: 0 if every part passed.
#
#   SHORT=yes      one epoch of training where README's command has twelve
#   PARTS="told"   only these of each system's parts
#   USERS=root     only as root; or: only as student
#   MIRROR=...     where debootstrap gets packages (default: its own)
#   KEEP=yes       leave the systems, in build/systems/root-SYSTEM.PROCESS
set -u
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
place=build/systems
SECONDS_A_PART=${SECONDS_A_PART:-7200}

refuse() {
    echo "test-systems: $1" >&2
    exit "${2:-1}"
}
[ $# -gt 0 ] || set -- debian12 debian13 arm64 musl
for system in "$@"; do
    case $system in
    debian12 | debian13 | arm64 | musl) ;;
    *) refuse "unknown system $system: it is debian12, debian13, arm64 or musl" 2 ;;
    esac
done
for tool in debootstrap unshare chroot tar; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null 2>&1 ||
        refuse "this needs $tool: sudo apt-get install debootstrap util-linux tar"
done
PATH=$PATH:/usr/sbin:/sbin
[ "$(id -u)" = 0 ] || refuse "this needs root (systems are made by debootstrap): sudo make test-systems"
[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] ||
    refuse "these systems are made on Debian or Ubuntu, amd64"
unshare --mount --pid --fork true 2>/dev/null ||
    refuse "no namespaces here (unshare fails): in a container, run it privileged"
case $PWD in
*[!A-Za-z0-9/._+-]*) refuse "debootstrap takes no such folder: $PWD: clone the course into one of plain letters" ;;
esac

mkdir -p "$place/logs" || exit 1
root=
running=
finish() { # the first process of the namespaces takes all others with it
    trap - EXIT
    if [ -n "$running" ]; then
        kill -9 "$running"
        wait "$running"
        sleep 1
    fi 2>/dev/null
    [ -z "$root" ] || [ "${KEEP:-}" = yes ] || rm -rf --one-file-system "$root"
    rm -f "$place/table.$$" "$place/files.$$"
}
trap finish EXIT
trap 'finish; exit 1' HUP INT TERM
# A run that was killed has left its system; others may be running beside this one.
for left in "$place"/root-*.* "$place"/table.* "$place"/files.*; do
    [ ! -e "$left" ] || kill -0 "${left##*.}" 2>/dev/null || [ "${KEEP:-}" = yes ] ||
        rm -rf --one-file-system "$left"
done
table=$place/table.$$
: >"$table"
failed=0

result() { # result SYSTEM PART WHAT
    printf '%-9s %-22s %s\n' "$1" "$2" "$3" | tee -a "$table"
    case $3 in passed) ;; *) failed=$((failed + 1)) ;; esac
}
wanted() { # wanted PART
    [ -z "${PARTS:-}" ] || case " $PARTS " in *" $1 "*) ;; *) return 1 ;; esac
}

# ---- systems ---------------------------------------------------------------------------

# apart PROC COMMAND...: in namespaces of its own, so that no mount and no process of its
# is left, however it ends.
apart() {
    proc=$1
    shift
    unshare --mount --pid --fork --kill-child --mount-proc="$proc" "$@" </dev/null &
    running=$!
    wait "$running"
    ended=$?
    running=
    return "$ended"
}

# base RELEASE: its tarball. Written under another name first: half of one is none.
base() {
    [ -s "$place/$1.tar" ] && return
    root=$place/root-$1.$$
    half=$place/files.$1.$$
    rm -rf --one-file-system "$root"
    apart /proc debootstrap --variant=minbase "$1" "$root" ${MIRROR:+"$MIRROR"} >"$place/logs/$1" 2>&1 &&
        tar -C "$root" --numeric-owner -cf "$half" . &&
        mv "$half" "$place/$1.tar"
    made=$?
    rm -rf --one-file-system "$root" "$half"
    return "$made"
}

# system NAME RELEASE: a fresh one in $root, with a user, and the course in both homes.
system() {
    base "$2" || return 1
    root=$place/root-$1.$$
    rm -rf --one-file-system "$root"
    mkdir -p "$root" "$place/packages" && tar -C "$root" -xpf "$place/$2.tar" || return 1
    cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null
    cp "$place/packages/$2"-*.deb "$root/var/cache/apt/archives" 2>/dev/null
    for deb in "$root/var/cache/apt/archives/$2"-*.deb; do
        [ ! -e "$deb" ] || mv "$deb" "$root/var/cache/apt/archives/${deb##*/"$2"-}"
    done
    chroot "$root" useradd -m student || return 1
    for home in root home/student; do
        mkdir "$root/$home/course" && course | tar -C "$root/$home/course" -xf - || return 1
        if [ -d data/fashion-mnist ]; then
            cp -RL data/fashion-mnist "$root/$home/course/data"
        fi
    done
    chroot "$root" chown -R student: /home/student/course
}
course() { # what git would clone, with what is changed here; without git, all of it
    if git ls-files >"$place/files.$$" 2>/dev/null && [ -s "$place/files.$$" ]; then
        git ls-files --others --exclude-standard >>"$place/files.$$"
        while read -r file; do
            [ ! -e "$file" ] || echo "$file"
        done <"$place/files.$$" | tar -cf - -T -
    else
        tar -cf - --exclude=./build --exclude=./work --exclude=./data/fashion-mnist \
            --exclude='./chapter?' .
    fi
}
keep_packages() { # keep_packages RELEASE: the next system needn't fetch them again
    for deb in "$root"/var/cache/apt/archives/*.deb; do
        [ ! -e "$deb" ] || cp -n "$deb" "$place/packages/$1-${deb##*/}"
    done
}

# in_system USER COMMAND...: in namespaces of its own, with no more of our environment than
# a way to the network.
in_system() {
    who=$1
    shift
    case $who in root) home=/root ;; *) home=/home/$who ;; esac
    apart "$PWD/$root/proc" chroot "$root" runuser -u "$who" -- env -i HOME="$home" USER="$who" SHORT="${SHORT:-}" \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
as() { # as USER SYSTEM PART: run it, keep what it says
    wanted "$3" || return 0
    log=$place/logs/$2-$3-by-$1
    course=/root/course
    [ "$1" = root ] || course=/home/$1/course
    # shellcheck disable=SC2016 # the shell inside expands it
    in_system "$1" timeout "$SECONDS_A_PART" \
        sh -c 'cd "$1" && exec sh tests/systems/inside.sh "$2"' sh "$course" "$3" >"$log" 2>&1
    status=$?
    case $status in
    0) result "$2" "$3, by $1" passed ;;
    124) result "$2" "$3, by $1" "FAILED: longer than $SECONDS_A_PART s, see $log" ;;
    *) result "$2" "$3, by $1" "FAILED: exit status $status, see $log" ;;
    esac
    return "$status"
}
install() { # install PACKAGE...: by the administrator
    in_system root sh -c "apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $*" >"$place/logs/packages" 2>&1
}
not_made() { # not_made SYSTEM LOG
    result "$1" made "FAILED: $(tail -n 1 "$2" 2>/dev/null), see $2"
}

# ---- what is proved ------------------------------------------------------------------------

debian() { # debian SYSTEM RELEASE
    for user in ${USERS:-student root}; do
        system "$1" "$2" || { not_made "$1" "$place/logs/$2"; return; }
        if [ "$user" = student ]; then
            as student "$1" told || :
            line=/home/student/course/administrator.sh
            [ -s "$root$line" ] || line=/home/student/course/common/scripts/setup.sh
            in_system root env DEBIAN_FRONTEND=noninteractive sh "$line" \
                >"$place/logs/$1-administrator" 2>&1
            in_system root sh /home/student/course/common/scripts/setup.sh chapter8 \
                >>"$place/logs/$1-administrator" 2>&1
        fi
        for part in readme tests chapters ranks plots; do
            as "$user" "$1" "$part" || :
        done
        keep_packages "$2"
    done
}

arm64() {
    system arm64 trixie || { not_made arm64 "$place/logs/trixie"; return; }
    chroot "$root" dpkg --add-architecture arm64
    install make gcc-aarch64-linux-gnu g++-aarch64-linux-gnu pkg-config qemu-user \
        libgomp1:arm64 zlib1g-dev:arm64 libpng-dev:arm64 libjpeg-dev:arm64 check:arm64 || {
        not_made arm64 "$place/logs/packages"
        return
    }
    keep_packages trixie
    as root arm64 arm64_build || :
    as root arm64 arm64_neon || :
    as root arm64 arm64_chapters || :
    as root arm64 arm64_tests || :
}

musl() {
    system musl bookworm || { not_made musl "$place/logs/bookworm"; return; }
    install make gcc binutils libc6-dev musl-tools || {
        not_made musl "$place/logs/packages"
        return
    }
    keep_packages bookworm
    as student musl musl_chapters || :
    as student musl musl_grade || :
    as student musl musl_core || :
}

for system in "$@"; do
    echo "== $system"
    case $system in
    debian12) debian debian12 bookworm ;;
    debian13) debian debian13 trixie ;;
    *) "$system" ;;
    esac
    [ -z "$root" ] || [ "${KEEP:-}" = yes ] || rm -rf --one-file-system "$root"
done

echo
printf '%-9s %-22s %s\n' system part result
cat "$table"
passed=$(grep -c ' passed$' "$table")
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
