#!/bin/bash
# Builds a copy of a clone of diracx-web: build-diracx-web.sh CLONE FOLDER leaves the page in FOLDER/out.
set -euo pipefail

script=$(realpath "$0")
clone=$(realpath "$1")
[[ -f $clone/packages/diracx-web/package.json ]] || { echo "$clone is no clone of diracx-web" >&2; exit 1; }
mkdir -p "$2"
cd "$2"

copy() { tar -C "$clone" --exclude=./.git --exclude=node_modules --exclude=./out -c .; }

# The same clone isn't built twice.
made_of=$({ copy; cat "$script"; } | sha256sum)
[[ -f out/index.html && $(cat made-of 2>/dev/null) == "$made_of" ]] && { echo "built already: $PWD/out"; exit; }

find . -mindepth 1 -maxdepth 1 -exec rm -rf {} +
copy | tar -x

# next/font fetches the font from Google while it builds. Without it the page has the browser's own.
layout=packages/diracx-web/src/app/layout.tsx
sed -i -e '/from "next\/font\/google"/d' -e '/^const inter = Inter(/d' -e 's/<body className={inter.className}>/<body>/' "$layout"
if grep -rn 'next/font/google\|fonts\.g' packages/diracx-web/src packages/diracx-web-components/src; then
  echo "fonts from elsewhere are still imported: see e2e/build-diracx-web.sh" >&2
  exit 1
fi

export NEXT_TELEMETRY_DISABLED=1
npm ci --ignore-scripts --no-audit --no-fund
npm run build
echo "$made_of" >made-of
echo "built: $PWD/out"
