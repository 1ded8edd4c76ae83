#!/bin/sh
# get_fashion_mnist.sh: put Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017; MIT
# licence) into data/fashion-mnist, every file checked by its SHA-256.
#
# Looked for in this order: already there; Debian's package dataset-fashion-mnist,
# installed; the same package downloaded and unpacked here, without root; the
# project's published address. When none works, the chapters run on the bundled
# sample in data/sample, so this ends with exit status 0, whatever fails. To fetch nothing:
#     make FETCH=no chapter5
#
# Nothing that is in data/ already is deleted or written over: a folder that lacks files
# gets them, and one whose files are others is left as it is.
set -u
# shellcheck source=common/scripts/portable.sh
. "$(dirname "$0")/../common/scripts/portable.sh"
cd "$(dirname "$0")" || exit 1
place=fashion-mnist
installed=${INSTALLED:-/usr/share/datasets/fashion-mnist} # INSTALLED is for tests

files="train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz
t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz"

published() { # published NAME: the file's SHA-256
    case $1 in
    train-images-idx3-ubyte.gz)
        echo b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7 ;;
    train-labels-idx1-ubyte.gz)
        echo 0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056 ;;
    t10k-images-idx3-ubyte.gz)
        echo cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa ;;
    t10k-labels-idx1-ubyte.gz)
        echo 8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05 ;;
    esac
}

right() { # right FILE NAME: is it the published file?
    [ -f "$1" ] && [ -r "$1" ] && [ "$(sha256_of "$1")" = "$(published "$2")" ]
}

has_all() { # has_all FOLDER: are all four there, and right?
    for f in $files; do
        right "$1/$f" "$f" || return 1
    done
}

ready() { # ready FOLDER: all that it needs, so that a build has nothing to do
    [ -f "$1/classes.txt" ] && has_all "$1"
}

the_sample() {
    for f in $files; do # the chapters would take them, and miss the others
        [ ! -e "$place/$f" ] || {
            echo "data: $1: data/$place lacks files; 'make data' tries again;" \
                "--data data/sample is for the sample"
            exit 0
        }
    done
    echo "data: $1: the chapters run on the sample in data/sample" \
        "(2000 + 500 images). 'make data' tries again."
    exit 0
}

case ${FETCH:-yes} in
yes | no) ;;
*)
    echo "data: FETCH is yes or no, not \"$FETCH\"" >&2
    exit 2
    ;;
esac

# ---- what is there -----------------------------------------------------------

if [ -z "$(sha256_of get_fashion_mnist.sh)" ]; then
    [ -e "$place" ] || the_sample "no sha256sum, shasum or openssl to check files with"
    echo "data: no sha256sum, shasum or openssl to check data/$place with"
    exit 0
fi
ready "$place" && exit 0

# as_it_is WHY: it isn't ours to mend.
as_it_is() {
    echo "data: data/$place $1; it is left as it is. To have Fashion-MNIST there," \
        "move it away and type make data."
    exit 0
}
if [ -h "$place" ]; then
    has_all "$place" && as_it_is "is a link to a folder that has no classes.txt"
    as_it_is "is a link to other files than the published ones, or to nothing"
fi
if [ -e "$place" ]; then
    [ -d "$place" ] || as_it_is "is no folder"
    [ -r "$place" ] && [ -x "$place" ] || as_it_is "can't be read"
    for f in $files; do
        [ ! -f "$place/$f" ] || [ -r "$place/$f" ] || as_it_is "has a $f that can't be read"
        [ ! -e "$place/$f" ] && [ ! -h "$place/$f" ] || right "$place/$f" "$f" ||
            as_it_is "has another $f than the published one"
        [ ! -e "$place/${f%.gz}" ] || as_it_is "has an unpacked ${f%.gz}"
    done
    [ -f "$place/classes.txt" ] ||
        { [ ! -e "$place/classes.txt" ] && [ ! -h "$place/classes.txt" ]; } ||
        as_it_is "has a classes.txt that is no file"
    [ -w "$place" ] || as_it_is "lacks files, and can't be written"
fi

# ---- getting it --------------------------------------------------------------

# Everything is made in a folder of this process's own; what is ready takes its place
# by one rename. Another build that was faster made the same.
own=
trap '[ -z "$own" ] || rm -rf "$own"' EXIT
trap 'exit 1' HUP INT TERM

own_folder() {
    own=$(mktemp -d "$PWD/$place.new.XXXXXX" 2>/dev/null) && chmod 755 "$own" &&
        mkdir "$own/new" "$own/got" && return
    the_sample "data/ can't be written"
}

take_from() { # take_from FOLDER WORDS: the four files, or say what is wrong
    has_all "$1" || {
        echo "data: $2: files missing or their checksums are wrong" >&2
        return 1
    }
    for f in $files; do
        cp "$1/$f" "$own/new/$f" || return 1
    done
    printf '%s\n' T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag \
        'Ankle boot' >"$own/new/classes.txt"
    ready "$own/new" || return 1
    if [ ! -e "$place" ]; then
        mv "$own/new" "$place" || return 1
        rm -rf "$place/new" # from moving into what another build had just made
    else
        for f in $files classes.txt; do
            [ -e "$place/$f" ] || mv "$own/new/$f" "$place/$f" || return 1
        done
    fi
    echo "data: Fashion-MNIST, 60000 + 10000 images, from $2"
}

from_download_of_package() {
    command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || return 1
    (cd "$own/got" && within 120 apt-get download -qq dataset-fashion-mnist) \
        >/dev/null 2>&1 || return 1
    dpkg-deb -x "$own"/got/dataset-fashion-mnist*.deb "$own/got" || return 1
    take_from "$own/got/usr/share/datasets/fashion-mnist" \
        "Debian's package dataset-fashion-mnist, unpacked"
}

fetch() { # fetch ADDRESS FILE
    if command -v curl >/dev/null 2>&1; then
        curl -fsSL --proto '=https' --connect-timeout 10 --max-time 300 -o "$2" "$1" \
            2>/dev/null
    elif command -v wget >/dev/null 2>&1; then
        wget -q -T 20 -O "$2" "$1" 2>/dev/null
    else
        return 1
    fi
}

from_published_address() {
    base=https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion
    for f in $files; do
        fetch "$base/$f" "$own/got/$f" && right "$own/got/$f" "$f" || return 1
    done
    take_from "$own/got" "$base"
}

if has_all "$place"; then # all but classes.txt
    own_folder
    take_from "$place" "data/$place, which lacked classes.txt" && exit 0
fi
if [ -d "$installed" ]; then
    [ -n "$own" ] || own_folder
    take_from "$installed" "Debian's package dataset-fashion-mnist" && exit 0
fi
if [ "${FETCH:-yes}" = no ]; then
    the_sample "FETCH=no"
fi
[ -n "$own" ] || own_folder
echo "data: getting Fashion-MNIST (31 MB) ..."
from_download_of_package && exit 0
from_published_address && exit 0
the_sample "no way to Fashion-MNIST from here"
