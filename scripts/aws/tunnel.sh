#!/usr/bin/env bash
# Brings every port of the store to this machine's loopback by SSH, until Ctrl-C: the storefront and
# the console, and the internal pages, which nobody else can reach.
#
# Usage: scripts/aws/tunnel.sh [--bind ADDRESS] [COMMON…]
#   --bind ADDRESS  in 127.0.0.0/8, for when a store runs here too (default 127.0.0.1)
# COMMON: up.sh --help
#
# Internal requests want the token in data/aws/NAME/cluster.token:
#   toystore-inspect verify http://127.0.0.1:10010 --cluster-token data/aws/lab/cluster.token
# A store that talks by TLS wants https, a certificate too, and to be called by 127.0.0.1: --tls-ca,
# --tls-cert and --tls-key are ca.crt, operator.crt and operator.key in data/aws/NAME/tls.
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
