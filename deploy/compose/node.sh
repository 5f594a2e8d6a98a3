#!/bin/bash
# node.sh starts a node of the cluster: the first one as a cluster of its own when there is none yet, or when it was the last to
# stop in order, which it has noted; else each joins the others.
set -euo pipefail
state=${DATADIR:-/var/lib/mysql}/grastate.dat
if [[ ! -e $state && ${FIRST:-} = yes ]] || grep -qs '^safe_to_bootstrap: 1' "$state"; then
	set -- --wsrep-new-cluster "$@"
fi
exec docker-entrypoint.sh mariadbd "$@"
