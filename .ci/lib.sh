# What the steps share. Sourced, in the root of the tree.
set -euo pipefail
cd "${CI_ROOT:=$PWD}"
: "${CI_TMP:=$(mktemp -d)}"
mkdir -p "$CI_TMP/bin"
export CI_ROOT CI_TMP PATH="$CI_TMP/bin:$PATH"

# retry COMMAND…: networks hiccup; three times, with a pause.
retry() {
	local n
	for n in 1 2 3; do
		"$@" && return 0
		[ "$n" = 3 ] || { echo "again in 5 s: $*" >&2; sleep 5; }
	done
	return 1
}

root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# apt PACKAGE…: from Debian, without questions and without starting anything.
apt() {
	retry root apt-get update -qq
	retry root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$CI_TMP/apt.log" 2>&1 ||
		{ tail -n 40 "$CI_TMP/apt.log"; return 1; }
}

# need PROGRAM PACKAGE…: installs the packages if there is no such program.
need() {
	local program=$1
	shift
	command -v "$program" >/dev/null || apt "$@"
}

# modules: the folders with a go.mod, the root first.
modules() {
	git ls-files --cached --others --exclude-standard -- go.mod '*/go.mod' |
		grep -v '/testdata/' | sed 's|/\?go\.mod$||; s|^$|.|' | sort -u
}

# each COMMAND…: in every module; fails if it failed in one.
each() {
	local m bad=0
	for m in $(modules); do
		echo "# ${m}"
		(cd "$m" && "$@") || bad=1
	done
	return $bad
}

# tool PACKAGE@VERSION: a Go program, installed for this run only.
tool() { retry env GOWORK=off GOFLAGS=-mod=mod GOBIN="$CI_TMP/bin" go install "$1"; }

# tests LOG ARG…: go test -v with ARG…; shows a line per package, and what the
# packages that failed had to say.
tests() {
	local log=$1
	shift
	if go test -v "$@" >"$log" 2>&1; then
		grep -E '^ok' "$log"
		return 0
	fi
	grep -vE '^[[:space:]]*(=== (RUN|PAUSE|CONT|NAME)|--- PASS)|^PASS$' "$log" | awk '
		{ line[n++] = $0 }
		/^ok/ { print }
		/^(ok  |\?   )\t/ { n = 0 }
		/^FAIL\t/ { show() }
		END { show() }
		function show(  i) {
			for (i = 0; i < n; i++)
				if (i < 200 || i >= n - 100) print line[i]
				else if (i == 200) print "[…]"
			n = 0
		}'
	return 1
}

# skipped LOG: the tests that were skipped although what they need is here.
skipped() { grep -nE '^[[:space:]]+[^[:space:]]+\.go:[0-9]+: (server|stranger):' "$1"; }

# serve NAME VARIABLE SCRIPT: installs what the folder of SCRIPT needs from npm, starts
# it, and puts what it says first, where it is, into VARIABLE. It ends with the step.
served=()
serve() {
	local name=$1 variable=$2 script=$3 said="" i
	need node nodejs npm
	need npm npm
	(cd "$(dirname "$script")" && retry npm ci --no-audit --no-fund --loglevel=error)
	: >"$CI_TMP/$name.out"
	node "$script" >"$CI_TMP/$name.out" 2>"$CI_TMP/$name.log" &
	served+=("$!")
	trap 'kill "${served[@]}" 2>/dev/null || true' EXIT
	for ((i = 0; i < 60; i++)); do
		said=$(cat "$CI_TMP/$name.out")
		[ -z "$said" ] && kill -0 "${served[-1]}" 2>/dev/null || break
		sleep 0.5
	done
	[ -n "$said" ] || { cat "$CI_TMP/$name.log"; echo "the $name server does not start"; exit 1; }
	export "$variable=$said"
}
