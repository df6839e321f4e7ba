// Package docs holds the tests of what is written for people: that the code in
// the README is code that runs, that links lead somewhere, and that
// docs/dependencies.md knows every module the project requires. It has no code.
//
//	go test ./internal/docs -update
//
// copies the quickstart into the README.
package docs
