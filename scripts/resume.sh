#!/usr/bin/env bash
# Lets a paused process go on, with SIGCONT.
#
# Usage: scripts/resume.sh NAME [--data DIR]
#   NAME          catalog, order-1 …, front-end
#   --data DIR    where the store runs from (default data/run, or $TOYSTORE_DATA)
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

take_name "$@"
pid=$(pid_of "$name") || die "$name does not run; scripts/restart.sh $name starts it again"
kill -CONT "$pid"
echo "$name (pid $pid) runs."
