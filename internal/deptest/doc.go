// Package deptest holds the directions of dependency: which part of the
// project may know of which other. The rules are one table in its tests,
// checked against what the go command says is really imported.
//
//	host, cmd, examples
//	contrib  providers  stores  pages  authtest
//	auth ──► internal ──► standard library
//
// Start with [Check].
package deptest
