package oauth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

// ask asks the identity provider, and returns the answer of 200.
func (o *observed) ask(req *http.Request) string {
	resp, err := o.idp.RoundTrip(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Sprint(resp.StatusCode, err)
	}
	return string(body)
}

// userinfo is what the host learns by a token of the user's.
func (o *observed) userinfo(ctx context.Context, id string) (string, error) {
	source, err := o.p.TokenSource(ctx, id, "oidc", nil)
	if err != nil {
		return "", err
	}
	token, err := source.Token()
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.idp.URL+"/userinfo", nil)
	if err != nil {
		return "", err
	}
	token.SetAuthHeader(req)
	return o.ask(req), nil
}

// Tokens from the login to the end, by an identity provider that rotates refresh
// tokens and ends the grant when one is used twice.
func TestTokensFromLoginToUnlink(t *testing.T) {
	o := observe(t, nil, false, patient)
	v := o.visitor()
	v.logIn("oidc", "ada")
	id, _, _ := strings.Cut(v.who(), " ")
	want := func(requests int) {
		t.Helper()
		got, err := o.userinfo(t.Context(), id)
		if err != nil || !strings.Contains(got, "ada@example.com") {
			t.Errorf("%q, %v", got, err)
		}
		if n := o.idp.Count(oauthtest.OIDCToken); n != requests {
			t.Errorf("%d token requests, want %d", n, requests)
		}
	}
	want(1)
	for round := range 3 {
		o.clock.Advance(2 * time.Hour)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { want(2 + round) })
		}
		wg.Wait()
	}
	// Outages lose nothing.
	o.clock.Advance(2 * time.Hour)
	o.idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{
		oauthtest.OIDCToken: oauthtest.First(1, oauthtest.Reply(503, "text/plain", words))}})
	if _, err := o.userinfo(t.Context(), id); err == nil || errors.Is(err, oauth.ErrTokenRevoked) || strings.Contains(err.Error(), words) {
		t.Errorf("an outage is %v", err)
	}
	want(6)

	if _, err := o.p.TokenSource(t.Context(), id, "github", nil); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("of no link: %v", err)
	}
	o.users.Change(id, func(u *authtest.User) { u.Disabled = true })
	o.clock.Advance(2 * time.Hour)
	if _, err := o.userinfo(t.Context(), id); !errors.Is(err, auth.ErrBadCredentials) {
		t.Errorf("of a disabled user: %v", err)
	}
	o.users.Change(id, func(u *authtest.User) { u.Disabled = false })
	want(7)

	// Taken back there, and granted anew by the next login.
	o.idp.Withdraw("ada")
	o.clock.Advance(2 * time.Hour)
	for range 2 {
		if _, err := o.userinfo(t.Context(), id); !errors.Is(err, oauth.ErrTokenRevoked) {
			t.Errorf("taken back: %v", err)
		}
	}
	v.logIn("oidc", "ada")
	want(9)

	// RT-4: given back with the link, which another way in has to make possible.
	r := httptest.NewRequest(http.MethodPost, authtest.Origin+"/auth/oauth/github/link", nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	back, err := o.idp.VisitAs("ada", v.send(r).Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	v.back(back)
	source, err := o.p.TokenSource(t.Context(), id, "oidc", nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := source.Token()
	if err != nil {
		t.Fatal(err)
	}
	r = httptest.NewRequest(http.MethodPost, authtest.Origin+"/auth/oauth/oidc/unlink", nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if rec := v.send(r); rec.Code != http.StatusSeeOther {
		t.Errorf("unlinking: %d %s", rec.Code, rec.Body)
	}
	if n := o.idp.Count(oauthtest.OIDCRevoke); n == 0 {
		t.Error("nothing was given back")
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.idp.URL+"/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	token.SetAuthHeader(req)
	if got := o.ask(req); strings.Contains(got, "ada") {
		t.Errorf("the token is good: %s", got)
	}
	if _, err := source.Token(); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("after unlinking: %v", err)
	}
	o.checkLeaks(words)
}

// Printing a Provider shows none of the secrets that it was given.
func TestProviderShowsNoSecret(t *testing.T) {
	o := observe(t, nil, false)
	secret := []byte("the secret of the key that seals")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		shown := fmt.Sprintf(verb, o.p)
		for _, s := range [][]byte{secret, []byte(clientSecret)} {
			for _, form := range spelled(string(s[:12])) {
				if strings.Contains(shown, form) {
					t.Errorf("%s shows a secret: %s", verb, shown)
				}
			}
		}
	}
}
