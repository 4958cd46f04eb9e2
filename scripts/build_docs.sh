#!/bin/sh
# Builds the documentation site into build/docs/site; any warning fails it.
# usage: scripts/build_docs.sh [COMMAND]     COMMAND: of mkdocs, `build` by default; `serve` while writing
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
python=${PYTHON:-.venv/bin/python}

# The site has the repository's own layout, so that one link is right in both.
rm -rf build/docs/pages
mkdir -p build/docs/pages/web_client
for name in README.md ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE NOTICE docs examples; do
    ln -s "$root/$name" build/docs/pages/
done
ln -s "$root/web_client/icon.svg" build/docs/pages/web_client/
if [ "${1:-build}" = build ]; then
    NO_MKDOCS_2_WARNING=1 "$python" -m mkdocs --quiet build --strict
    if grep -rnE '<(script|img|iframe)[^>]* src="?(https?:)?//|<link[^>]* href="?(https?:)?//' \
        --include='*.html' build/docs/site; then
        echo "error: these pages would fetch something from elsewhere" >&2
        exit 1
    fi
    echo "The site: build/docs/site/index.html"
else
    NO_MKDOCS_2_WARNING=1 "$python" -m mkdocs "$@"
fi
