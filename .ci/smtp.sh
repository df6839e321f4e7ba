# Starts a mail server that is not ours, and says where it is. Sourced after lib.sh;
# the server ends with the step.
if [ -z "${GATEHOUSE_TEST_SMTP:-}" ]; then
	need openssl openssl
	serve smtp GATEHOUSE_TEST_SMTP .ci/smtp/server.js
fi
