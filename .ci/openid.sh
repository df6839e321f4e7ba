# Starts an OpenID provider that is not ours, and says where it is. Sourced after
# lib.sh; the provider ends with the step.
if [ -z "${GATEHOUSE_TEST_OIDC:-}" ]; then
	need node nodejs npm
	need npm npm
	(cd .ci/openid && retry npm ci --no-audit --no-fund --loglevel=error)
	: >"$CI_TMP/openid.out"
	node .ci/openid/provider.js >"$CI_TMP/openid.out" 2>"$CI_TMP/openid.log" &
	openid=$!
	trap 'kill "$openid" 2>/dev/null || true' EXIT
	for ((i = 0; i < 60; i++)); do
		GATEHOUSE_TEST_OIDC=$(cat "$CI_TMP/openid.out")
		[ -z "$GATEHOUSE_TEST_OIDC" ] && kill -0 "$openid" 2>/dev/null || break
		sleep 0.5
	done
	[ -n "$GATEHOUSE_TEST_OIDC" ] || { cat "$CI_TMP/openid.log"; echo "the OpenID provider does not start"; exit 1; }
	export GATEHOUSE_TEST_OIDC
fi
