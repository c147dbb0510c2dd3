#!/usr/bin/env bash
# Makes the database of POSTGRES_USER and POSTGRES_PASSWORD at the first start, runs what lies in
# /docker-entrypoint-initdb.d, and then becomes the server.
set -euo pipefail
chmod 700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Made aside and moved in one step, so that a start that was cut off is begun anew.
  new=$PGDATA/new
  rm -rf "$new"
  initdb --pgdata="$new" --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
    --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
  printf 'host all all all scram-sha-256\n' >> "$new/pg_hba.conf"
  pg_ctl --pgdata="$new" --wait --options="-c listen_addresses=''" start
  for script in /docker-entrypoint-initdb.d/*.sh; do
    if [ -e "$script" ]; then bash "$script"; fi
  done
  pg_ctl --pgdata="$new" --wait --mode=fast stop
  # PG_VERSION is what tells a finished database from none: last.
  find "$new" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -t "$PGDATA" {} +
  mv "$new/PG_VERSION" "$PGDATA/"
  rmdir "$new"
fi
exec "$@" -c listen_addresses='*'
