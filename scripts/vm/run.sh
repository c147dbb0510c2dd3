#!/bin/bash
# What a machine of test:vm does: it makes the places in which people run a worker, one after the other, and in
# each runs the tests of the sandbox and an engine with some submissions. The kernel's command line
# says which places ("places=host,user") and tests ("suite=short"). All goes to the serial console.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/shm /dev/pts
mount -t devpts devpts /dev/pts
for folder in /tmp /run /dev/shm; do mount -t tmpfs -o mode=1777 tmpfs $folder; done
exec </dev/null >/dev/console 2>&1
dmesg --console-off # it would write into the lines of the tests
trap 'echo "@@ off"; busybox poweroff -f' EXIT

argument() { tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p"; }
places=$(argument places) suite=$(argument suite)

# As systemd mounts it.
groups=/sys/fs/cgroup
mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 $groups
controllers="+cpu +memory +pids"
busybox ifconfig lo up
# Memory that is limited must not go to the disk instead.
mkswap /dev/vdc >/dev/null && swapon /dev/vdc
echo "@@ kernel $(uname -rm), $(nproc) processors, swap $(awk 'NR > 1 { print $3 }' /proc/swaps) kB"

# Makes a group below others that give on their controllers.
make_group() {
  local path=$groups part
  echo "$controllers" >$path/cgroup.subtree_control
  for part in ${1//\// }; do
    path=$path/$part
    mkdir -p $path
    [ "$part" = "${1##*/}" ] || echo "$controllers" >$path/cgroup.subtree_control
  done
}

# Runs a command with its group being that one.
within() {
  local group=$1
  shift
  (echo $BASHPID >$groups/$group/cgroup.procs && exec "$@")
}

# The same with process ids of their own: nobody in the group is from outside, as in a container.
contained() {
  local group=$1
  shift
  unshare --mount --pid --fork --mount-proc bash -c 'echo 0 >"$0" && exec "$@"' $groups/$group/cgroup.procs "$@"
}

ordinary=(setpriv --reuid=1000 --regid=1000 --clear-groups)
powers=+setuid,+setgid,+setfcap,+dac_override,+kill
place() {
  case $1 in
  host) # root, in the top group of all, as a service that is to live on when memory runs out
    (echo -1000 >/proc/$BASHPID/oom_score_adj && exec /payload/tests.sh) ;;
  service) # root, in a group as systemd makes one with Delegate=yes
    make_group system.slice/sandgate.service
    within system.slice/sandgate.service /payload/tests.sh ;;
  container) # root with few powers, process ids of its own, and the host's groups
    make_group system.slice/docker-1.scope
    contained system.slice/docker-1.scope \
      setpriv --no-new-privs --bounding-set=-all,$powers --inh-caps=-all /payload/tests.sh ;;
  private) # root in a container that sees its own group as the top
    make_group system.slice/docker-2.scope
    contained system.slice/docker-2.scope unshare --cgroup --mount \
      bash -c "umount $groups; mount -t cgroup2 cgroup2 $groups; exec /payload/tests.sh" ;;
  user) # an ordinary user, in a group that is given to it as systemd does it
    local given=user.slice/user-1000.slice/user@1000.service
    make_group $given/app.slice/sandgate.service
    chown 1000:1000 $groups/$given $groups/$given/cgroup.{procs,threads,subtree_control}
    chown -R 1000:1000 $groups/$given/app.slice
    within $given/app.slice/sandgate.service "${ordinary[@]}" /payload/tests.sh ;;
  undelegated) # an ordinary user, in a group that is not
    make_group user.slice/user-1000.slice/session-1.scope
    within user.slice/user-1000.slice/session-1.scope "${ordinary[@]}" /payload/tests.sh ;;
  esac
}

for name in ${places//,/ }; do
  echo "@@ place $name"
  place=$name suite=$suite place $name
  left=$(find $groups -name 'sandgate-boxes-*')
  [ -z "$left" ] && echo "--- PASS: no control groups are left" || echo "--- FAIL: control groups are left: $left"
  dmesg -c | grep -E 'BUG|WARNING|Oops|rcu.*stall|panic'
done
echo "@@ done"
