#!/usr/bin/env bash
# Tests the public API of a store against its openapi.json, with requests that schemathesis makes
# up: valid ones and nearly valid ones. Starts a store of its own in a temporary folder, on the
# usual ports, and stops it; or asks one that runs.
#
# Usage: scripts/schemathesis.sh [--examples N] [--seed S] [--url URL --admin-token FILE]
#   --examples N        made-up requests for each operation (default 100)
#   --seed S            repeats a run (default 1)
#   --url URL           a front end that runs already; its products are changed
#   --admin-token FILE  its administrator's token
#
# schemathesis goes into a virtual environment in ~/.cache/toystore, or $TOYSTORE_VENV. Ends with 0
# when every reply was as described, with 1 when not or after 10 minutes.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=SCRIPTDIR/lib-launch.sh
source "$root/scripts/lib-launch.sh"

version=4.32.5 examples=100 seed=1 url='' token=''
while (($#)); do
    case $1 in
        -h | --help) usage ;;
        --examples) examples=${2-}; shift; shift || true ;;
        --seed) seed=${2-}; shift; shift || true ;;
        --url) url=${2-}; shift; shift || true ;;
        --admin-token) token=${2-}; shift; shift || true ;;
        *) misuse "there is no option $1" ;;
    esac
done
[[ $examples =~ ^[1-9][0-9]*$ ]] || misuse "--examples wants a number"
[[ $seed =~ ^[0-9]+$ ]] || misuse "--seed wants a number"
[[ -z $url || -r $token ]] || misuse "--url wants --admin-token FILE with it"

want python3 python3
venv=${TOYSTORE_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/toystore/schemathesis-$version}
tool=$venv/bin/schemathesis
if [[ ! -x $tool ]]; then
    python3 -c 'import ensurepip' 2>/dev/null || install_package python3-venv "python's venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet "schemathesis==$version"
fi

scratch=$(mktemp -d)
stop() {
    if [[ -z $url ]]; then "$root/scripts/stop.sh" --data "$scratch/store"; fi
    rm -rf -- "$scratch"
}
trap stop EXIT
if [[ -z $url ]]; then
    "$root/scripts/start.sh" --data "$scratch/store"
    token=$scratch/store/admin.token
fi
ADMIN_TOKEN=$(<"$token")
export ADMIN_TOKEN
cp -- "$root"/scripts/schemathesis{.toml,_hooks.py} "$scratch" # it leaves files where it runs
cd -- "$scratch"
timeout 600 "$tool" --config-file schemathesis.toml run "${url:-http://$(address_of front-end)}/openapi.json" \
    --max-examples "$examples" --seed "$seed" --continue-on-failure --request-timeout 8
