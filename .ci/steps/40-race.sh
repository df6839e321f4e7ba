#!/usr/bin/env bash
# all tests of all modules, shuffled, with servers, under the race detector
. .ci/lib.sh
. .ci/servers.sh
. .ci/openid.sh
. .ci/smtp.sh
log=$CI_TMP/race.log
bad=0
# The vet step has vetted. Packages that wait for servers leave room for a third. The
# detector makes the collector's work dear, and there is memory. The stranger runs no code
# of ours but the Go command: it comes with the rules.
GOGC=300 CGO_ENABLED=1 tests "$log" -race -vet=off -p 3 -shuffle=on -count=1 -timeout 25m -skip "^TestStranger$" work || bad=1
if skipped "$log"; then
	echo "these tests were skipped, although their servers run here and the proxy can be reached"
	bad=1
fi
# What the guide calls proved has passed here.
GATEHOUSE_TEST_LOG=$log go test -count=1 -run '^TestProofs$' ./internal/docs || bad=1
exit $bad
