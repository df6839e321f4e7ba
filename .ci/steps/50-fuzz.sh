#!/usr/bin/env bash
# every fuzz target, for some seconds (GATEHOUSE_FUZZTIME)
. .ci/lib.sh
time=${GATEHOUSE_FUZZTIME:-6s}
if [ -z "${GATEHOUSE_FUZZTIME:-}" ] && [ $((${CI_ENDS:-$(($(date +%s) + 3600))} - $(date +%s))) -lt 1500 ]; then
	time=3s # late: a machine this slow needs the rest for what comes after
	echo "$time each, so that there is time left for the other steps"
fi
bad=0 n=0

fuzz() { # $target of $dir
	(cd "$dir" && "$CI_TMP/fuzz.test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$time" -test.fuzzcachedir "$CI_TMP/corpus/$dir" -test.timeout 10m) >"$CI_TMP/fuzz.log" 2>&1
}

for m in $(modules); do
	cd "$CI_ROOT/$m"
	for dir in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./...); do
		grep -qs '^func Fuzz' "$dir"/*_test.go || continue
		# Built once for all targets of a folder.
		if ! (cd "$dir" && go test -c -fuzz . -o "$CI_TMP/fuzz.test" . && "$CI_TMP/fuzz.test" -test.list '^Fuzz') >"$CI_TMP/list.log" 2>&1; then
			cat "$CI_TMP/list.log"
			bad=1
			continue
		fi
		for target in $(grep '^Fuzz' "$CI_TMP/list.log"); do
			n=$((n + 1))
			before=$(ls "$dir/testdata/fuzz/$target" 2>/dev/null || true)
			echo "${dir#"$CI_ROOT"/} $target"
			if fuzz; then
				grep '^fuzz: elapsed' "$CI_TMP/fuzz.log" | tail -n 1
				continue
			fi
			# The end of the time can itself be taken for a failure, without any input
			# (golang/go#75804, mended in Go 1.27): once more then.
			if grep -q 'context deadline exceeded' "$CI_TMP/fuzz.log" && ! grep -q 'Failing input' "$CI_TMP/fuzz.log" && fuzz; then
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
