package oauthtest

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// A Callback is how a browser comes back to the client.
type Callback struct {
	// Method is GET, or POST with response_mode=form_post.
	Method string
	// URL is the redirect URI, and has the parameters in its query if the Method
	// is GET.
	URL string
	// Form has the parameters of a POST.
	Form url.Values
}

// Values returns the parameters, of the query and the form.
func (c Callback) Values() url.Values {
	v := make(url.Values)
	if u, err := url.Parse(c.URL); err == nil {
		v = u.Query()
	}
	for name, vs := range c.Form {
		v[name] = append(v[name], vs...)
	}
	return v
}

// Request returns what a browser sends to the client, without its cookies: a
// navigation from another site.
func (c Callback) Request() (*http.Request, error) {
	r, err := http.NewRequest(c.Method, c.URL, strings.NewReader(c.Form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("oauthtest: %w", err)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	if c.Method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "null")
	}
	return r, nil
}

// Visit is a browser that opens an authorization URL, original or made by
// [Server.AuthURL], and presses the button of the person whom login_hint means,
// or of the first. It returns how the browser comes back, which can be with an
// error. The error of Visit is that it does not come back: a page was shown in
// place of the redirect, or a script did something else. It needs no listening Server.
func (s *Server) Visit(authURL string) (Callback, error) {
	people := s.People()
	if len(people) == 0 {
		return Callback{}, fmt.Errorf("oauthtest: there is nobody who could log in")
	}
	who := people[0]
	if u, err := url.Parse(authURL); err == nil {
		for _, p := range people {
			if p.hinted(u.Query().Get("login_hint")) {
				who = p
				break
			}
		}
	}
	return s.press(authURL, url.Values{"person": {who.Login}})
}

// VisitAs is [Server.Visit] by whoever has this login or Subject.
func (s *Server) VisitAs(login, authURL string) (Callback, error) {
	return s.press(authURL, url.Values{"person": {login}})
}

// Cancel is [Server.Visit] by somebody who presses Cancel.
func (s *Server) Cancel(authURL string) (Callback, error) {
	return s.press(authURL, url.Values{"cancel": {"1"}})
}

type visitKey struct{}

// visited tells a visit where the browser is sent.
func visited(r *http.Request, c Callback) {
	if to, ok := r.Context().Value(visitKey{}).(*Callback); ok {
		*to = c
	}
}

func (s *Server) press(authURL string, choice url.Values) (Callback, error) {
	var back Callback
	ctx := context.WithValue(context.Background(), visitKey{}, &back)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, authURL, strings.NewReader(choice.Encode()))
	if err != nil {
		return Callback{}, fmt.Errorf("oauthtest: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.RoundTrip(r)
	if err != nil {
		return Callback{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return Callback{}, fmt.Errorf("oauthtest: the answer to %s: %w", authURL, err)
	}
	if back.URL != "" {
		return back, nil
	}
	if to := resp.Header.Get("Location"); to != "" { // a script's
		return Callback{Method: http.MethodGet, URL: to}, nil
	}
	return Callback{}, fmt.Errorf("oauthtest: %s was answered %s: %s", authURL, resp.Status, message(string(text)))
}

// message finds what a page refuses with.
func message(page string) string {
	if _, after, ok := strings.Cut(page, `<p role="alert">`); ok {
		page, _, _ = strings.Cut(after, "</p>")
		page = html.UnescapeString(page)
	}
	if len(page) > 300 {
		page = page[:300] + "…"
	}
	return page
}
