
# nginx's resolver knows neither /etc/resolv.conf nor search domains, and both differ from one
# environment to the next: take them from there, then start nginx.
#
# DIFY_INFRA_RESOLV_CONF    another file to read
# DIFY_INFRA_NAMESERVERS    nameservers to use instead, separated by spaces; a port may follow
# DIFY_INFRA_SEARCH_DOMAIN  search domain to use instead; empty for none

set -eu
umask 022

fail() {
    printf 'start-nginx: %s\n' "$1" >&2
    exit 1
}

# Leaves in $address what nginx takes for a nameserver, or nothing.
read_address() {
    address=
    case $1 in
        '' | *[!0-9A-Fa-f.:]*) ;;
        *:*) address="[$1]" ;;
        *) address=$1 ;;
    esac
}

resolv_conf=${DIFY_INFRA_RESOLV_CONF:-/etc/resolv.conf}
nameservers=
search=
if [ -r "$resolv_conf" ]; then
    while read -r keyword value rest || [ -n "$keyword" ]; do
        case $keyword in
            nameserver)
                read_address "$value"
                [ -z "$address" ] || nameservers="$nameservers $address"
                ;;
            search | domain) search=$value ;;
        esac
    done <"$resolv_conf"
fi

# Docker's own nameserver answers names of its network, and the host's search domain is not theirs.
case "$nameservers " in
    ' 127.0.0.11 '*) search= ;;
esac

nameservers=${DIFY_INFRA_NAMESERVERS:-$nameservers}
search=${DIFY_INFRA_SEARCH_DOMAIN-$search}
search=${search%.}
case $search in
    *[!0-9A-Za-z._-]*) fail "search domain '$search' is not a domain" ;;
esac
case $nameservers in
    *[!0-9A-Fa-f.:\ \[\]]*) fail "nameservers '$nameservers' are not addresses" ;;
    *[!\ ]*) ;;
    *) fail "$resolv_conf names no nameserver that nginx can use; set DIFY_INFRA_NAMESERVERS" ;;
esac

mkdir -p "$runtime"
printf 'resolver %s valid=%ss ipv6=off;\nmap "" $search_suffix { default "%s"; }\n' \
    "$nameservers" "$address_lifetime" "${search:+.$search}" >"$runtime/resolver.conf"

exec nginx -e /dev/stderr -c "$files/nginx.conf" -g 'daemon off;' "$@"
