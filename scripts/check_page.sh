#!/bin/sh
# Checks the page's JavaScript: types (tsc), ESLint, tests (node --test). The tools go to node_modules once.
set -eu
cd "$(dirname "$0")/.."

stamp=node_modules/.lock-$(cksum <package-lock.json | cut -d' ' -f1)
if [ ! -e "$stamp" ]; then
    printf '\033[1m%s\033[0m\n' "Installing the page's checkers (once) ..." >&2
    npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null || {
        echo "error: npm failed. Check the network, then run the command again" >&2
        exit 1
    }
    touch "$stamp"
fi

node_modules/.bin/tsc
node_modules/.bin/eslint --max-warnings 0 web_client tests/page tests/browser eslint.config.js
if ! report=$(node --test --test-reporter=spec tests/page/*.test.js 2>&1); then
    printf '%s\n' "$report"
    exit 1
fi
printf '%s\n' "$report" | sed -n 's/^. pass \([0-9]*\)$/Page: \1 tests passed/p'
