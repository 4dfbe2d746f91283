#!/bin/sh
# The settings go through standard input, so that the password is no argument of the process.
# As Azure Managed Redis is used: a password, and no key is thrown away when memory is full.
set -eu

exec redis-server - <<SETTINGS
requirepass $REDISCLI_AUTH
dir /data
appendonly yes
maxmemory-policy noeviction
SETTINGS
