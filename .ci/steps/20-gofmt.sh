#!/usr/bin/env bash
# every Go file is formatted
. .ci/lib.sh
files=$(git ls-files -z --cached --others --exclude-standard -- '*.go' | xargs -0 -r ls -d 2>/dev/null | tr '\n' '\0' | xargs -0 -r gofmt -l)
[ -z "$files" ] || { echo "$files"; exit 1; }
