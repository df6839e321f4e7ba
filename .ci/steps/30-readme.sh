#!/usr/bin/env bash
# the two commands of the README, as on a machine with nothing but Go
. .ci/lib.sh
unset GATEHOUSE_TEST_POSTGRES GATEHOUSE_TEST_MYSQL GATEHOUSE_TEST_REDIS GATEHOUSE_TEST_OIDC GATEHOUSE_TEST_SMTP
demo=$(grep -xE 'go run \S.*' README.md | head -n 1)
test=$(grep -xE 'go test \S.*' README.md | head -n 1)
[ -n "$demo" ] && [ -n "$test" ] || { echo "README.md has no line that begins with go run, or none with go test"; exit 1; }

echo "\$ $test"
bad=0
CGO_ENABLED=0 $test || bad=1

# The demo on a free port and a new file, until it answers.
port=$((20000 + RANDOM % 20000))
echo "\$ $demo -addr localhost:$port -db file:$CI_TMP/readme.db"
CGO_ENABLED=0 setsid $demo -addr "localhost:$port" -db "file:$CI_TMP/readme.db" >"$CI_TMP/demo.log" 2>&1 &
pid=$!
trap 'kill -- -$pid 2>/dev/null || true' EXIT
for ((i = 0; i < 600; i++)); do
	if curl -sf -m 5 -o "$CI_TMP/demo.html" "http://localhost:$port/"; then
		echo "it answers: $(wc -c <"$CI_TMP/demo.html") bytes"
		exit $bad
	fi
	kill -0 "$pid" 2>/dev/null || break
	sleep 0.5
done
cat "$CI_TMP/demo.log"
echo "the demo does not answer"
exit 1
