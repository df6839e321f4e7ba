#!/usr/bin/env bash
# staticcheck finds nothing
. .ci/lib.sh
command -v staticcheck >/dev/null || tool honnef.co/go/tools/cmd/staticcheck@v0.8.2
each staticcheck ./...
