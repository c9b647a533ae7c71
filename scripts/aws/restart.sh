#!/usr/bin/env bash
# Starts a service again that crash.sh crashed, on its own data. A replica may take a moment longer to
# catch up: status.sh shows it.
#
# Usage: scripts/aws/restart.sh SERVICE [COMMON…]
#   SERVICE  catalog, order-1, order-2, order-3, front-end
# COMMON: up.sh --help
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

take_service "$@"
begin
know_hosts
unit=$(unit_of "$service")
remote "$(host_of "$service")" "sudo sh -c 'rm -f \${DESTDIR-}/run/systemd/system/$unit.d/crash.conf
systemctl daemon-reload && systemctl start $unit'"
say "$service runs."
