#!/usr/bin/env bash
# go vet finds nothing
. .ci/lib.sh
each go vet ./...
