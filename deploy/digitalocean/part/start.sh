#!/bin/sh
# Starts what this droplet is for. Run again after a change of compose.yml.
set -eu
cd /opt/sandgate
compose=/usr/local/lib/docker/cli-plugins/docker-compose
if [ ! -x "$compose" ]; then
  mkdir -p "$(dirname "$compose")"
  curl -fsSL --retry 5 -o "$compose.new" \
    https://github.com/docker/compose/releases/download/v2.39.2/docker-compose-linux-x86_64
  chmod 755 "$compose.new"
  mv "$compose.new" "$compose"
fi
# The address by which the others call this droplet.
PRIVATE_ADDRESS=$(curl -fsS http://169.254.169.254/metadata/v1/interfaces/private/0/ipv4/address)
printf 'PRIVATE_ADDRESS=%s\n' "$PRIVATE_ADDRESS" > .env
mkdir -p tls
# nginx is not root, and answers on 443.
sysctl -qw net.ipv4.ip_unprivileged_port_start=443
docker compose pull --quiet
docker compose up --detach --remove-orphans
