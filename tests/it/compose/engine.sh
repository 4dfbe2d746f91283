#!/bin/sh
# Starts a Docker engine in the network, mount and process namespaces of its own that it finds itself
# in, with a few hosts beside it that containers may or may not reach. Nothing leaves the machine:
# there is no interface that leads anywhere.
#
# $1: an empty directory; $2: the cgroup of all containers; the rest: addresses of the hosts
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$1 cgroup=$2
shift 2

mount --make-rprivate /
mount -t tmpfs tmpfs /run
: >"$root/resolv.conf"
mount --bind "$root/resolv.conf" "$(readlink -f /etc/resolv.conf)"
ip link set lo up

# A network beyond the engine's host, which is the host's way to everything else: what goes there is
# forwarded, as on a real host, and not taken in by the host itself.
ip netns add outside
ip link add outside type veth peer name eth0 netns outside
ip address add 192.0.2.1/24 dev outside
ip link set outside up
ip route add default via 192.0.2.2
outside() { ip netns exec outside "$@"; }
outside ip link set lo up
outside ip address add 192.0.2.2/24 dev eth0
outside ip link set eth0 up
for address in "$@"; do outside ip address add "$address/32" dev lo; done
outside /usr/bin/python3 "$here/serve.py" outside 80 / "$@" &

# Where an overlay can't lie on this file system, whole copies do.
driver=vfs
mkdir -p "$root/try/lower" "$root/try/upper" "$root/try/work" "$root/try/merged"
if mount -t overlay overlay "$root/try/merged" -o \
    "lowerdir=$root/try/lower,upperdir=$root/try/upper,workdir=$root/try/work"; then
    umount "$root/try/merged"
    driver=overlay2
fi

exec dockerd --host "unix://$root/docker.sock" --data-root "$root/data" --exec-root "$root/exec" \
    --pidfile "$root/docker.pid" --storage-driver "$driver" --cgroup-parent "$cgroup" \
    --log-level warn
