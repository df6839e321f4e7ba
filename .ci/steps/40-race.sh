#!/usr/bin/env bash
# all tests of all modules, shuffled, with servers, under the race detector
. .ci/lib.sh
. .ci/servers.sh
. .ci/openid.sh
log=$CI_TMP/race.log
bad=0
CGO_ENABLED=1 tests "$log" -race -shuffle=on -count=1 -timeout 15m work || bad=1
if skipped "$log"; then
	echo "these tests were skipped, although their servers run here and the proxy can be reached"
	bad=1
fi
# What the guide calls proved has passed here.
GATEHOUSE_TEST_LOG=$log go test -count=1 -run '^TestProofs$' ./internal/docs || bad=1
exit $bad
