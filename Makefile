.PHONY: test bench check

test:
	go test work

# All benchmarks, peers side by side; docs/performance.md keeps the results.
bench:
	cd bench && go test -run '^$$' -bench . -benchmem -timeout 60m ./...

check:
	.ci/run
