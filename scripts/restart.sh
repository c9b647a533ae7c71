#!/usr/bin/env bash
# Starts a process again that crashed or was stopped, with the options and the TOYSTORE_… variables
# it had, on its own data. Waits until it lives; an order replica may take longer to catch up.
#
# Usage: scripts/restart.sh NAME [--replace-damaged] [--fail-point POINT[:N]] [--data DIR]
#   NAME               catalog, order-1 …, front-end
#   --replace-damaged  an order replica sets its damaged database aside and catches up
#   --fail-point POINT[:N]
#                      for exercises: it kills itself at this moment; toystore-order --help,
#                      toystore-catalog serve --help, toystore-front-end --help list them
#   --data DIR         where the store runs from (default data/run, or $TOYSTORE_DATA)
#
# --replace-damaged and --fail-point are for this one start.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=SCRIPTDIR/lib-launch.sh
source "$root/scripts/lib-launch.sh"

once=() point='' others=()
while (($#)); do
    case $1 in
        --replace-damaged) once=(TOYSTORE_REPLACE_DAMAGED=1); shift ;;
        --fail-point) point=${2-}; [[ $point ]] || misuse "--fail-point wants a name"; shift 2 ;;
        *) others+=("$1"); shift ;;
    esac
done
take_name "${others[@]}"
[[ ! ${once[*]} || $name == order-* ]] || misuse "--replace-damaged is for an order replica"
if [[ $point ]]; then
    service=${name%-[1-9]}
    service=${service//-/_}
    once+=("TOYSTORE_${service^^}_FAIL_POINT=$point")
fi
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
