#!/bin/sh
# Writes a tar archive of a root file system with the programs that this machine has installed, and
# the files of this directory: one image that can stand in for every image of the project.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
extra=$(mktemp -d)
trap 'rm -rf "$extra"' EXIT

postgres=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 | sort -V | tail -n 1)
version=${postgres##*/}
share=/usr/share/postgresql/$version

# Names that are found through the search path of the image, whatever Debian calls them.
mkdir -p "$extra/tmp" "$extra/data" "$extra/run" "$extra/var/log/squid" "$extra$share/extension"
chmod 1777 "$extra/tmp"
chown redis "$extra/data"
cp "$here/stand-in.sh" "$here/serve.py" "$here/azurite.py" "$extra/"
# Debian 12 has no pgvector: an extension of its name, so that making it is put to the test.
printf 'default_version = %s0%s\n' "'" "'" >"$extra$share/extension/vector.control"
printf 'CREATE DOMAIN vector AS real[];\n' >"$extra$share/extension/vector--0.sql"

programs="/bin/sh /bin/bash /usr/bin/curl /usr/bin/python3 /usr/sbin/nginx /usr/sbin/squid
    /usr/bin/redis-server /usr/bin/redis-cli /usr/bin/setpriv /bin/cat /bin/chmod /bin/chown
    /bin/mkdir /bin/sleep $postgres/bin/postgres $postgres/bin/initdb $postgres/bin/psql
    $postgres/bin/pg_isready"
modules="$postgres/lib/plpgsql.so $postgres/lib/dict_snowball.so $postgres/lib/uuid-ossp.so"
python=$(/usr/bin/python3 -c 'import sysconfig; print(sysconfig.get_paths()["stdlib"])')
python_modules=$(find "$python/lib-dynload" -name '*.so')

# shellcheck disable=SC2086
libraries=$(ldd $programs $modules $python_modules | awk '$2 == "=>" { print $3 } $1 ~ "^/.*ld-linux" { print $1 }' |
    sort -u)
# shellcheck disable=SC2086
tar --create --dereference --hard-dereference --absolute-names --ignore-failed-read \
    --transform "s|^$extra||" --transform "s|^$postgres/bin/psql\$|/usr/bin/psql|" \
    --transform "s|^$postgres/bin/pg_isready\$|/usr/bin/pg_isready|" \
    --exclude '*/test' --exclude '*/dist-packages' --exclude '*/idlelib' --exclude '*/ensurepip' \
    --exclude '*/lib2to3' --exclude '*/config-3*' --exclude '*/tkinter' \
    $programs $modules $libraries "$python" "$share" /usr/share/squid /usr/lib/squid /etc/squid \
    /usr/share/zoneinfo/Etc /etc/passwd /etc/group /etc/nsswitch.conf "$extra/tmp" "$extra/data" "$extra/run" \
    "$extra/var" "$extra$share/extension/vector.control" "$extra$share/extension/vector--0.sql" \
    "$extra/stand-in.sh" "$extra/serve.py" \
    "$extra/azurite.py"
