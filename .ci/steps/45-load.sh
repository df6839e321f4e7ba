#!/usr/bin/env bash
# two processes under load, on PostgreSQL and Redis, and every answer right
. .ci/lib.sh
. .ci/servers.sh
go build -o "$CI_TMP/load" ./bench/cmd/load
"$CI_TMP/load"
