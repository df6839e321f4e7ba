#!/usr/bin/env bash
# every fuzz target, for some seconds (GATEHOUSE_FUZZTIME)
. .ci/lib.sh
time=${GATEHOUSE_FUZZTIME:-8s}
bad=0 n=0
for m in $(modules); do
	cd "$CI_ROOT/$m"
	for dir in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./...); do
		grep -qs '^func Fuzz' "$dir"/*_test.go || continue
		if ! (cd "$dir" && go test -list '^Fuzz' .) >"$CI_TMP/list.log" 2>&1; then
			cat "$CI_TMP/list.log"
			bad=1
			continue
		fi
		for target in $(grep '^Fuzz' "$CI_TMP/list.log"); do
			n=$((n + 1))
			before=$(ls "$dir/testdata/fuzz/$target" 2>/dev/null || true)
			echo "${dir#"$CI_ROOT"/} $target"
			if (cd "$dir" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -timeout 10m .) >"$CI_TMP/fuzz.log" 2>&1; then
				grep '^fuzz: elapsed' "$CI_TMP/fuzz.log" | tail -n 1
				continue
			fi
			# The end of the time can itself be taken for a failure, without any input
			# (golang/go#75804, mended in Go 1.27): once more then.
			if grep -q 'context deadline exceeded' "$CI_TMP/fuzz.log" && ! grep -q 'Failing input' "$CI_TMP/fuzz.log" &&
				(cd "$dir" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -timeout 10m .) >"$CI_TMP/fuzz.log" 2>&1; then
				echo "ran into the end of its time, and once more without"
				continue
			fi
			bad=1
			cat "$CI_TMP/fuzz.log"
			# Show the input, for a regression test, and leave the tree clean.
			for input in "$dir/testdata/fuzz/$target"/*; do
				[ -f "$input" ] || continue
				grep -qxF "$(basename "$input")" <<<"$before" && continue
				echo "# $input"
				cat "$input"
				rm "$input"
			done
			rmdir -p --ignore-fail-on-non-empty "$dir/testdata/fuzz/$target" 2>/dev/null || true
		done
	done
done
echo "$n targets"
[ "$n" -gt 0 ] || { echo "no target was found"; bad=1; }
exit $bad
