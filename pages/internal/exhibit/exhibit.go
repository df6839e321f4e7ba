// Package exhibit has the pages in every state that they can be in, with made-up
// content, for the tests and for the gallery. [All] is all there is.
package exhibit

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// An Exhibit is a page in one state.
type Exhibit struct {
	Name     string
	Page     auth.Page      // without Identity and Problem
	Identity *auth.Identity // who is logged in, or nil
	Problem  *auth.Problem  // or nil
}

// All returns all exhibits. They are the caller's.
func All() []Exhibit {
	ada := identity()
	var all []Exhibit
	add := func(name string, id *auth.Identity, page auth.Page, problem *auth.Problem) {
		all = append(all, Exhibit{name, page, id, problem})
	}
	badCredentials := &auth.Problem{Status: 401, Code: "bad_credentials", Detail: "The email address or the password is not right."}
	conflict := &auth.Problem{Status: 409, Code: "conflict"}

	login := auth.Page{Name: "login", Next: "/me?tab=orders&page=2", Forms: []auth.Form{loginForm("")}}
	add("login", nil, login, nil)
	login.Forms = []auth.Form{loginForm("ada@example.com")}
	add("login-error", nil, login, badCredentials)
	add("login-limited", nil, login, &auth.Problem{Status: 429, Code: "rate_limited", RetryAfter: 12 * time.Minute})
	login.Forms = append(login.Forms,
		auth.Form{Name: "link", Action: "/link", Submit: "Email me a link", Fields: []auth.Field{
			{Name: "email", Label: "Email address", Type: "email", Autocomplete: "username"}}},
		oauthForm("github", "", "Continue with GitHub"),
		oauthForm("google", "", "Continue with Google"))
	add("login-many", nil, login, nil)
	login.Forms = append([]auth.Form{login.Forms[0]}, login.Forms[2:]...)
	add("login-oauth", nil, login, nil)
	add("login-oauth-denied", nil, login, &auth.Problem{Status: 403, Code: "oauth_denied"})
	login.Forms = login.Forms[1:]
	add("login-oauth-only", nil, login, nil)
	add("login-oauth-failed", nil, login, &auth.Problem{Status: 502, Code: "oauth_failed"})
	add("login-oauth-one", nil, auth.Page{Name: "login", Forms: login.Forms[:1]}, nil)
	login.Forms = []auth.Form{oauthForm("github", "", "Continue with GitHub"), loginForm("")}
	add("login-oauth-first", nil, login, &auth.Problem{Status: 409, Code: "account_exists"})
	login.Forms = []auth.Form{loginForm("")}
	login.Flashes = []auth.Flash{{ID: "unauthenticated.expired", Category: "warning"}}
	add("login-flash", nil, login, nil)
	login.Flashes = []auth.Flash{{ID: "unauthenticated.reused", Category: "error"}, {ID: "logged_out", Category: "success"}, {ID: "unauthenticated", Category: "info"}}
	add("login-flashes-error", nil, login, badCredentials)
	add("login-none", nil, auth.Page{Name: "login"}, nil)

	register := auth.Page{Name: "register", Forms: []auth.Form{registerForm("", "")}}
	add("register", nil, register, nil)
	register.Forms = []auth.Form{registerForm("Ada Lovelace", "ada@example.com")}
	add("register-error", nil, register, &auth.Problem{Status: 422, Code: "password_blocklisted", Field: "password"})
	add("register-spent-link", nil, register, &auth.Problem{Status: 410, Code: "link_invalid"})
	add("register-taken", nil, register, &auth.Problem{Status: 409, Code: "taken", Field: "email", Detail: "There is an account with this email address already."})

	register.Forms = []auth.Form{registerForm("", ""), oauthForm("github", "", "Continue with GitHub"), oauthForm("google", "", "Continue with Google")}
	add("register-oauth", nil, register, nil)
	add("register-oauth-exists", nil, register, &auth.Problem{Status: 409, Code: "account_exists"})

	account := auth.Page{Name: "account", Ways: ways()}
	add("account", ada, account, nil)
	add("account-error", ada, account, &auth.Problem{Status: 409, Code: "last_credential"})
	account.Flashes = []auth.Flash{{ID: "password.changed", Category: "success"}}
	add("account-flash", ada, account, nil)
	add("account-bare", ada, auth.Page{Name: "account"}, nil)

	sessions := auth.Page{Name: "sessions", Sessions: sessions(ada.Session)}
	add("sessions", ada, sessions, nil)
	add("sessions-error", ada, sessions, conflict)
	sessions.Sessions = sessions.Sessions[1:2]
	add("sessions-one", ada, sessions, nil)
	add("sessions-none", ada, auth.Page{Name: "sessions"}, nil)

	password := auth.Page{Name: "password", Ways: ways(), Forms: []auth.Form{changeForm()}}
	add("password", ada, password, nil)
	add("password-error", ada, password, &auth.Problem{Status: 401, Code: "bad_credentials", Field: "current", Detail: "This is not your current password."})
	add("password-short", ada, password, &auth.Problem{Status: 422, Code: "invalid_field", Field: "password", Detail: "Use at least 15 characters."})

	keys := auth.Page{Name: "keys", Ways: ways(), Data: keyList(), Forms: []auth.Form{keyForm("")}}
	add("keys", ada, keys, nil)
	keys.Forms = []auth.Form{keyForm("Reports")}
	add("keys-error", ada, keys, &auth.Problem{Status: 422, Code: "invalid_field", Field: "days", Detail: "A key lives 1 to 366 days."})
	add("keys-full", ada, keys, &auth.Problem{Status: 409, Code: "too_many_keys"})
	keys.Forms = nil
	add("keys-gone", ada, keys, &auth.Problem{Status: 404, Code: "not_found", Detail: "There is no such key, or it was revoked already."})
	add("keys-stale", ada, auth.Page{Name: "keys", Next: "/plain/keys", Data: &listing{Stale: true}}, nil)
	bare := keyForm("")
	bare.Fields = bare.Fields[:2]
	add("keys-none", ada, auth.Page{Name: "keys", Ways: ways(), Data: &listing{}, Forms: []auth.Form{bare}}, nil)
	made := auth.Page{Name: "key", Status: http.StatusCreated, Data: &created{keyList().Keys[0], "gk_" + strings.Repeat("4fTq0Zk1vXwSdm3Ac", 4)}}
	add("key", ada, made, nil)

	for _, a := range accounts() {
		a.page.Name, a.page.Ways = "accounts", ways()
		add(a.name, ada, a.page, a.problem)
	}

	confirm := auth.Page{Name: "confirm", Next: "/settings", Ways: ways(), Forms: []auth.Form{confirmForm()}}
	add("confirm", ada, confirm, nil)
	add("confirm-error", ada, confirm, badCredentials)
	confirm.Forms = append(confirm.Forms, oauthForm("github", "/confirm", "Confirm with GitHub"), oauthForm("google", "/confirm", "Confirm with Google"))
	add("confirm-oauth", ada, confirm, &auth.Problem{Status: 403, Code: "wrong_account"})
	confirm.Forms = confirm.Forms[1:2]
	add("confirm-oauth-only", ada, confirm, nil)
	add("confirm-none", ada, auth.Page{Name: "confirm"}, nil)

	code := auth.Page{Name: "code", Next: "/me", Forms: []auth.Form{codeForm()}}
	add("code", nil, code, nil)
	add("code-error", nil, code, &auth.Problem{Status: 401, Code: "bad_credentials", Field: "code", Detail: "This code is not right, or too old."})

	add("error", nil, auth.Page{Name: "error", Status: http.StatusInternalServerError}, nil)
	add("error-forbidden", ada, auth.Page{Name: "error"}, &auth.Problem{Status: 403, Code: "forbidden"})
	add("error-busy", nil, auth.Page{Name: "error"}, &auth.Problem{Status: 503, Code: "busy", RetryAfter: 2 * time.Second})

	for _, s := range life() {
		id := ada
		switch {
		case !s.known:
			id = nil
		case s.page.Ways == nil:
			s.page.Ways = ways()
		}
		add(s.name, id, s.page, s.problem)
	}

	long := strings.Repeat("Donaudampfschifffahrtsgesellschaft", 7)
	add("long", nil, auth.Page{Name: "login", Forms: []auth.Form{{
		Name: "long", Action: "/login", Submit: long,
		Fields: []auth.Field{
			{Name: "email", Label: long, Hint: long, Value: long, Type: "text"},
			{Name: "remember", Label: long, Hint: long, Type: "checkbox", Optional: true},
		},
	}}}, &auth.Problem{Status: 422, Code: "invalid_field", Field: "email", Detail: long})
	return all
}

