package oauth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"sync"
)

// maxForm is the length of the requests that are looked into.
const maxForm = 64 << 10

// A gothTransport is between a provider of goth and the outside, for one flow. It
// adds what goth leaves out (PKCE's verifier) and sees to what goth does not: one
// code, one token request; and only a profile that came with a status of success.
type gothTransport struct {
	base     http.RoundTripper
	code     string // the flow's
	verifier string // goes with the code, "" for nowhere
	// secretInBody moves the client's secret out of the header, see grant.
	secretInBody bool

	mu     sync.Mutex
	asked  bool    // a token was
	answer *canned // and this is what came
	failed error   // the first thing that went wrong
	proof  bool    // the verifier was sent
}

// canned is an answer of the token endpoint.
type canned struct {
	resp *http.Response
	body []byte
	code string // the error code in it
	err  error
}

func (t *gothTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	form, isGrant, req, err := t.grant(req)
	if err != nil {
		return nil, t.fault(err)
	}
	if isGrant {
		return t.token(req, form)
	}
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, t.fault(err)
	}
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		// checkRedirect decides.
	default:
		if resp.StatusCode < 200 || resp.StatusCode > 299 {
			resp.Body.Close()
			return nil, t.fault(fmt.Errorf("%w: it answers a request for a profile with status %d", errBadAnswer, resp.StatusCode))
		}
	}
	resp.Body = watchedBody{resp.Body, t}
	return resp, nil
}

// grant reports whether req is the one that brings the code, or a refresh token,
// and returns its form, if it has one, and a request to go on with.
func (t *gothTransport) grant(req *http.Request) (form url.Values, is bool, out *http.Request, err error) {
	q := req.URL.Query()
	is = isGrantType(q.Get("grant_type")) || t.code != "" && q.Get("code") == t.code
	if req.Body == nil || req.Body == http.NoBody {
		return nil, is, req, nil
	}
	defer req.Body.Close()
	body, err := io.ReadAll(io.LimitReader(req.Body, maxForm+1))
	if err != nil || len(body) > maxForm {
		return nil, false, nil, fmt.Errorf("%w: goth's request cannot be read", errBadAnswer)
	}
	out = req.Clone(req.Context())
	setBody(out, body)
	switch media, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type")); media {
	case "application/x-www-form-urlencoded":
		if f, err := url.ParseQuery(string(body)); err == nil && isGrantType(f.Get("grant_type")) {
			return f, true, out, nil
		}
	case "application/json":
		var j struct {
			GrantType string `json:"grant_type"`
		}
		if json.Unmarshal(body, &j) == nil && isGrantType(j.GrantType) {
			return nil, true, out, nil
		}
	}
	return nil, is, out, nil
}

func isGrantType(s string) bool { return s == "authorization_code" || s == "refresh_token" }

func setBody(req *http.Request, body []byte) {
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
}

// token makes the flow's token request. A second one gets the answer of the first
// if that was a refusal, and is refused otherwise: x/oauth2 tries each code with
// the secret in the header, and if that fails for whatever reason, once more with
// the secret in the body.
func (t *gothTransport) token(req *http.Request, form url.Values) (*http.Response, error) {
	t.mu.Lock()
	again, first := t.asked, t.answer
	t.asked = true
	t.mu.Unlock()
	if again {
		if first != nil && first.refused() {
			return first.reply(req)
		}
		return nil, t.fault(fmt.Errorf("%w: a second token request", errBadAnswer))
	}
	if form != nil {
		if err := t.complete(req, form); err != nil {
			return nil, t.fault(err)
		}
	}
	resp, err := t.base.RoundTrip(req)
	c := &canned{resp: resp, err: err}
	if err == nil {
		c.body, c.err = io.ReadAll(resp.Body)
		resp.Body.Close()
		c.code = errorIn(resp.Header.Get("Content-Type"), c.body)
	}
	t.mu.Lock()
	t.answer = c
	t.mu.Unlock()
	if c.err != nil {
		return nil, t.fault(c.err)
	}
	return c.reply(req)
}

// complete adds the verifier, and moves the client's secret to where all of goth's
// providers take it.
func (t *gothTransport) complete(req *http.Request, form url.Values) error {
	if form.Get("grant_type") == "authorization_code" && t.verifier != "" {
		if v, ok := form["code_verifier"]; ok && (len(v) != 1 || v[0] != t.verifier) {
			return fmt.Errorf("%w: goth sends a PKCE verifier of another flow", errBadAnswer)
		}
		form.Set("code_verifier", t.verifier)
		t.mu.Lock()
		t.proof = true
		t.mu.Unlock()
	}
	// x/oauth2 cannot know where the secret belongs, and begins with the header.
	// The body is where other libraries have it, without asking, for all that goth
	// has a provider for.
	if id, secret, ok := req.BasicAuth(); ok && t.secretInBody && !form.Has("client_secret") {
		id, err1 := url.QueryUnescape(id)
		secret, err2 := url.QueryUnescape(secret)
		if err1 == nil && err2 == nil {
			req.Header.Del("Authorization")
			form.Set("client_id", id)
			form.Set("client_secret", secret)
		}
	}
	setBody(req, []byte(form.Encode()))
	return nil
}

func (c *canned) refused() bool {
	return c.err != nil || c.code != "" || c.resp.StatusCode < 200 || c.resp.StatusCode > 299
}

func (c *canned) reply(req *http.Request) (*http.Response, error) {
	if c.err != nil {
		return nil, c.err
	}
	resp := *c.resp
	resp.Header = c.resp.Header.Clone()
	resp.Request = req
	resp.Body = io.NopCloser(bytes.NewReader(c.body))
	resp.ContentLength = int64(len(c.body))
	return &resp, nil
}

// errorIn returns the error code of a token endpoint's answer, which is sent with
// status 200 by some.
func errorIn(contentType string, body []byte) string {
	switch media, _, _ := mime.ParseMediaType(contentType); media {
	case "application/x-www-form-urlencoded", "text/plain":
		if f, err := url.ParseQuery(string(body)); err == nil && f.Get("error") != "" {
			return f.Get("error")
		}
	}
	var j struct {
		Error any `json:"error"`
	}
	if json.Unmarshal(body, &j) != nil {
		return ""
	}
	s, _ := j.Error.(string)
	return s
}

// fault keeps the first thing that went wrong, because goth does not always tell.
func (t *gothTransport) fault(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = err
	}
	return err
}

// verdict returns what goth's err comes to, given what was seen on the way.
func (t *gothTransport) verdict(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed != nil {
		return t.failed
	}
	if err != nil && t.answer != nil {
		switch t.answer.code {
		case "":
		case "invalid_grant", "bad_verification_code": // the second is GitHub's
			return fmt.Errorf("%w: %s", errInvalidGrant, t.answer.code)
		default:
			return fmt.Errorf("%w: the token endpoint says %s", errBadAnswer, describeCode(t.answer.code))
		}
	}
	return err
}

// proved reports whether the verifier was sent.
func (t *gothTransport) proved() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.proof
}

// watchedBody tells of a body that ended early, which some providers do not notice.
type watchedBody struct {
	io.ReadCloser
	t *gothTransport
}

func (b watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.t.fault(err)
	}
	return n, err
}
