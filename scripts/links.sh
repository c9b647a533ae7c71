#!/usr/bin/env bash
# Asks for every https link in README.md and docs, and says which ones nobody answers. Wants a network,
# so it is no part of scripts/test.sh; that links into the repository lead somewhere is tested there.
#
# Usage: scripts/links.sh
#
# Ends with 0 when every link was answered, with 1 when not. A host that turns programs away (403, 429)
# counts as an answer.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

case ${1-} in
    '') ;;
    -h | --help) usage ;;
    *) misuse "there is no option $1" ;;
esac

cd -- "$root"
mapfile -t links < <(grep -rhoE '\]\(https://[^) ]+' --include='*.md' README.md docs | sed 's/^](//' | sort -u)
dead=0
for link in "${links[@]}"; do
    status=$(curl -sL -m 20 -A 'toystore-links' -o /dev/null -w '%{http_code}' "$link") || true
    case $status in
        2?? | 403 | 429) ;;
        *) echo "$status $link"; dead=$((dead + 1)) ;;
    esac
done
echo "${#links[@]} links, $dead without an answer."
((dead == 0))