func loginForm(email string) auth.Form {
	return auth.Form{Name: "password", Action: "/login", Submit: "Log in", Fields: []auth.Field{
		{Name: "email", Label: "Email address", Type: "email", Autocomplete: "username", Value: email, MaxLength: 254},
		{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password"},
		{Name: "remember", Label: "Stay logged in on this device", Type: "checkbox", Optional: true},
	}}
}

func registerForm(name, email string) auth.Form {
	return auth.Form{Name: "password", Action: "/register", Submit: "Create account", Fields: []auth.Field{
		{Name: "name", Label: "Name", Type: "text", Autocomplete: "name", Value: name, Optional: true, MaxLength: 100},
		{Name: "email", Label: "Email address", Type: "email", Autocomplete: "username", Value: email, MaxLength: 254},
		{Name: "password", Label: "Password", Type: "password", Autocomplete: "new-password", MinLength: 15},
	}}
}

func changeForm() auth.Form {
	return auth.Form{Name: "password", Action: "/password", Submit: "Change password", Fields: []auth.Field{
		{Name: "current", Label: "Current password", Type: "password", Autocomplete: "current-password"},
		{Name: "password", Label: "New password", Type: "password", Autocomplete: "new-password", MinLength: 15},
	}}
}

func confirmForm() auth.Form {
	return auth.Form{Name: "password", Action: "/confirm", Submit: "Confirm", Fields: []auth.Field{
		{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password"},
	}}
}

func codeForm() auth.Form {
	return auth.Form{Name: "code", Action: "/code", Submit: "Continue", Fields: []auth.Field{
		{Name: "code", Label: "Code", Hint: "The six digits that your authenticator app shows.", Type: "text", Autocomplete: "one-time-code", MaxLength: 6},
	}}
}

func keyForm(name string) auth.Form {
	return auth.Form{Name: "apikey", Action: "/keys", Submit: "Create key", Fields: []auth.Field{
		{Name: "name", Label: "Name", Hint: "What the key is for.", Type: "text", Autocomplete: "off", Value: name, MaxLength: 60},
		{Name: "days", Label: "Expires after how many days", Hint: "1 to 366.", Type: "text", Autocomplete: "off", Value: "90", MaxLength: 5},
		{Name: "scope:orders:read", Label: "Read orders", Hint: "orders:read", Type: "checkbox", Value: "on", Optional: true},
		{Name: "scope:admin", Label: "admin", Type: "checkbox", Optional: true},
	}}
}

// What the provider of API keys gives its pages.
type (
	listing struct {
		Keys  []key
		Stale bool
	}
	key struct {
		ID, Name, Prefix             string
		Limited                      bool
		Scopes                       []string
		CreatedAt, ExpiresAt, UsedAt time.Time
	}
	created struct {
		key
		Secret string
	}
)

func keyList() *listing {
	return &listing{Keys: []key{
		{ID: "4fTq0Zk1vXwSdm3Ac", Name: "Reports", Prefix: "gk_4fTq0Zk1vXwSdm3Ac", Limited: true, Scopes: []string{"orders:read", "invoices:read"},
			CreatedAt: at(12, 8, 2), ExpiresAt: at(12, 8, 2).AddDate(0, 0, 90)},
		{ID: "B2mLq7sN0pYhVd9Xe", Name: "deploy, that one with the long name which is still allowed", Prefix: "gk_B2mLq7sN0pYhVd9Xe",
			CreatedAt: at(3, 12, 15), UsedAt: at(12, 9, 40)},
		{ID: "Zx81Jr5KtWcUe6GoP", Name: "nothing at all", Prefix: "gk_Zx81Jr5KtWcUe6GoP", Limited: true,
			CreatedAt: at(1, 7, 0), ExpiresAt: at(30, 7, 0)},
	}}
}

type user struct{}

func (user) AuthID() string { return "1" }

func at(day, hour, minute int) time.Time {
	return time.Date(2026, time.May, day, hour, minute, 0, 0, time.UTC)
}

func identity() *auth.Identity {
	s := &auth.Session{
		ID: auth.SessionID{1}, UserID: "1", Label: "Firefox on Linux", Addr: netip.MustParseAddr("203.0.113.7"),
		CreatedAt: at(12, 8, 2), SeenAt: at(12, 9, 41),
	}
	return &auth.Identity{UserID: "1", User: user{}, Session: s, Proofs: []auth.Proof{{Method: "password", At: s.CreatedAt}}}
}

func sessions(current *auth.Session) []*auth.Session {
	return []*auth.Session{
		{ID: auth.SessionID{2}, Label: "Safari on iPhone", Addr: netip.MustParseAddr("2001:db8:85a3:8d3:1319:8a2e:370:7348"), CreatedAt: at(12, 9, 3), SeenAt: at(12, 9, 12),
			Proofs: []auth.Proof{{Method: "password"}, {Method: "remember", Kind: "remember"}}},
		current,
		{ID: auth.SessionID{3}, Label: "Chrome on Windows", Addr: netip.MustParseAddr("198.51.100.23"), CreatedAt: at(2, 17, 30), SeenAt: at(10, 22, 4)},
		{ID: auth.SessionID{4}, CreatedAt: at(1, 7, 0), SeenAt: at(1, 7, 0)},
	}
}

func ways() []auth.Credential {
	return []auth.Credential{
		{Kind: "email", Key: "ada@example.com", CreatedAt: at(1, 7, 0), VerifiedAt: at(1, 7, 5)},
		{Kind: "oauth:github", Key: "583231", Label: "ada-lovelace", CreatedAt: at(3, 12, 15), UsedAt: at(4, 10, 0)},
		{Kind: "password", Key: "1", CreatedAt: at(1, 7, 0), UsedAt: at(12, 8, 2)},
	}
}
