#!/bin/sh
# Renders the templates of a load balancer into /tmp and becomes nginx.
#
#   start.sh runner-lb|judge0-lb
#
#   UPSTREAMS     what it balances over, as "address:port address:port"
#   MAX_BODY      largest request body of runner-lb (16m, the gateway's own bound); judge0-lb has the engine's
#   READ_TIMEOUT  in which a gateway answers what waits for no program (15s)
#   LARGE_BODIES  requests with a large body that one address may have at a time (32)
#   CERTIFICATES  folder of fullchain.pem and privkey.pem (/etc/sandgate/tls): with them, TLS on 8443
#
# Addresses, not names: nginx looks names up once, when it starts, and does not start at all while
# one of them is unknown, as that of a stopped container is.
set -eu
role=$1
here=$(dirname "$0")
out=/tmp/nginx
CERTIFICATES=${CERTIFICATES:-/etc/sandgate/tls}
mkdir -p "$out"

SERVERS=
for address in ${UPSTREAMS:?names no upstream}; do
  # Two failures within five seconds, and a server gets nothing for five seconds.
  SERVERS="$SERVERS
    server $address max_fails=2 fail_timeout=5s;"
done
TLS=
if [ -r "$CERTIFICATES/fullchain.pem" ] && [ -r "$CERTIFICATES/privkey.pem" ]; then
  TLS="include $out/tls.conf;"
fi
HERE=$here OUT=$out MAX_BODY=${MAX_BODY:-16m} READ_TIMEOUT=${READ_TIMEOUT:-15s} LARGE_BODIES=${LARGE_BODIES:-32}
export SERVERS TLS HERE OUT MAX_BODY READ_TIMEOUT LARGE_BODIES CERTIFICATES

for name in "$role" proxy tls; do
  # Only these are replaced: the rest of the dollar signs are nginx's own.
  # shellcheck disable=SC2016
  envsubst '$SERVERS $TLS $HERE $OUT $MAX_BODY $READ_TIMEOUT $LARGE_BODIES $CERTIFICATES' < "$here/$name.conf.template" > "$out/$name.conf"
done
exec nginx -e /dev/stderr -c "$out/$role.conf" -g 'daemon off;'
