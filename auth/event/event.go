// Package event has the names of the security events of package auth, and
// ready-made sinks for auth.Options.Events.
//
// Start with [Handlers], which has a field for each event: what a host wants to do
// when a browser is remembered or a credential changes goes into the field of that
// name. [On] hands on the events of some names, a provider's own among them, to one
// function. [Log] writes all to a log of their own, such as an audit log. They go
// into the list side by side, and one that fails hinders none of the others:
//
//	Events: []func(context.Context, auth.Event){
//		event.Log(audit),
//		event.Handlers{CredentialChanged: tellUser, RememberReused: tellUser}.Handle,
//	},
package event

import (
	"context"
	"slices"

	"github.com/gatehouse-go/gatehouse/auth"
)

// The names of the events of package auth and of the providers that come with it: what
// each means is said at [auth.Event]. They are stable. Another provider may have more, of
// its own.
const (
	Login             = "login"
	LoginOwed         = "login.owed"
	LoginFailed       = "login.failed"
	LoginRefused      = "login.refused"
	LoginLimited      = "login.limited"
	AccountLocked     = "account.locked"
	LimiterDown       = "limiter.down"
	Logout            = "logout"
	UserSwitched      = "user.switched"
	Remembered        = "remembered"
	RememberReused    = "remember.reused"
	Reauthenticated   = "reauthenticated"
	Registered        = "registered"
	SessionsRevoked   = "sessions.revoked"
	CredentialChanged = "credential.changed"
	CredentialAdded   = "credential.added"
	CredentialRemoved = "credential.removed"
	PasswordChanged   = "password.changed"
	PasswordReset     = "password.reset"
	EmailVerified     = "email.verified"
	EmailChanged      = "email.changed"
	EmailReverted     = "email.reverted"
	AccountReclaimed  = "account.reclaimed"
	AccountDisowned   = "account.disowned"
	AccountClosed     = "account.closed"
	AccountKept       = "account.kept"
	AccountPurged     = "account.purged"
	DeviceAdded       = "device.added"
	KeyCreated        = "key.created"
	KeyRevoked        = "key.revoked"
	MailRefused       = "mail.refused"
	MailGivenUp       = "mail.given_up"
	BindingChanged    = "binding.changed"
	Forbidden         = "forbidden"
	Allowed           = "allowed"
	Denied            = "denied"
	Undecided         = "undecided"
	Loaded            = "loaded"
	Unauthenticated   = "unauthenticated"
	NotFresh          = "not_fresh"
)

// On returns a sink that hands the events of the given names to f, and no others.
// Without names it hands on nothing. It returns nil if f is nil, which auth.New
// reports.
func On(f func(context.Context, auth.Event), names ...string) func(context.Context, auth.Event) {
	if f == nil {
		return nil
	}
	names = slices.Clone(names)
	return func(ctx context.Context, e auth.Event) {
		if slices.Contains(names, e.Name) {
			f(ctx, e)
		}
	}
}
