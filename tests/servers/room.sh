# Runs a mail server in a room of its own: `room.sh PACKAGES ROOM PROGRAM ARGUMENT...`, as the first process of new mount
# and process namespaces (util-linux's `unshare`).
#
# In the room, the files below PACKAGES/usr seem to be installed in /usr, and the files and folders of ROOM named below
# stand in for the system's. When standard input ends, so does all that runs in the room: a test that is killed closes
# it too, so no server outlives its test.
set -eu
packages=$1
room=$2
shift 2

if [ -d "$packages/usr" ]; then
  mount -t overlay -o "ro,lowerdir=$packages/usr:/usr" servers /usr
fi
for name in etc/passwd etc/group run var/spool var/lib; do
  if [ -e "$room/$name" ]; then mount --bind "$room/$name" "/$name"; fi
done

{
  code=0
  "$@" </dev/null >>"$room/output" 2>&1 || code=$?
  echo "the server ended with code $code" >>"$room/output"
} &
# Nothing comes: this waits for the end of standard input. The end of the first process is the end of all.
read -r _ || true
