# Starts an OpenID provider that is not ours, and says where it is. Sourced after
# lib.sh; the provider ends with the step.
[ -n "${GATEHOUSE_TEST_OIDC:-}" ] || serve openid GATEHOUSE_TEST_OIDC .ci/openid/provider.js
