#!/bin/sh
# Installs what the tests and the demo use, on Debian and its kin. Does nothing where all is there.
set -eu

missing=
need() { # COMMAND PACKAGE
    if ! command -v "$1" >/dev/null 2>&1; then
        missing="$missing $2"
    fi
}

PATH=$PATH:/usr/sbin:/sbin
need ip iproute2
need keepalived keepalived
need vtysh frr
need haproxy haproxy
need tcpdump tcpdump
need nft nftables
need tshark tshark
need killall psmisc
need ps procps
need ping iputils-ping
need unshare util-linux
need script bsdutils
need strace strace
need mandoc mandoc
need shellcheck shellcheck
need cc gcc
need zsh zsh
need prometheus prometheus # 23 MB to fetch with what it brings

[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "please install:$missing" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "not root, so please run: apt-get install$missing" >&2
    exit 1
fi

# The daemons among them are only wanted as programs: nothing is to be started on this machine.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# shellcheck disable=SC2086 # a list of words
apt-get -qq install --no-install-recommends -y $missing >/dev/null
