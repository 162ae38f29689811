#!/bin/sh
# Draws the pictures of docs/ anew after a change of a .mmd. Needs npm and a Chromium; the tool stays out of this folder:
#   PUPPETEER_SKIP_DOWNLOAD=1 npm install --prefix /tmp/mermaid @mermaid-js/mermaid-cli
#   MMDC=/tmp/mermaid/node_modules/.bin/mmdc CHROMIUM=/usr/bin/chromium sh docs/diagrams/render.sh
set -eu
cd "$(dirname "$0")"
browser=$(mktemp)
trap 'rm -f "$browser"' EXIT
echo "{\"executablePath\": \"$CHROMIUM\", \"args\": [\"--no-sandbox\"]}" > "$browser"
for source in *.mmd; do
    "$MMDC" --quiet -p "$browser" -c mermaid.json -b white -i "$source" -o "${source%.mmd}.svg"
done
