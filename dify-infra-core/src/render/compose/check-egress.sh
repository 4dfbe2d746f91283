#!/bin/sh
# Run in the sandbox's place: what user code must not reach is out of reach, and the internet answers
# through the proxy. Says each thing that is not so, and fails if there is one.
set -u

failures=0
wrong() {
    printf 'WRONG: %s\n' "$1"
    failures=$((failures + 1))
}

# Whether a connection comes about without the proxy. curl ends with 6 when there is no such name, 7
# when nothing answers there and 28 when the time is up.
check_direct() {
    curl --silent --output /dev/null --noproxy '*' --connect-timeout 3 --max-time 5 "$1"
    case $? in
        6 | 7 | 28) printf 'ok: %s is out of reach\n' "$1" ;;
        *) wrong "$1 is within reach without the proxy" ;;
    esac
}

proxied_status() {
    curl --silent --output /dev/null --write-out '%{http_code}' --proxy "$PROXY" --max-time 20 "$1"
}

check_denied() {
    status=$(proxied_status "$1")
    if [ "$status" = 403 ]; then
        printf 'ok: the proxy refuses %s\n' "$1"
    else
        wrong "the proxy answers $status for $1"
    fi
}

for url in $OUT_OF_REACH; do
    check_direct "$url"
    check_denied "$url"
done

check_direct "$ALLOWED_URL"
status=$(proxied_status "$ALLOWED_URL")
case $status in
    000 | 403) wrong "$ALLOWED_URL can't be reached through the proxy: $status" ;;
    *) printf 'ok: %s answers through the proxy: %s\n' "$ALLOWED_URL" "$status" ;;
esac

[ "$failures" -eq 0 ]
