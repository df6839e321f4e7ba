#!/usr/bin/env bash
# directions, exported names, comments, README, links; the stranger
. .ci/lib.sh
log=$CI_TMP/rules.log
tests "$log" -count=1 ./internal/tree ./internal/deptest ./internal/surface ./internal/docs ./internal/stranger
grep -h 'package auth exports' "$log" || true
if skipped "$log"; then exit 1; fi
foreign=$(go list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' ./auth | { grep -v '^github\.com/gatehouse-go/gatehouse/' || true; })
if [ -n "$foreign" ]; then
	echo "package auth depends on more than the standard library: $foreign"
	exit 1
fi
go build -o "$CI_TMP/quickstart" ./examples/quickstart
