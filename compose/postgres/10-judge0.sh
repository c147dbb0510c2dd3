#!/usr/bin/env bash
# At the first start: the engine's own role and database. The superuser's password stays with the
# database; the engine never has it.
set -euo pipefail
psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 --set password="$JUDGE0_PASSWORD" <<'SQL'
CREATE ROLE judge0 LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE DATABASE judge0 OWNER judge0;
REVOKE CONNECT ON DATABASE judge0, postgres FROM PUBLIC;
SQL
