#!/usr/bin/env bash
# directions, exported names, comments, README, links; the stranger
. .ci/lib.sh
log=$CI_TMP/rules.log
tests "$log" -count=1 ./internal/tree ./internal/deptest ./internal/surface ./internal/docs ./internal/stranger
grep -h 'package auth exports' "$log" || true
if skipped "$log"; then exit 1; fi
go list -deps ./auth | grep '\.' | grep -vE '^(vendor/|github\.com/gatehouse-go/gatehouse/)' && {
	echo "package auth depends on more than the standard library"
	exit 1
}
go build -o "$CI_TMP/quickstart" ./examples/quickstart
