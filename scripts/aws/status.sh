#!/usr/bin/env bash
# Shows the machines, the state of each service there, and what the front end says of the cluster. Ends
# with 0 when every service runs and orders are taken, else with 1.
#
# Usage: scripts/aws/status.sh [--bin DIR] [COMMON…]
#   --bin DIR  where toystore-client is (default target/static, then target/release)
# COMMON: up.sh --help
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

programs=
while (($#)); do
    case $1 in
        --bin) programs=${2-}; shift; shift || true ;;
        *) take_common "$@"; shift "$taken" ;;
    esac
done
begin
know_hosts
exit=0
mapfile -t list < <(hosts_in_order)
for host in "${list[@]}"; do
    say "$host: ${instance[$host]}, ${public[$host]}, inside ${private[$host]}"
    words=$(services_of "$host") units=()
    read -ra here <<<"$words"
    for service in "${here[@]}"; do units+=("$(unit_of "$service")"); done
    said=$(remote "$host" "systemctl is-active ${units[*]}") || exit=1
    [[ $dry ]] && continue
    mapfile -t states <<<"$said"
    for i in "${!here[@]}"; do
        printf '  %-9s  %-12s  %s\n' "${here[i]}" "${states[i]:-unknown}" "$(inside_of "${here[i]}")"
    done
done
client=$(client_of "$programs")
customer status --check || exit=1
exit "$exit"
