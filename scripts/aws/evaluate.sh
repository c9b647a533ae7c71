#!/usr/bin/env bash
# Sends five clients shopping from here, once for each probability of buying, then puts the store under
# load. Every client checks each of its orders. The figures go to data/aws/NAME/evaluation/TIME.
#
# Usage: scripts/aws/evaluate.sh [--iterations N] [--seconds N] [--seed N] [--bin DIR] [COMMON…]
#   --iterations N  how often each client looks at a toy (default 200)
#   --seconds N     how long the load is measured (default 10)
#   --seed N        repeats the clients' choices (default 7)
#   --bin DIR       where toystore-client is (default target/static, then target/release)
# COMMON: up.sh --help
#
# Ends with 0 only when all orders that were acknowledged match.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

iterations=200 seconds=10 seed=7 programs=
while (($#)); do
    case $1 in
        --iterations) iterations=${2-}; shift; shift || true ;;
        --seconds) seconds=${2-}; shift; shift || true ;;
        --seed) seed=${2-}; shift; shift || true ;;
        --bin) programs=${2-}; shift; shift || true ;;
        *) take_common "$@"; shift "$taken" ;;
    esac
done
for number in "$iterations" "$seconds" "$seed"; do
    [[ $number =~ ^[1-9][0-9]*$ ]] || misuse "--iterations, --seconds and --seed want a number"
done
begin
know_hosts
folder=$state/evaluation/$(date -u +%Y-%m-%dT%H%M%SZ)
client=$(client_of "$programs")
shop() { customer "$@" --seed "$seed"; }

if [[ ! $dry ]]; then (umask 077 && mkdir -p -- "$folder"); fi
for p in 0 0.2 0.4 0.6 0.8; do
    say
    say "== Five clients who buy with a probability of $p"
    run=(run --clients 5 --iterations "$iterations" -p "$p" --report "$folder/run-$p.json")
    if [[ $dry ]]; then shop "${run[@]}"; else shop "${run[@]}" | tee "$folder/run-$p.txt"; fi
done
say
say "== Five connections that never pause, one purchase in five requests"
load=(load --connections 5 -p 0.2 --seconds "$seconds")
if [[ $dry ]]; then shop "${load[@]}"; else shop "${load[@]}" | tee "$folder/load.txt"; fi
say
say "The figures are in $folder."
