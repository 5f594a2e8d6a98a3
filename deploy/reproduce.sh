#!/usr/bin/env bash
# reproduce.sh has the commit's release built in two folders, each with tools of its own, and compares the bytes. PLATFORMS can be set.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
commit=$(git rev-parse HEAD)
trap 'rm -rf "$folder"' EXIT
for clone in one another-with-a-longer-name; do
	git clone --quiet . "$folder/$clone"
	git -C "$folder/$clone" checkout --quiet --detach "$commit"
	make -C "$folder/$clone" release
done
cd "$folder"
diff <(cd one/dist && find . -type f -exec sha256sum {} + | sort -k 2) <(cd another-with-a-longer-name/dist && find . -type f -exec sha256sum {} + | sort -k 2)
echo "the same bytes: $(find one/dist -type f | wc -l) files"
