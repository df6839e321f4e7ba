#!/usr/bin/env bash
# Go, a C compiler for the race detector, and the modules
. .ci/lib.sh
command -v go >/dev/null || { echo "there is no Go on this machine: https://go.dev/dl"; exit 1; }
need gcc gcc libc6-dev
need curl curl ca-certificates
go version
each retry env GOWORK=off go mod download
tool honnef.co/go/tools/cmd/staticcheck@v0.8.2
staticcheck -version
