#!/usr/bin/env bash
# go.mod and go.sum of every module say what is needed, and no more
. .ci/lib.sh
export GOWORK=off
bad=0
each go mod tidy -diff || bad=1
each go mod verify || bad=1

# modernc.org/sqlite works with the libc that its own go.mod names, and with no
# newer one.
sqlite() {
	local mod want have
	mod=$(go list -m -f '{{.GoMod}}' modernc.org/sqlite 2>/dev/null) || return 0 # not used here
	[ -f "$mod" ] || return 0 # known, and not needed
	want=$(awk '$1 == "modernc.org/libc" { print $2 }' "$mod")
	have=$(go list -m -f '{{.Version}}' modernc.org/libc)
	[ "$want" = "$have" ] || { echo "modernc.org/sqlite is made for libc $want, and would get $have: go get modernc.org/libc@$want"; return 1; }
}
each sqlite || bad=1
exit $bad
