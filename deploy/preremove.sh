#!/bin/sh
# An upgrade leaves the service running (deb calls with "upgrade", rpm with 1).
set -e
case "$1" in
upgrade | 1) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now jobdb.service
fi
