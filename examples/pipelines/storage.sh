#!/bin/sh
# A pipeline that knows nothing of dify-infra: a resource group and a storage account, with curl alone.
# Needs ENDPOINT, SUBSCRIPTION, TOKEN, GROUP and ACCOUNT.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# arm METHOD ADDRESS [BODY]: prints the status; what was answered is in $folder. Throttling, errors of the
# service and broken connections are tried again: a PUT may be repeated.
arm() {
    printf 'header = "authorization: Bearer %s"\n' "$TOKEN" |
        curl --config - --silent --retry 4 --retry-all-errors --request "$1" --data "${3:-}" \
            --header 'content-type: application/json' --dump-header "$folder/headers" \
            --output "$folder/answer" --write-out '%{http_code}' "$2"
}

refuse() {
    echo "pipeline: $1" >&2
    cat "$folder/answer" >&2
    exit 1
}

header() {
    tr -d '\r' <"$folder/headers" | sed -n "s/^$1: //p" | tail -n 1
}

group="$ENDPOINT/subscriptions/$SUBSCRIPTION/resourcegroups/$GROUP"
status=$(arm PUT "$group?api-version=2025-04-01" '{"location": "japaneast"}')
case "$status" in
200 | 201) ;;
*) refuse "the group was not made: $status" ;;
esac

account="$group/providers/Microsoft.Storage/storageAccounts/$ACCOUNT?api-version=2026-04-01"
body='{"location": "japaneast", "kind": "StorageV2", "sku": {"name": "Standard_LRS"},
    "properties": {"minimumTlsVersion": "TLS1_2", "allowBlobPublicAccess": false}}'
status=$(arm PUT "$account" "$body")
while [ "$status" = 202 ]; do
    location=$(header location)
    sleep "$(header retry-after)"
    status=$(arm GET "$location")
done
[ "$status" = 200 ] || refuse "the account was not made: $status"
echo "pipeline: $ACCOUNT is there"
