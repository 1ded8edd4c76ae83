#!/bin/sh
# setup.sh GROUP...: install what is missing of the groups build, test, plots, mutants.
#
# Debian and Ubuntu, as root or through sudo. Asks nothing of the network when
# nothing is missing. Where it can't install, it prints the commands to type.
set -u

missing=""
want() { # want "COMMAND THAT WORKS IF IT IS THERE" PACKAGE...
    probe=$1
    shift
    sh -c "$probe" >/dev/null 2>&1 || missing="$missing $*"
}

header() { # does the compiler find this header?
    printf '#include <%s>\n' "$1" >"${TMPDIR:-/tmp}/setup.$$.c"
    echo "{ gcc -E ${TMPDIR:-/tmp}/setup.$$.c || clang -E ${TMPDIR:-/tmp}/setup.$$.c; }"
}
trap 'rm -f "${TMPDIR:-/tmp}/setup.$$.c"' EXIT

for group in "$@"; do
    case $group in
    build)
        want 'command -v gcc || command -v clang' gcc
        want 'command -v g++ || command -v clang++' g++
        want 'command -v make' make
        want 'command -v objcopy' binutils
        want "$(header stdio.h)" libc6-dev
        want "$(header zlib.h)" zlib1g-dev
        want "$(header jansson.h)" libjansson-dev
        ;;
    test)
        want 'command -v pkg-config' pkg-config
        want "$(header check.h)" check
        want 'command -v patch' patch
        ;;
    mutants)
        want 'command -v patch' patch
        ;;
    plots)
        want 'command -v gnuplot' gnuplot-nox
        ;;
    *)
        echo "setup: unknown group $group" >&2
        exit 2
        ;;
    esac
done

if [ -z "$missing" ]; then
    echo "setup: nothing is missing ($*)"
    exit 0
fi

by_hand() {
    echo "setup: $1. Have these commands run, then try again:" >&2
    echo "    sudo apt-get update" >&2
    echo "    sudo apt-get install -y$missing" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 || {
    echo "setup: no apt-get here; this machine lacks what Debian calls:$missing" >&2
    echo "setup: install them with this system's package manager" >&2
    exit 1
}
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    as_root="sudo"
else
    by_hand "this needs root, or sudo"
fi

echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq || by_hand "apt-get update failed"
# shellcheck disable=SC2086 # package names are words
$as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
    by_hand "apt-get install failed"
echo "setup: done"
