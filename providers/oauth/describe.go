package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/oauth2"

	"github.com/gatehouse-go/gatehouse/auth"
)

const (
	maxDescription = 200 // characters
	redacted       = "…"
)

var (
	anyURL    = regexp.MustCompile(`(?i)\bhttps?://[^\s"'<>]+`)
	tokenLike = regexp.MustCompile(`[A-Za-z0-9_.~+/=%-]{20,}`)
	// namedSecret is what is called a secret, however short it is.
	namedSecret = regexp.MustCompile(`(?i)((?:token|secret|verifier|password|assertion|authorization)["']?\s*[=:]\s*["']?(?:bearer |basic )?|\b(?:code|state|nonce|key|sig)=)[^\s&"',;}]+`)
)

// describe returns what may be logged of err: no addresses' queries, nothing that
// looks like a token, none of secrets, one line of 200 characters at most.
//
// The errors of goth have the access token in them where it was sent in the query,
// and those of x/oauth2 the whole answer of the token endpoint.
func describe(err error, secrets ...string) string {
	if err == nil {
		return ""
	}
	if r := (*oauth2.RetrieveError)(nil); errors.As(err, &r) {
		if r.Response == nil && r.ErrorCode == "" { // it has no text then
			return describeRetrieval(r)
		}
		// Its text is in the one of whatever wraps it.
		before, after, found := strings.Cut(err.Error(), r.Error())
		if !found {
			before, after = "", ""
		}
		return shorten(redact(before, secrets) + describeRetrieval(r) + redact(after, secrets))
	}
	return shorten(redact(err.Error(), secrets))
}

func describeRetrieval(r *oauth2.RetrieveError) string {
	text := "the token endpoint refused"
	if r.Response != nil {
		text = fmt.Sprintf("the token endpoint answers with status %d", r.Response.StatusCode)
	}
	if r.ErrorCode != "" {
		text += " and error " + describeCode(r.ErrorCode)
	}
	return text
}

// longCodes are the error codes that would look like a token (RFC 6749, section
// 5.2, and RFC 8628).
var longCodes = []string{"unsupported_grant_type", "authorization_pending", "temporarily_unavailable", "unsupported_token_type", "incorrect_client_credentials"}

var knownShape = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,40}$`)

// describeCode returns an error code that an identity provider chose.
func describeCode(code string) string {
	if slices.Contains(longCodes, code) {
		return code
	}
	if !knownShape.MatchString(code) || tokenLike.MatchString(code) {
		return redacted
	}
	return code
}

// redact takes out of text what could be a secret.
func redact(text string, secrets []string) string {
	for _, s := range secrets {
		for _, spelled := range spellings(s) {
			text = strings.ReplaceAll(text, spelled, redacted)
		}
	}
	// An address is kept, as far as it is one: it says who did not answer.
	var out strings.Builder
	for {
		at := anyURL.FindStringIndex(text)
		if at == nil {
			break
		}
		out.WriteString(redactWords(text[:at[0]]))
		out.WriteString(redactURL(text[at[0]:at[1]]))
		text = text[at[1]:]
	}
	out.WriteString(redactWords(text))
	return out.String()
}

// spellings returns how errors may have a secret in them.
func spellings(s string) []string {
	if s == "" {
		return nil
	}
	quoted := strconv.Quote(s)
	all := []string{s, url.QueryEscape(s), url.PathEscape(s), quoted[1 : len(quoted)-1]}
	if inJSON, err := json.Marshal(s); err == nil {
		all = append(all, string(inJSON[1:len(inJSON)-1]))
	}
	for _, escaped := range all[1:3] {
		all = append(all, percent.ReplaceAllStringFunc(escaped, strings.ToLower))
	}
	return all
}

var percent = regexp.MustCompile(`%[0-9A-F]{2}`)

func redactWords(text string) string {
	return tokenLike.ReplaceAllString(namedSecret.ReplaceAllString(text, "${1}"+redacted), redacted)
}

// redactURL keeps scheme, host and path, but for elements of the path that look
// like tokens: some profile endpoints have theirs there.
func redactURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || len(u.Host) > 253 {
		return redacted
	}
	path := strings.Split(u.EscapedPath(), "/")
	for i, p := range path {
		path[i] = tokenLike.ReplaceAllString(p, redacted)
	}
	return u.Scheme + "://" + u.Host + strings.Join(path, "/")
}

func shorten(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	if r := []rune(text); len(r) > maxDescription {
		return string(r[:maxDescription-1]) + redacted
	}
	return text
}

// outcome returns err as one of the errors of backends, with a description in
// place of itself. A [auth.Problem] stays what it is.
func outcome(err error, secrets ...string) error {
	var (
		p       *auth.Problem
		r       *oauth2.RetrieveError
		network net.Error
	)
	class := errBadAnswer
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p):
		return err
	case errors.Is(err, errInvalidGrant):
		class = errInvalidGrant
	case errors.As(err, &r):
		switch r.ErrorCode {
		case "invalid_grant", "bad_verification_code", "bad_refresh_token": // the others are GitHub's
			class = errInvalidGrant
		}
	case errors.Is(err, errBadAnswer):
	case errors.Is(err, errUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		class = errUnavailable
	case errors.As(err, &network):
		// A *url.Error is one of them, whatever is in it; those of outbound have
		// their class.
		class = errUnavailable
	}
	text := describe(err, secrets...)
	for _, again := range []string{class.Error() + ": ", ": " + class.Error()} {
		text = strings.ReplaceAll(text, again, "")
	}
	return &described{class, text}
}

// described is an error of a backend, without the one it was made of.
type described struct {
	class error
	text  string
}

func (d *described) Error() string {
	if d.text == "" || d.text == d.class.Error() {
		return d.class.Error()
	}
	return d.class.Error() + ": " + d.text
}

func (d *described) Unwrap() error { return d.class }
