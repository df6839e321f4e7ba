#!/usr/bin/env bash
# govulncheck finds nothing, where its database can be reached
. .ci/lib.sh
if ! curl -sSf -m 20 --retry 2 -o /dev/null https://vuln.go.dev/index/db.json; then
	echo "NOT RUN: https://vuln.go.dev cannot be reached from here"
	exit 0
fi
tool golang.org/x/vuln/cmd/govulncheck@v1.9.0
each govulncheck ./...
