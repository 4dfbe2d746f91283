#!/bin/sh
# Deploys Dify from a pipeline, with secrets that never touch a temporary file.
#
#   examples/deploy.sh [FILE]
#
# It talks to the Azure inside of the program unless DIFY_INFRA_TARGET says `azure`. dify-infra and
# dify-secrets are taken from the PATH.
set -eu

file=${1:-examples/dify-dev.toml}
secrets=${DIFY_INFRA_SECRETS:-$(dirname "$file")/deploy.secrets.env}
: "${DIFY_INFRA_TARGET:=embedded}"
export DIFY_INFRA_TARGET

# Made once, straight into the place where they stay (mode 0600, never overwritten). A pipeline with
# a store of its own pipes on instead:
#
#   dify-secrets gen --format github | gh secret set --env-file -
#   dify-secrets gen --format json   | vault kv put secret/dify -
if [ ! -e "$secrets" ]; then
    dify-secrets gen --out "$secrets"
fi

# What comes from elsewhere is looked at before it is used; the values stay in the pipe.
dify-secrets check - <"$secrets"

dify-infra check "$file"

# 0: nothing to do, 2: changes, anything else: stop here.
changes=0
dify-infra plan "$file" --secrets "$secrets" --detailed-exitcode || changes=$?
case $changes in
    0) ;;
    2) dify-infra apply "$file" --secrets "$secrets" --yes ;;
    *) exit "$changes" ;;
esac

dify-infra verify "$file" --junit "${DIFY_INFRA_JUNIT:-verify.xml}"
dify-infra outputs "$file"
