#!/usr/bin/env bash
# Everything the checks of a change run: format, lints, tests, examples in the documentation.
# Installs what is missing, says what it runs, ends at the first thing that is wrong.
#
# Usage: scripts/test.sh
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=SCRIPTDIR/lib-launch.sh
source "$root/scripts/lib-launch.sh"

case ${1-} in
    '') ;;
    -h | --help) usage ;;
    *) misuse "there is no option $1" ;;
esac

run() {
    printf '\n== %s\n' "$*"
    "$@"
}

want_rust
# The tests of the pages skip themselves where there is no browser.
if ((EUID == 0)) && grep -qs '^ID=debian$' /etc/os-release; then
    { want chromium chromium && want chromedriver chromium-driver; } ||
        echo "There is no browser to be had: the tests of the pages skip themselves." >&2
fi
"$root/scripts/aws/stand-in.sh" --prepare >/dev/null ||
    echo "There is no stand-in for AWS to be had: the tests of scripts/aws skip themselves." >&2
cd -- "$root"
for part in rustfmt clippy; do
    cargo "${part/rust/}" --version >/dev/null 2>&1 || run rustup component add "$part"
done
run cargo fmt --all --check
run cargo clippy --workspace --all-targets --locked -- -D warnings
run cargo test --workspace --locked # with the examples in the documentation
if command -v shellcheck >/dev/null; then run shellcheck -x scripts{,/aws}/*.sh tests/tests/aws/shims/* .ci/run; fi
printf '\nAll is well.\n'
