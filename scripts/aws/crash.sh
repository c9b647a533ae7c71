#!/usr/bin/env bash
# Crashes a service with SIGKILL. Unlike after a crash of its own, systemd lets it lie; restart.sh
# brings it back.
#
# Usage: scripts/aws/crash.sh SERVICE [COMMON…]
#   SERVICE  catalog, order-1, order-2, order-3, front-end
# COMMON: up.sh --help
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

take_service "$@"
begin
know_hosts
unit=$(unit_of "$service")
# Restart=no must hold before the signal, else systemd may be quicker.
remote "$(host_of "$service")" "sudo sh -c 'systemctl is-active --quiet $unit || { echo $service does \
not run >&2; exit 1; }
there=\${DESTDIR-}/run/systemd/system/$unit.d
mkdir -p \"\$there\" && printf \"[Service]\\nRestart=no\\n\" >\"\$there/crash.conf\"
systemctl daemon-reload && systemctl kill --signal=KILL $unit'"
say "$service crashed."
