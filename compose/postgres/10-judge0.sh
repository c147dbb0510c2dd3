#!/usr/bin/env bash
# At the first start: the engine's own role and database, and a role that reads statistics alone, for the
# monitoring. The superuser's password stays with the
# database; the engine never has it.
set -euo pipefail
psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 --set password="$JUDGE0_PASSWORD" \
  --set metrics="$METRICS_PASSWORD" <<'SQL'
CREATE ROLE judge0 LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE DATABASE judge0 OWNER judge0;
REVOKE CONNECT ON DATABASE judge0, postgres FROM PUBLIC;
CREATE ROLE metrics LOGIN PASSWORD :'metrics' NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT 5 IN ROLE pg_monitor;
GRANT CONNECT ON DATABASE judge0 TO metrics;
SQL
