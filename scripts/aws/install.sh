#!/bin/sh
# Runs on a machine of the store, in the folder that deploy.sh has copied there and checked: puts
# everything in its place, and starts it.
#
# Usage: install.sh SUM UNIT…
#   SUM   what the folder adds up to; noted, so that a second run restarts nothing
#   UNIT  what runs here
# DESTDIR, as usual, is put before every path.
set -eu
umask 022
to=${DESTDIR-}
sum=$1
shift
id toystore >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin toystore
mkdir -p "$to/usr/bin" "$to/etc/toystore" "$to/etc/systemd/system"
installed=$to/etc/toystore/installed
verb=restart
if [ "$(cat "$installed" 2>/dev/null)" = "$sum" ]; then
    verb=start
else
    install -m 755 bin/* "$to/usr/bin"
    for file in etc/*; do
        case $file in
            *.token | *.key) install -o toystore -m 400 "$file" "$to/etc/toystore" ;;
            *) install -m 644 "$file" "$to/etc/toystore" ;;
        esac
    done
    install -m 644 units/* "$to/etc/systemd/system"
fi
systemctl daemon-reload
systemctl enable "$@" toystore.target
systemctl "$verb" "$@"
echo "$sum" >"$installed"
cd / && rm -rf "$OLDPWD" # there are secrets in it
