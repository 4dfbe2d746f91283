#!/bin/sh
# Makes what is missing of the databases and extensions; it may run any number of times.
set -eu

for database in $DATABASES; do
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set "database=$database" <<'SQL'
SELECT format('CREATE DATABASE %I', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
SQL
done

for extension in $EXTENSIONS; do
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set "extension=$extension" \
        --dbname "$EXTENSION_DATABASE" <<'SQL'
CREATE EXTENSION IF NOT EXISTS :"extension";
SQL
done
