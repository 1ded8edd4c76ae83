#!/bin/sh
# get_fashion_mnist.sh: put Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017; MIT
# licence) into data/fashion-mnist, every file checked by its checksum.
#
# Looked for in this order: already there; Debian's package dataset-fashion-mnist,
# installed; the same package downloaded and unpacked here, without root; the
# project's published addresses. When none works, the chapters run on the bundled
# sample in data/sample, so this always ends with exit status 0. To fetch nothing:
#     make FETCH=no chapter5
set -u
# shellcheck source=common/scripts/portable.sh
. "$(dirname "$0")/../common/scripts/portable.sh"
cd "$(dirname "$0")" || exit 1
place=fashion-mnist

files="train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz
t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz"

published() {
    case $1 in # as published in the project's README
    train-images-idx3-ubyte.gz) echo cf8536b0aa1a6ac5fa3f23001093305c ;;
    train-labels-idx1-ubyte.gz) echo 10bea18fdb374794d4bb42e356e600c9 ;;
    t10k-images-idx3-ubyte.gz) echo f78720b4224f21cce2f2ccf2d7a94c9a ;;
    t10k-labels-idx1-ubyte.gz) echo 0d30e22e447f3c33dab9ed536400ac01 ;;
    esac
}

right() { # right FILE NAME: is it the published file?
    [ -f "$1" ] && [ "$(md5_of "$1")" = "$(published "$2")" ]
}

has_all() { # has_all DIRECTORY: are all four there, and right?
    for f in $files; do
        right "$1/$f" "$f" || return 1
    done
}

take_from() { # take_from DIRECTORY WORDS: copy the four files, or say what is wrong
    has_all "$1" || {
        echo "data: $2: files missing or their checksums are wrong" >&2
        return 1
    }
    rm -rf "$place.new"
    mkdir -p "$place.new" || return 1
    for f in $files; do
        cp "$1/$f" "$place.new/$f" || return 1
    done
    printf '%s\n' T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag \
        'Ankle boot' >"$place.new/classes.txt"
    rm -rf "$place"
    mv "$place.new" "$place" || return 1
    echo "data: Fashion-MNIST, 60000 + 10000 images, from $2"
}

from_download_of_package() {
    command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || return 1
    (cd "$scratch" && within 120 apt-get download -qq dataset-fashion-mnist) \
        >/dev/null 2>&1 || return 1
    dpkg-deb -x "$scratch"/dataset-fashion-mnist*.deb "$scratch" || return 1
    take_from "$scratch/usr/share/datasets/fashion-mnist" \
        "Debian's package dataset-fashion-mnist, unpacked"
}

fetch() { # fetch ADDRESS FILE
    if command -v curl >/dev/null 2>&1; then
        curl -fsSL --connect-timeout 10 --max-time 300 -o "$2" "$1" 2>/dev/null
    elif command -v wget >/dev/null 2>&1; then
        wget -q --timeout=20 --tries=1 -O "$2" "$1" 2>/dev/null
    else
        return 1
    fi
}

from_published_addresses() {
    for base in \
        http://fashion-mnist.s3-website.eu-central-1.amazonaws.com \
        https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion; do
        ok=yes
        for f in $files; do
            fetch "$base/$f" "$scratch/$f" && right "$scratch/$f" "$f" || {
                ok=no
                break
            }
        done
        if [ $ok = yes ]; then
            take_from "$scratch" "$base"
            return
        fi
    done
    return 1
}

if [ -f $place/classes.txt ] && has_all $place; then
    exit 0
fi
installed=/usr/share/datasets/fashion-mnist
if [ -d $installed ] && take_from $installed "Debian's package dataset-fashion-mnist"; then
    exit 0
fi
if [ "${FETCH:-yes}" = no ]; then
    echo "data: FETCH=no: the chapters run on the sample in data/sample"
    exit 0
fi
scratch=$(new_scratch) || exit 1
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch" # apt's downloader may run as another user
echo "data: getting Fashion-MNIST (31 MB) ..."
from_download_of_package && exit 0
from_published_addresses && exit 0
echo "data: no way to Fashion-MNIST from here: the chapters run on the sample in" \
    "data/sample (2000 + 500 images). 'make data' tries again."
exit 0
