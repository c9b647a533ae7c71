#!/usr/bin/env bash
# Runs the whole store on simulated time, network and disks, with faults by seed, and checks its
# invariants. A seed that breaks one is printed, and noted in tests/seeds.txt.
#
# Usage: scripts/simulate.sh [--seeds N] [--first S] [--seed S] [--threads N] [--mutant NAME]
#                            [--all-mutants] [--list-mutants]
#   scripts/simulate.sh --seeds 100000   so many seeds; ends with the first that fails
#   scripts/simulate.sh --seed 17        one seed, with everything that happens in it
#   scripts/simulate.sh --all-mutants    breaks each rule in turn: the simulation must see it
#   scripts/simulate.sh --mutant skip-fencing    one rule broken; --list-mutants lists them
#   --first S    the first of the seeds (default 1)
#   --threads N  on so many threads (default: all cores)
#
# Ends with 0 when every invariant held, or each broken rule was seen; with 1 when not; with 2 for
# wrong usage.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=SCRIPTDIR/lib-launch.sh
source "$root/scripts/lib-launch.sh"

for word; do [[ $word != -h && $word != --help ]] || usage; done
want_rust
[[ -x $bin/simulate ]] || echo "Building the simulator, which takes minutes." >&2
(cd -- "$root" && cargo build --release --locked --quiet -p toystore-tests --bin simulate) ||
    die "the simulator does not build"
exec "$bin/simulate" "$@"
