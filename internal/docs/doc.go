// Package docs holds the tests of what is written for people: that the code in
// the README and the guides is code that runs, that links lead somewhere, that
// docs/dependencies.md knows every module the project requires, and
// docs/flask-login.md every name of Flask-Login. It has no code.
//
//	go test ./internal/docs -update
//
// copies the code into them.
package docs
