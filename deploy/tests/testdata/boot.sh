# Runs systemd as the first process of the namespaces that this is started in,
# with the units in $WORK/units and no others, on a copy of the file system that
# goes away with it. $WORK/etc is its /etc/geelark_exporter.
set -eu
mount --make-rprivate /
mkdir "$WORK/layers" "$WORK/root"
mount -t tmpfs tmpfs "$WORK/layers"
mkdir "$WORK/layers/upper" "$WORK/layers/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$WORK/layers/upper,workdir=$WORK/layers/work" "$WORK/root"
cp -r "$WORK/units" "$WORK/root/units"
cp -r "$WORK/etc" "$WORK/root/etc/geelark_exporter"
cp "$EXPORTER" "$WORK/root/usr/local/bin/geelark_exporter"
cd "$WORK/root"

mount -t proc proc proc
# The kernel's settings are the machine's.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs dev
for device in null zero full random urandom tty ptmx; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/shm
# The first process of a container logs to the kernel's log.
touch "$WORK/log" dev/kmsg
mount --bind "$WORK/log" dev/kmsg

mkdir old
pivot_root . old
umount -l old
# Credentials reach services by propagation.
mount --make-rshared /
echo ready
exec env -i container=test PATH=/usr/bin:/bin SYSTEMD_UNIT_PATH=/units SYSTEMD_LOG_TARGET=kmsg \
  /lib/systemd/systemd --system --unit=geelark_exporter.service
