#!/bin/sh
# Deploys Dify from a pipeline. Secrets go through pipes, never through a temporary file.
#
#   examples/deploy.sh [FILE]
#
# It talks to the Azure inside of the program unless DIFY_INFRA_TARGET says `azure`. dify-infra and
# dify-secrets are taken from the PATH.
set -eu

file=${1:-examples/dify-dev.toml}
store=${DEPLOY_STORE:-deploy.secrets.env}
: "${DIFY_INFRA_TARGET:=embedded}"
export DIFY_INFRA_TARGET

# Where the pipeline keeps secrets. A file of its owner's here; elsewhere, for example:
#
#   keep()  { gh secret set --env-file -; }           with `dify-secrets gen --format github`
#   keep()  { vault kv put secret/dify -; }           with `dify-secrets gen --format json`
#   fetch() { vault kv get -format=json -field=data secret/dify; }
keep() { (umask 077 && cat >"$store"); }
fetch() { cat "$store"; }

# Made once, straight into the store. An empty store beside a living deployment is a loss: new
# secrets would end every session and lock stored credentials away.
if [ ! -e "$store" ]; then
    if dify-infra outputs "$file" --json --quiet 2>/dev/null | grep -q '"front_door": "'; then
        echo "the deployment lives and $store is gone: bring it back, or run" >&2
        echo "'dify-infra apply' without --secrets once, which reads the secrets back" >&2
        exit 1
    fi
    dify-secrets gen | keep
fi

# What comes back is looked at before it is used: nothing published, weak, reused or torn.
fetch | dify-secrets check -

dify-infra check "$file"

# 0: nothing to do. 2: changes. Anything else: stop here.
changes=0
fetch | dify-infra plan "$file" --secrets /dev/stdin --detailed-exitcode || changes=$?
case $changes in
    0) ;;
    2) fetch | dify-infra apply "$file" --secrets /dev/stdin --yes --quiet ;;
    *) exit "$changes" ;;
esac

dify-infra verify "$file" --junit "${DEPLOY_JUNIT:-verify.xml}"
dify-infra outputs "$file"
