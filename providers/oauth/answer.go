package oauth

import (
	"errors"
	"net/http"
	"net/url"
)

// An answer is what an identity provider has sent the browser back with.
type answer struct {
	State string `json:"state,omitempty"`
	Code  string `json:"code,omitempty"`
	Iss   string `json:"iss,omitempty"`   // RFC 9207
	Error string `json:"error,omitempty"` // RFC 6749, 4.1.2.1

	// Of OAuth 1.0a.
	requestToken, requestVerifier string
}

const (
	maxQuery = 8 << 10 // of a callback, in bytes
	maxCode  = 4 << 10
	maxIss   = 1 << 10
)

// malformed is told of a callback that no identity provider sends. Nothing has been
// asked of anybody, and the transaction goes on.
func malformed(reason string) error {
	return problem(http.StatusBadRequest, "oauth_failed", "The answer of the service that you log in with is not valid. Please try again.",
		errors.New("oauth: callback: "+reason))
}

// readAnswer reads the answer in the query of r. What is not of the protocol is
// ignored (RFC 6749, 4.1.2); what is, and is there twice, is refused.
func readAnswer(r *http.Request, c *Connector) (answer, error) {
	if len(r.URL.RawQuery) > maxQuery {
		return answer{}, malformed("the query is too long")
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return answer{}, malformed("the query cannot be read")
	}
	if c.oauth1 {
		return readOAuth1(q)
	}
	return answerOf(func(name string) []string { return q[name] })
}

// answerOf reads the answer of an OAuth 2.0 server.
func answerOf(sent func(name string) []string) (a answer, err error) {
	for _, f := range []struct {
		name string
		to   *string
		max  int
	}{
		{"state", &a.State, 256}, {"code", &a.Code, maxCode}, {"iss", &a.Iss, maxIss}, {"error", &a.Error, 256},
	} {
		switch values := sent(f.name); {
		case len(values) > 1:
			return answer{}, malformed(f.name + " is there twice")
		case len(values) == 1 && len(values[0]) > f.max:
			return answer{}, malformed(f.name + " is too long")
		case len(values) == 1 && values[0] == "" && f.name != "error":
			return answer{}, malformed(f.name + " is empty")
		case len(values) == 1:
			*f.to = values[0]
			if f.name == "error" && values[0] == "" {
				*f.to = "unnamed"
			}
		}
	}
	// What is asked for is a code: a token in its place was made for somebody else, or
	// by somebody else (RFC 9700, 4.6).
	for _, name := range []string{"access_token", "id_token", "token_type"} {
		if len(sent(name)) > 0 {
			return answer{}, malformed("it has " + name)
		}
	}
	switch _, ok := parseSecret(a.State); {
	case !ok:
		return answer{}, malformed("the state is missing, or none of ours")
	case a.Code != "" && a.Error != "":
		return answer{}, malformed("it has both a code and an error")
	case a.Code == "" && a.Error == "":
		return answer{}, malformed("it has neither a code nor an error")
	}
	return a, nil
}

// readOAuth1 reads the answer of an OAuth 1.0a server (RFC 5849, 2.2), which says by
// "denied" that the user did not agree.
func readOAuth1(q url.Values) (a answer, err error) {
	for _, name := range []string{"oauth_token", "oauth_verifier", "denied"} {
		if len(q[name]) > 1 {
			return answer{}, malformed(name + " is there twice")
		}
		if len(q.Get(name)) > maxCode {
			return answer{}, malformed(name + " is too long")
		}
	}
	a.requestToken, a.requestVerifier = q.Get("oauth_token"), q.Get("oauth_verifier")
	switch denied := q.Get("denied"); {
	case denied != "" && (a.requestToken != "" || a.requestVerifier != ""):
		return answer{}, malformed("it has both a token and a denial")
	case denied != "":
		a.requestToken, a.Error = denied, "access_denied"
	case a.requestToken == "" || a.requestVerifier == "":
		return answer{}, malformed("it has no token, or no verifier")
	}
	return a, nil
}

// params returns what a backend is given of the answer.
func (a answer) params(f *flow) url.Values {
	if a.requestToken != "" {
		return url.Values{"oauth_token": {a.requestToken}, "oauth_verifier": {a.requestVerifier}}
	}
	return url.Values{"code": {a.Code}, "state": {a.State}, "code_verifier": {f.verifier}}
}

// refusal returns what to tell of an answer that is an error.
func (a answer) refusal() error {
	cause := errors.New("oauth: the identity provider answers " + errorCode(a.Error))
	switch a.Error {
	case "access_denied", "user_cancelled_authorize", "user_cancelled_login", "user_cancelled", "login_required", "interaction_required", "consent_required":
		return problem(http.StatusForbidden, "oauth_denied", "You have not been logged in there. Please try again, or log in another way.", cause)
	case "temporarily_unavailable", "server_error":
		return problem(http.StatusServiceUnavailable, "oauth_unavailable", "The service that you log in with cannot be reached. Please try again later.", cause)
	}
	return problem(http.StatusBadGateway, "oauth_failed", "The login there could not be completed. Please try again.", cause)
}

// errorCode returns an error code as it may be logged: whoever sends the browser
// here chooses it.
func errorCode(s string) string {
	if len(s) > 64 {
		return "an error with a long name"
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && c != '_' && (c < '0' || c > '9') {
			return "an error with an odd name"
		}
	}
	return s
}

// checkIssuer refuses an answer of another than who was asked (RFC 9207, 2.4).
func checkIssuer(a answer, issuer string, required bool) error {
	switch {
	case a.Iss == "" && required:
		return problemOf(wrap(errBadAnswer, "the response does not say whose it is (iss)"))
	case a.Iss != "" && issuer != "" && a.Iss != issuer:
		return problemOf(wrap(errBadAnswer, "the response is of another issuer"))
	}
	return nil
}
