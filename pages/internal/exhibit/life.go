package exhibit

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// What the provider of accounts gives the page "activity".
type (
	activity struct {
		Events []event
		Next   string
	}
	event struct {
		At                                  time.Time
		Name, Method, Device, Actor, Reason string
		Addr                                netip.Addr
	}
)

// A state is a page in a state, and whether somebody is logged in.
type state struct {
	name    string
	known   bool
	page    auth.Page
	problem *auth.Problem
}

// life returns the pages of what is answered by mail, and of what happened.
func life() []state {
	token := auth.Field{Name: "token", Type: "hidden", Value: strings.Repeat("4fTq0Zk1vXwSdm3Ac", 2)}
	email := auth.Field{Name: "email", Label: "Email address", Type: "email", Autocomplete: "username", MaxLength: 254}
	chosen := auth.Field{Name: "password", Label: "Password", Type: "password", Autocomplete: "new-password", MinLength: 15}
	asked := auth.Field{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password"}
	code := auth.Field{Name: "code", Label: "Code", Type: "text", Autocomplete: "one-time-code", MaxLength: 8}
	next := email
	next.Autocomplete = "email"
	form := func(name, path, submit string, fields ...auth.Field) []auth.Form {
		return []auth.Form{{Name: name, Action: path, Submit: submit, Fields: fields}}
	}
	verify := form("verify", "/verify", "Confirm", token)
	elsewhere := form("verify", "/verify", "Confirm", token, asked)
	takeOver := form("take-over", "/verify", "Take the account over", token, auth.Field{Name: "take_over", Type: "hidden", Value: "true"}, chosen)
	forgot := form("forgot", "/forgot", "Send", email)
	reset := form("reset", "/reset", "Change password", token, chosen)
	resetCode := form("code", "/reset", "Change password", code, chosen)
	change := form("email", "/email", "Send", next)
	link := form("link", "/link", "Send me a link", email)
	set := form("first-password", "/password", "Set password", chosen)
	whose := ways()[:1]

	invalid := &auth.Problem{Status: http.StatusGone, Code: "link_invalid", Detail: "This link has been used, or is not good any more."}
	limited := &auth.Problem{Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: 41 * time.Minute}
	short := &auth.Problem{Status: http.StatusUnprocessableEntity, Code: "password_too_short", Field: "password", Detail: "The password is too short: it needs at least 15 characters."}
	wrongCode := &auth.Problem{Status: http.StatusUnauthorized, Code: "bad_credentials", Field: "code", Detail: "This code is not right."}
	wrongPassword := &auth.Problem{Status: http.StatusUnauthorized, Code: "bad_credentials", Field: "password", Detail: "This password is not right."}
	wrongBrowser := &auth.Problem{Status: http.StatusForbidden, Code: "wrong_browser"}
	unusable := &auth.Problem{Status: http.StatusUnprocessableEntity, Code: "invalid_field", Field: "email", Detail: "This is no email address."}

	all := []state{
		{"sent", false, auth.Page{Name: "sent", Status: http.StatusAccepted}, nil},
		{"sent-known", true, auth.Page{Name: "sent"}, nil},

		{"verify", false, auth.Page{Name: "verify", Forms: verify}, nil},
		{"verify-elsewhere", false, auth.Page{Name: "verify", Ways: whose, Forms: elsewhere}, nil},
		{"verify-take-over", false, auth.Page{Name: "verify", Ways: whose, Forms: append(elsewhere, takeOver...)}, nil},
		{"verify-error", false, auth.Page{Name: "verify", Ways: whose, Forms: append(elsewhere, takeOver...)}, wrongPassword},
		{"verify-again", true, auth.Page{Name: "verify", Forms: form("verify-send", "/verify", "Send")}, nil},
		{"verify-again-flash", true, auth.Page{Name: "verify", Forms: form("verify-send", "/verify", "Send"), Flashes: []auth.Flash{{ID: "verify.sent", Category: "success"}}}, nil},
		{"verify-done", true, auth.Page{Name: "verify"}, nil},
		{"verify-spent", false, auth.Page{Name: "verify"}, invalid},

		{"forgot", false, auth.Page{Name: "forgot", Forms: forgot}, nil},
		{"forgot-error", false, auth.Page{Name: "forgot", Forms: forgot}, unusable},
		{"forgot-limited", false, auth.Page{Name: "forgot", Forms: forgot}, limited},

		{"reset", false, auth.Page{Name: "reset", Ways: whose, Forms: reset}, nil},
		{"reset-error", false, auth.Page{Name: "reset", Ways: whose, Forms: reset}, short},
		{"reset-code", false, auth.Page{Name: "reset", Forms: resetCode}, nil},
		{"reset-code-error", false, auth.Page{Name: "reset", Forms: resetCode}, wrongCode},
		{"reset-spent", false, auth.Page{Name: "reset"}, invalid},

		{"email", true, auth.Page{Name: "email", Forms: change}, nil},
		{"email-error", true, auth.Page{Name: "email", Forms: change}, unusable},
		{"email-confirm", false, auth.Page{Name: "email", Forms: form("email", "/email", "Use this address", token)}, nil},
		{"email-spent", true, auth.Page{Name: "email", Forms: form("email", "/email", "Use this address", token)}, invalid},
		{"email-undo", false, auth.Page{Name: "email-undo", Forms: form("undo", "/email/undo", "Undo", token)}, nil},
		{"email-undo-spent", false, auth.Page{Name: "email-undo"}, invalid},

		{"link", false, auth.Page{Name: "link", Forms: link}, nil},
		{"link-limited", false, auth.Page{Name: "link", Forms: link}, limited},
		{"link-login", false, auth.Page{Name: "link", Next: "/me", Forms: form("link", "/link", "Log in", token)}, nil},
		{"link-wrong-browser", false, auth.Page{Name: "link", Forms: link}, wrongBrowser},
		{"link-wrong-browser-only", false, auth.Page{Name: "link"}, wrongBrowser},
		{"link-spent", false, auth.Page{Name: "link"}, invalid},

		{"close", true, auth.Page{Name: "close", Forms: form("close", "/close", "Close")}, nil},
		{"close-keep", false, auth.Page{Name: "close", Forms: form("keep", "/close", "Keep", token)}, nil},
		{"close-spent", false, auth.Page{Name: "close"}, invalid},

		{"disown", false, auth.Page{Name: "disown", Forms: form("disown", "/disown", "Go on", token)}, nil},
		{"disown-spent", false, auth.Page{Name: "disown"}, invalid},

		{"activity", true, auth.Page{Name: "activity", Data: happened()}, nil},
		{"activity-none", true, auth.Page{Name: "activity", Data: &activity{}}, nil},

		{"password-set", true, auth.Page{Name: "password", Ways: ways()[:2], Forms: set}, nil},
		{"password-set-error", true, auth.Page{Name: "password", Ways: ways()[:2], Forms: set}, short},
		{"password-none", true, auth.Page{Name: "password", Ways: ways()[:2]}, &auth.Problem{Status: http.StatusConflict, Code: "no_password", Detail: "You have no password here."}},

		{"account-unverified", true, auth.Page{Name: "account", Ways: unverified()}, nil},
		{"login-closed", false, auth.Page{Name: "login", Forms: []auth.Form{loginForm("ada@example.com")}}, &auth.Problem{Status: http.StatusForbidden, Code: "account_closed"}},
		{"error-unverified", true, auth.Page{Name: "error"}, &auth.Problem{Status: http.StatusForbidden, Code: "email_unverified"}},
	}
	for _, id := range []string{"password.reset", "email.reverted", "account.closed", "account.kept", "account.reclaimed", "account.disowned", "link.sent"} {
		all = append(all, state{"login-" + strings.ReplaceAll(id, ".", "-"), false,
			auth.Page{Name: "login", Forms: []auth.Form{loginForm("")}, Flashes: []auth.Flash{{ID: id, Category: "success"}}}, nil})
	}
	return all
}

// unverified is what somebody has who has just registered, without a password.
func unverified() []auth.Credential {
	all := ways()[:2]
	all[0].VerifiedAt = time.Time{}
	return all
}

func happened() *activity {
	here, there := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8:85a3:8d3:1319:8a2e:370:7348")
	return &activity{Next: "01J9", Events: []event{
		{At: at(12, 9, 41), Name: "password.changed", Device: "Firefox on Linux", Addr: here},
		{At: at(12, 9, 3), Name: "login", Method: "password", Device: "Safari on iPhone", Addr: there},
		{At: at(12, 9, 3), Name: "device.added", Device: "Safari on iPhone", Addr: there},
		{At: at(12, 9, 2), Name: "login.failed", Device: "Safari on iPhone", Addr: there, Reason: "wrong password"},
		{At: at(11, 16, 20), Name: "sessions.revoked", Actor: "support-42", Device: "Chrome on Windows", Addr: netip.MustParseAddr("198.51.100.23")},
		{At: at(10, 7, 0), Name: "email.verified"},
		{At: at(9, 7, 0), Name: "hub.linked", Device: strings.Repeat("Donaudampfschifffahrtsgesellschaft", 3)},
	}}
}
