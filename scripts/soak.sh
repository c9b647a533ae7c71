#!/usr/bin/env bash
# Breaks running stores over and over and checks what clients saw: processes are killed, paused,
# stopped and cut off, disks wiped and damaged; then all is healed, and every answer that clients
# got must fit into one history. The stores are on ports and in folders of their own.
#
# Usage: scripts/soak.sh [--rounds N] [--minutes N] [--seed S] [--keep-going] [--partitions]
#                        [--replicas N]
#   --rounds N    how many rounds (default 20)
#   --minutes N   ends after so long, whatever is left
#   --seed S      decides the faults: the first round has this seed, the next one the next (1)
#   --keep-going  goes on after a violation, with a new store
#   --partitions  cuts the network as well (wants root)
#   --replicas N  so many order replicas (default: mostly 3, sometimes 1, 2 or 5)
#
# Ends with a table; with 0 when every round was sound, with 1 after a violation, whose seed and
# the command that repeats its round are printed, and where the logs and the history are kept;
# with 2 for wrong usage, or when --partitions cannot be had.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=SCRIPTDIR/lib-launch.sh
source "$root/scripts/lib-launch.sh"

for word; do [[ $word != -h && $word != --help ]] || usage; done

want_rust
build_with toystore-tests soak
exec "$bin/soak" "$@"
