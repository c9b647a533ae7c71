#!/usr/bin/env bash
# Runs a stand-in for the EC2 API on this machine, moto's server, until it is told to stop. It checks
# kinds of instances, images and key pairs as AWS does, and starts nothing.
#
# Usage: scripts/aws/stand-in.sh [--port PORT]
#        scripts/aws/stand-in.sh --prepare
#   --port PORT  where it listens on 127.0.0.1 (default 5000; 0 takes any free one)
#   --prepare    installs what it needs, prints the folder of its programs, and ends
#
# It and an AWS CLI go into a virtual environment in ~/.cache/toystore, or $TOYSTORE_AWS_VENV. Use it by
#   scripts/aws/up.sh --endpoint-url http://127.0.0.1:5000
set -euo pipefail
# shellcheck source=SCRIPTDIR/../lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=SCRIPTDIR/../lib-launch.sh
source "$root/scripts/lib-launch.sh"

moto=5.2.5 cli=1.46.3 port=5000 prepare=
while (($#)); do
    case $1 in
        -h | --help) usage ;;
        --port) port=${2-}; shift; shift || true ;;
        --prepare) prepare=1; shift ;;
        *) misuse "there is no option $1" ;;
    esac
done
[[ $port =~ ^[0-9]{1,5}$ ]] || misuse "--port wants a number"

venv=${TOYSTORE_AWS_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/toystore/moto-$moto-$cli}
mkdir -p -- "$(dirname -- "$venv")"
exec 9<"$(dirname -- "$venv")"
flock 9 # several tests may want it at once
if [[ ! -x $venv/bin/aws || ! -x $venv/bin/moto_server ]]; then
    want python3 python3 >&2
    python3 -c 'import ensurepip' 2>/dev/null || install_package python3-venv "python's venv" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet "moto[server,ec2]==$moto" "awscli==$cli" >&2
fi
exec 9<&-
if [[ $prepare ]]; then echo "$venv/bin"; exit; fi
export MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION=true MOTO_ENABLE_AMI_VALIDATION=true \
    MOTO_ENABLE_KEYPAIR_VALIDATION=true
exec "$venv/bin/moto_server" -H 127.0.0.1 -p "$port"
