#!/usr/bin/env bash
# Crashes a process with SIGKILL: it can neither say goodbye nor save anything.
#
# Usage: scripts/crash.sh NAME [--data DIR]
#   NAME          catalog, order-1 …, front-end
#   --data DIR    where the store runs from (default data/run, or $TOYSTORE_DATA)
#
# scripts/restart.sh NAME brings it back.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

take_name "$@"
pid=$(pid_of "$name") || die "$name does not run"
kill -KILL "$pid"
while pid_of "$name" >/dev/null; do sleep 0.01; done
echo "$name (pid $pid) crashed."
