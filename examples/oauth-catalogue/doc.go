// Package catalogue has a test that logs in by each of goth's providers, against
// imitations of all of them, and compares what it sees with docs/oauth-providers.md.
// It is in this module because goth's providers need modules that nothing else here
// does.
package catalogue
