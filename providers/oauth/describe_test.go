package oauth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/markbates/goth/providers/google"
	"golang.org/x/oauth2"
)

const leak = "ya29.a0AfH6SMBsecret-access-token_value"

func TestDescribeTellsNoSecret(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		secrets []string
		want    string // a part
	}{
		"a query":               {&url.Error{Op: "Get", URL: "https://www.googleapis.com/oauth2/v2/userinfo?access_token=" + leak, Err: errors.New("EOF")}, nil, "https://www.googleapis.com/oauth2/v2/userinfo"},
		"a short one":           {&url.Error{Op: "Get", URL: "https://a.example/x?access_token=hunter2", Err: errors.New("EOF")}, nil, "https://a.example/x"},
		"a path":                {&url.Error{Op: "Get", URL: "https://api.hubapi.com/oauth/v1/access-tokens/" + leak, Err: errors.New("EOF")}, nil, "https://api.hubapi.com/oauth/v1/access-tokens/…"},
		"formatted":             {fmt.Errorf("mastodon: %v", &url.Error{Op: "Get", URL: "https://a.example/x?access_token=hunter2", Err: errors.New("EOF")}), nil, "mastodon: Get"},
		"a user":                {errors.New("dial https://user:hunter2@a.example/"), nil, "https://a.example"},
		"a token response":      {&oauth2.RetrieveError{Response: &http.Response{StatusCode: 400, Status: "400 Bad Request"}, Body: []byte(`{"access_token":"` + leak + `"}`)}, nil, "status 400"},
		"a wrapped one":         {fmt.Errorf("x: %w", &oauth2.RetrieveError{Response: &http.Response{StatusCode: 400}, Body: []byte("hunter2")}), nil, "x: the token endpoint"},
		"its code":              {&oauth2.RetrieveError{Response: &http.Response{StatusCode: 400}, ErrorCode: "unsupported_grant_type", ErrorDescription: "hunter2"}, nil, "unsupported_grant_type"},
		"a token as a code":     {&oauth2.RetrieveError{Response: &http.Response{StatusCode: 400}, ErrorCode: leak}, nil, "…"},
		"a script as a code":    {&oauth2.RetrieveError{Response: &http.Response{StatusCode: 400}, ErrorCode: "<b>hunter2"}, nil, "…"},
		"without a response":    {&oauth2.RetrieveError{ErrorCode: "invalid_grant"}, nil, "invalid_grant"},
		"nor a code":            {&oauth2.RetrieveError{}, nil, "refused"},
		"a token in words":      {errors.New("cannot use " + leak + " there"), nil, "cannot use … there"},
		"a named one":           {errors.New(`{"access_token":"hunter2"}`), nil, "…"},
		"in a form":             {errors.New("body was code=hunter2&state=hunter2"), nil, "code=…"},
		"a header":              {errors.New("Authorization: Bearer hunter2"), nil, "…"},
		"a known one":           {errors.New("the word is hunter2 indeed"), []string{"", "hunter2"}, "the word is … indeed"},
		"a known one, escaped":  {errors.New("the word is a%2Bhunter2 indeed"), []string{"a+hunter2"}, "the word is … indeed"},
		"lines":                 {errors.New("one\r\ntwo\x1b[31m three"), nil, "one  two [31m three"},
		"what is no UTF-8":      {errors.New("a\xffb"), nil, "a�b"},
		"much":                  {errors.New(strings.Repeat("very long ", 100)), nil, "very long"},
		"an address of no host": {errors.New("https://%zz?access_token=hunter2"), nil, "…"},
	} {
		got := describe(c.err, c.secrets...)
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %q does not have %q", name, got, c.want)
		}
		if strings.Contains(got, "hunter2") || strings.Contains(got, leak) || strings.Contains(got, "secret-access") {
			t.Errorf("%s: %q tells a secret", name, got)
		}
		if n := utf8.RuneCountInString(got); n > maxDescription || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x1b") {
			t.Errorf("%s: %d characters: %q", name, n, got)
		}
	}
	if describe(nil) != "" {
		t.Error("nothing is described")
	}
}

// goth's Google sends the access token in the query, and so it is in the error.
func TestDescribeGothsGoogle(t *testing.T) {
	p := google.New("id", "secret", "https://app.example/cb")
	p.HTTPClient = &http.Client{Transport: noRequests{}}
	session, err := p.UnmarshalSession(`{"AccessToken":"` + leak + `"}`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.FetchUser(session)
	if err == nil || !strings.Contains(err.Error(), leak) {
		t.Fatalf("%v: goth tells its token no more; the comment of describe says it does", err)
	}
	if got := describe(err); strings.Contains(got, leak[:12]) || !strings.Contains(got, "www.googleapis.com") {
		t.Error(got)
	}
	if got := outcome(err); !errors.Is(got, errUnavailable) || strings.Contains(got.Error(), leak[:12]) {
		t.Error(got)
	}
}

func TestOutcome(t *testing.T) {
	shown := &auth.Problem{Status: 403, Code: "not_one_of_us", Detail: "Only for us."}
	for name, c := range map[string]struct{ err, want error }{
		"unavailable":      {fmt.Errorf("x: %w", errUnavailable), errUnavailable},
		"bad":              {fmt.Errorf("x: %w", errBadAnswer), errBadAnswer},
		"a grant":          {fmt.Errorf("x: %w", errInvalidGrant), errInvalidGrant},
		"x/oauth2's":       {&oauth2.RetrieveError{Response: &http.Response{StatusCode: 400}, ErrorCode: "invalid_grant"}, errInvalidGrant},
		"GitHub's":         {&oauth2.RetrieveError{Response: &http.Response{StatusCode: 200}, ErrorCode: "bad_verification_code"}, errInvalidGrant},
		"another":          {&oauth2.RetrieveError{Response: &http.Response{StatusCode: 401}, ErrorCode: "invalid_client"}, errBadAnswer},
		"a network's":      {&net.OpError{Op: "dial", Err: errors.New("refused")}, errUnavailable},
		"a refused one's":  {&url.Error{Op: "Get", URL: "https://a.example", Err: fmt.Errorf("%w: a redirect", errBadAnswer)}, errBadAnswer},
		"an end":           {context.Canceled, errUnavailable},
		"a deadline":       {fmt.Errorf("x: %w", context.DeadlineExceeded), errUnavailable},
		"a host's problem": {fmt.Errorf("x: %w", shown), shown},
		"anything":         {errors.New("x"), errBadAnswer},
	} {
		got := outcome(c.err)
		if !errors.Is(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if strings.Count(got.Error(), c.want.Error()) > 1 {
			t.Errorf("%s: %v says it twice", name, got)
		}
	}
	if outcome(nil) != nil {
		t.Error("nothing has an outcome")
	}
}
