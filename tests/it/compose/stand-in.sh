#!/bin/sh
# The entrypoint of every stand-in image. Which one it is follows from the variables it is given, and
# what it does with them is real: it signs in to PostgreSQL and Redis as Dify would.
set -eu
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)

sql() {
    PGPASSWORD=$DB_PASSWORD psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --host "$DB_HOST" \
        --port "$DB_PORT" --username "$DB_USERNAME" --dbname "$DB_DATABASE" --command "$1"
}

# $1: password
ping_redis() {
    [ "$(REDISCLI_AUTH=$1 redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" -n "$REDIS_DB" ping)" = PONG ]
}

check_redis() {
    [ "$REDIS_USE_SSL" = false ]
    ping_redis "$REDIS_PASSWORD"
}

# The broker is the same Redis; its password holds nothing that a URL encodes.
check_broker() {
    rest=${CELERY_BROKER_URL#redis://:}
    [ "${rest#*@}" = "$REDIS_HOST:$REDIS_PORT/$REDIS_DB" ]
    ping_redis "${rest%%@*}"
}

if [ -n "${AZURITE_ACCOUNTS-}" ]; then
    [ "$1" = azurite-blob ]
    exec python3 /azurite.py
elif [ -n "${POSTGRES_USER-}" ]; then
    [ "$1" = postgres ]
    mkdir -p "$PGDATA"
    chown postgres "$PGDATA"
    chmod 700 "$PGDATA"
    if [ ! -e "$PGDATA/PG_VERSION" ]; then
        printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
        chown postgres /tmp/password
        setpriv --reuid postgres --regid postgres --clear-groups initdb --pgdata "$PGDATA" \
            --username "$POSTGRES_USER" --pwfile /tmp/password --auth-host scram-sha-256 --no-sync
        printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
    fi
    exec setpriv --reuid postgres --regid postgres --clear-groups "$@" -D "$PGDATA" \
        -c listen_addresses='*' -c unix_socket_directories=/tmp
elif [ -n "${SANDBOX_PORT-}" ]; then
    exec python3 /serve.py sandbox "$SANDBOX_PORT" /health
elif [ -n "${SERVER_PORT-}" ]; then
    sql 'CREATE TABLE IF NOT EXISTS plugins ()'
    [ "$DB_DATABASE" = dify_plugin ]
    [ "$DB_SSL_MODE" = disable ]
    check_redis
    exec python3 /serve.py plugin_daemon "$SERVER_PORT" /health/check
elif [ "${MODE-}" = migration ]; then
    [ "$MIGRATION_ENABLED" = true ]
    check_redis
    check_broker
    # As Dify's first migration does; the extension vector is there already.
    sql 'CREATE EXTENSION IF NOT EXISTS "uuid-ossp"; CREATE TABLE IF NOT EXISTS migrated ()'
elif [ -n "${MODE-}" ]; then
    [ "$MIGRATION_ENABLED" = false ]
    # Fails when the migration has not run.
    sql 'SELECT FROM migrated'
    check_redis
    check_broker
    [ "$MODE" = api ] || exec sleep infinity
    exec python3 /serve.py api 5001 /health
else
    exec python3 /serve.py web 3000 /
fi
