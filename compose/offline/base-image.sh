#!/usr/bin/env bash
# Makes the base of the offline images from Debian's packages, where no registry can be reached:
#
#   compose/offline/base-image.sh [TAG]        default: sandgate-base:trixie
#
# Needs root, debootstrap and a Debian mirror (DEBIAN_MIRROR). The machine's own certificate
# authorities go in, so that builds can fetch from where the machine can.
set -euo pipefail
tag=${1:-sandgate-base:trixie}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=ca-certificates trixie "$root" "$mirror"
cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
chroot "$root" update-ca-certificates
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root"/var/log/* "$root"/usr/share/{doc,man}/*
tar -C "$root" -c . | docker import \
  --change 'CMD ["bash"]' \
  --change 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' \
  - "$tag"
