#!/busybox sh
# The first process of a machine of test:vm: it mounts the root and goes on from there.
b=/busybox
$b mkdir -p /dev /proc /root
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
# They need each other; those that fail are there in a later round, or built in.
for round in 1 2 3 4 5; do
  for module in /modules/*; do $b insmod $module 2>/dev/null; done
done
tries=0
until [ -b /dev/vdb ] || [ $tries = 100 ]; do
  $b sleep 0.1
  tries=$((tries + 1))
done
$b mount -t ext4 -o noatime /dev/vda /root && $b mount -t ext4 -o ro /dev/vdb /root/payload || $b poweroff -f
$b umount /proc
$b mount --move /dev /root/dev
exec $b switch_root /root /bin/bash /payload/run.sh
