#!/bin/sh
# The service isn't enabled by itself: `systemctl enable --now jobdb`. One that runs goes on with the new program.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart jobdb.service
fi
