#!/usr/bin/env bash
# Evaluates the store: load, what the cache brings, what crashes do. Writes docs/evaluation:
# report.md, tables as CSV, plots as SVG, all of it from what was measured. What is less than a whole
# run is written to target/eval.
#
# Usage: scripts/eval.sh [--quick] [--only NAME,…] [--inject-delay PLACE:MS,…] [--seed S]
#                        [--repeats N] [--scale PERCENT] [--report-only] [--data DIR]
#                        [--results DIR]
#   --quick        smaller sizes, in at most two minutes: shows that everything works
#   --only NAME,…  load, sweep, distances, crashes, or single crashes; eval --help lists them
#   --inject-delay PLACE:MS,…  for the part "distances": client:50 puts 50 ms between customers and
#                  the front end, inside:5 puts 5 ms between the front end and what is behind it
#   --seed S       repeats a run's choices
#   --repeats N    how often comparisons are repeated at most
#   --scale PERCENT  sizes in percent of the usual ones
#   --report-only  measures nothing, writes the report anew
#   --data DIR     where databases are made and removed again (default target/eval-data)
#   --results DIR  where the report goes (default docs/evaluation; target/eval with --quick, --only,
#                  or a --scale below 100)
#
# All of it takes at most about 25 minutes on two cores; leave the machine alone meanwhile.
# Ends with 0 when everything was measured, with 1 when something was not, with 2 for wrong usage,
# with 130 when it was stopped.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=SCRIPTDIR/lib-launch.sh
source "$root/scripts/lib-launch.sh"

for argument; do
    case $argument in
        -h | --help) usage ;;
    esac
done

want_rust
build_with toystore-eval eval
exec "$bin/eval" "$@"
