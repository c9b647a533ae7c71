#!/usr/bin/env bash
# Brings every port of the store to this machine's loopback by SSH, until Ctrl-C: the storefront and
# the console, and the internal pages, which nobody else can reach.
#
# Usage: scripts/aws/tunnel.sh [--bind ADDRESS] [COMMON…]
#   --bind ADDRESS  in 127.0.0.0/8, for when a store runs here too (default 127.0.0.1)
# COMMON: up.sh --help
#
# Internal requests want the token in data/aws/NAME/cluster.token, and a certificate from
# data/aws/NAME/tls, unless the store was deployed with --plain:
#   toystore-inspect verify https://127.0.0.1:10010 --cluster-token data/aws/lab/cluster.token \
#       --tls-ca data/aws/lab/tls/ca.crt --tls-cert data/aws/lab/tls/operator.crt \
#       --tls-key data/aws/lab/tls/operator.key
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

bind=127.0.0.1
while (($#)); do
    case $1 in
        --bind) bind=${2-}; shift; shift || true ;;
        *) take_common "$@"; shift "$taken" ;;
    esac
done
loopback "$bind" || misuse "--bind wants an address in 127.0.0.0/8"
begin
know_hosts
forward=()
for service in "${services[@]}"; do
    forward+=(-L "$bind:$(port_of "$service"):$(inside_of "$service")")
    say "$service is at $(scheme)://$bind:$(port_of "$service")"
done
say "The console is $(scheme)://$bind:$public_port/console. Ctrl-C ends the tunnel."
host=$(host_of front-end)
ssh_options_for "$host"
connect "${public[$host]}" ssh -N -o ExitOnForwardFailure=yes "${ssh_options[@]}" "${forward[@]}" \
    "$user@${public[$host]}"
