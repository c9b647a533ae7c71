#!/usr/bin/env bash
# Pauses a process with SIGSTOP: to the others it is silent, yet it may go on at any moment.
#
# Usage: scripts/pause.sh NAME [--data DIR]
#   NAME          catalog, order-1 …, front-end
#   --data DIR    where the store runs from (default data/run, or $TOYSTORE_DATA)
#
# scripts/resume.sh NAME lets it go on.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

take_name "$@"
pid=$(pid_of "$name") || die "$name does not run"
kill -STOP "$pid"
echo "$name (pid $pid) is paused."
