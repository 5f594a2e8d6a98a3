#!/usr/bin/env bash
# try-packages.sh installs the deb of dist/ in a bare Debian, and the rpm in an empty root, and runs what they install: the program,
# the server, a job, the checks of systemd. It needs root and debootstrap.
set -euo pipefail
cd "$(dirname "$0")/.."
arch=$(dpkg --print-architecture)
deb=$(echo dist/jobdb_*_"$arch".deb)
rpm=$(echo dist/jobdb-*."$(uname -m)".rpm)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

debootstrap --variant=minbase --include=systemd bookworm "$root/debian" >"$root/log" 2>&1 || { tail "$root/log"; exit 1; }
cp "$deb" "$root/debian/tmp/jobdb.deb"
chroot "$root/debian" bash -euo pipefail <<'INSIDE'
dpkg -i /tmp/jobdb.deb
jobdb version
systemd-analyze verify --man=no jobdb.service
systemd-analyze security --offline=true --threshold=20 jobdb.service | tail -1
[[ $(stat -c %a /etc/jobdb/jobdb.env) = 600 ]]
install -d -o nobody /tmp/data
try="setpriv --reuid=nobody --clear-groups env HOME=/tmp/data JOBDB_DATA_DIR=/tmp/data JOBDB_LISTEN=127.0.0.1:18765 JOBDB_URL=http://127.0.0.1:18765"
$try jobdb serve 2>/tmp/log &
server=$!
trap 'kill $server' EXIT
for _ in {1..100}; do
	if grep -q 127.0.0.1:18765 /tmp/log; then break; fi
	sleep 0.1
done
$try jobdb token --login
echo 'Executable = "/bin/true";' | $try jobdb submit -
[[ $($try jobdb search --columns JobID --output csv) = *1* ]]
kill $server
wait $server
trap - EXIT
dpkg -r jobdb
[[ ! -e /usr/bin/jobdb && -e /etc/jobdb/jobdb.env ]]
dpkg -P jobdb
INSIDE
echo "$deb: installed, tried, removed"

mkdir "$root/rpm"
rpm --root "$root/rpm" --dbpath /db --nodeps --noscripts --install "$rpm"
"$root/rpm/usr/bin/jobdb" version
rpm --root "$root/rpm" --dbpath /db --query --list jobdb | grep -x /lib/systemd/system/jobdb.service # not -q, which would hang up on rpm
rpm --root "$root/rpm" --dbpath /db --noscripts --erase jobdb
echo "$rpm: installed, tried, removed"
