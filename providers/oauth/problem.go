package oauth

import (
	"errors"
	"net/http"

	"github.com/gatehouse-go/gatehouse/auth"
)

// The errors of backends. They say what happened in words that may be logged, and
// none of what was sent or received, see describe.
var (
	// errUnavailable: the identity provider does not answer, or says that it cannot.
	errUnavailable = errors.New("the identity provider is not available")
	// errBadAnswer: it answered, and not as it should.
	errBadAnswer = errors.New("the identity provider's answer is not valid")
	// errInvalidGrant: it does not take the code, or the refresh token.
	errInvalidGrant = errors.New("the identity provider refuses the grant")
)

func problem(status int, code, detail string, cause error) *auth.Problem {
	return &auth.Problem{Status: status, Code: code, Detail: detail, Err: cause}
}

// problemOf returns what to tell of an error of a backend.
func problemOf(err error) error {
	var p *auth.Problem
	switch {
	case errors.As(err, &p):
		return err
	case errors.Is(err, errInvalidGrant):
		return problem(http.StatusBadRequest, "oauth_failed", "The login there could not be completed. Please try again.", err)
	case errors.Is(err, errBadAnswer):
		return problem(http.StatusBadGateway, "oauth_failed", "The login there could not be completed. Please try again.", err)
	default:
		return problem(http.StatusServiceUnavailable, "oauth_unavailable", "The service that you log in with cannot be reached. Please try again later.", err)
	}
}

// expired is told of a callback that belongs to nothing that this browser began.
func expired(reason string) error {
	return problem(http.StatusBadRequest, "oauth_expired", "This login took too long, was used already, or was begun in another browser. Please try again.",
		errors.New("oauth: "+reason))
}
