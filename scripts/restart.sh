#!/usr/bin/env bash
# Starts a process again that crashed or was stopped, with the options and the TOYSTORE_… variables
# it had, on its own data. Waits until it lives; an order replica may take longer to catch up.
#
# Usage: scripts/restart.sh NAME [--replace-damaged] [--data DIR]
#   NAME               catalog, order-1 …, front-end
#   --replace-damaged  an order replica sets its damaged database aside and catches up
#   --data DIR         where the store runs from (default data/run, or $TOYSTORE_DATA)
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=SCRIPTDIR/lib-launch.sh
source "$root/scripts/lib-launch.sh"

once=()
for word; do
    shift
    if [[ $word == --replace-damaged ]]; then once=(TOYSTORE_REPLACE_DAMAGED=1); else set -- "$@" "$word"; fi
done
take_name "$@"
[[ ! ${once[*]} || $name == order-* ]] || misuse "--replace-damaged is for an order replica"
umask 077
lock
case $(state_of "$name") in
    running) die "$name runs; scripts/crash.sh $name would change that" ;;
    paused) die "$name is paused; scripts/resume.sh $name lets it go on" ;;
esac
port_free "$name"
launch "$name" "${once[@]}"
await /livez "$name"
show "$name"
