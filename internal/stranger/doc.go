// Package stranger holds the test of a stranger: somebody in an empty folder
// outside this tree, who has nothing but the Go command and a module proxy.
// What works in the workspace can still be broken for everybody else, because
// go.work and replace directives end at the edge of the tree.
//
// The test makes a proxy out of the tree, gets the modules from there, and
// builds the quickstart and installs the tools with them. It has no code.
package stranger
