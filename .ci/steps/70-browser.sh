#!/usr/bin/env bash
# the pages in a browser: flows, sizes, themes, accessibility
. .ci/lib.sh
. .ci/servers.sh
need node nodejs npm
need npm npm
need chromium chromium fonts-liberation
if [ -d pages/internal/gallery ]; then # built beforehand: browsers do not wait long
	go build -o "$CI_TMP/gallery" ./pages/internal/gallery
	export GALLERY="$CI_TMP/gallery"
fi
go build -o "$CI_TMP/demo" ./examples/demo
export DEMO="$CI_TMP/demo"
cd .ci/browser
retry npm ci --no-audit --no-fund --loglevel=error
npm test
