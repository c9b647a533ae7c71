#!/usr/bin/env bash
# Measures the store beside others (etcd, a bare web route, sled alone) in one run on this machine,
# and writes the tables of docs/performance.md and the plots beside it.
#
# Usage: scripts/bench.sh [--quick] [--only NAME,...] [--repeats N] [--data DIR] [--results DIR]
#   --quick        smaller sizes, in a few minutes: shows that everything works, not how fast it is
#   --only NAME,…  only these questions; target/release/bench list lists them
#   --repeats N    how often each comparison is made, in turn (default 3)
#   --data DIR     where databases are made and removed again (default target/bench-data)
#   --results DIR  where the raw results go (default docs/performance)
#
# All of it takes about an hour on two cores, 10 GB of disk and 6 GB of memory; leave the machine
# alone meanwhile.
# Ends with 0 when everything was measured (what needs etcd says SKIPPED without it), with 1 when
# something was not, with 2 for wrong usage.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=SCRIPTDIR/lib-launch.sh
source "$root/scripts/lib-launch.sh"

results=()
for ((i = 1; i <= $#; i++)); do
    case ${!i} in
        -h | --help) usage ;;
        --results) j=$((i + 1)); results=(--results "${!j-}") ;;
        --results=*) results=("${!i}") ;;
    esac
done

want_rust
if command -v etcd >/dev/null; then :; elif ((EUID == 0)) && command -v apt-get >/dev/null; then
    want etcd etcd-server
else
    echo "Without etcd some questions are skipped; on Debian: sudo apt-get install etcd-server" >&2
fi
build_with toystore-bench bench
status=0
"$bin/bench" run "$@" || status=$?
if ((status <= 1)); then "$bin/bench" report "${results[@]}"; fi
exit "$status"
