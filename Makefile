.PHONY: test bench check

test:
	go test work

# Peers side by side, as docs/performance.md keeps them.
bench:
	go run ./bench/cmd/table

check:
	.ci/run
