package event

import (
	"context"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Handlers has a function for each event of package auth, as
// [net/http/httptrace.ClientTrace] has for each step of a request: set those that
// matter, and put its method Handle into auth.Options.Events. What holds for a sink
// holds for each of them: it is called during the request, and must not block. To
// set none is to do nothing.
type Handlers struct {
	Login             func(context.Context, auth.Event)
	LoginOwed         func(context.Context, auth.Event)
	LoginFailed       func(context.Context, auth.Event)
	LoginRefused      func(context.Context, auth.Event)
	LoginLimited      func(context.Context, auth.Event)
	AccountLocked     func(context.Context, auth.Event)
	LimiterDown       func(context.Context, auth.Event)
	Logout            func(context.Context, auth.Event)
	UserSwitched      func(context.Context, auth.Event)
	Remembered        func(context.Context, auth.Event)
	RememberReused    func(context.Context, auth.Event)
	Reauthenticated   func(context.Context, auth.Event)
	Registered        func(context.Context, auth.Event)
	SessionsRevoked   func(context.Context, auth.Event)
	CredentialChanged func(context.Context, auth.Event)
	CredentialAdded   func(context.Context, auth.Event)
	CredentialRemoved func(context.Context, auth.Event)
	PasswordChanged   func(context.Context, auth.Event)
	PasswordReset     func(context.Context, auth.Event)
	EmailVerified     func(context.Context, auth.Event)
	EmailChanged      func(context.Context, auth.Event)
	EmailReverted     func(context.Context, auth.Event)
	AccountReclaimed  func(context.Context, auth.Event)
	AccountDisowned   func(context.Context, auth.Event)
	AccountClosed     func(context.Context, auth.Event)
	AccountKept       func(context.Context, auth.Event)
	AccountPurged     func(context.Context, auth.Event)
	DeviceAdded       func(context.Context, auth.Event)
	KeyCreated        func(context.Context, auth.Event)
	KeyRevoked        func(context.Context, auth.Event)
	MailRefused       func(context.Context, auth.Event)
	MailGivenUp       func(context.Context, auth.Event)
	BindingChanged    func(context.Context, auth.Event)
	Forbidden         func(context.Context, auth.Event)
	Allowed           func(context.Context, auth.Event)
	Denied            func(context.Context, auth.Event)
	Undecided         func(context.Context, auth.Event)
	Loaded            func(context.Context, auth.Event)
	Unauthenticated   func(context.Context, auth.Event)
	NotFresh          func(context.Context, auth.Event)

	// Other gets what no field above is set for, and what has no field: the events
	// of providers.
	Other func(context.Context, auth.Event)
}

// Handle hands e to the function that is set for it, or else to Other.
func (h Handlers) Handle(ctx context.Context, e auth.Event) {
	f := h.of(e.Name)
	if f == nil {
		f = h.Other
	}
	if f != nil {
		f(ctx, e)
	}
}

func (h *Handlers) of(name string) func(context.Context, auth.Event) {
	switch name {
	case Login:
		return h.Login
	case LoginOwed:
		return h.LoginOwed
	case LoginFailed:
		return h.LoginFailed
	case LoginRefused:
		return h.LoginRefused
	case LoginLimited:
		return h.LoginLimited
	case AccountLocked:
		return h.AccountLocked
	case LimiterDown:
		return h.LimiterDown
	case Logout:
		return h.Logout
	case UserSwitched:
		return h.UserSwitched
	case Remembered:
		return h.Remembered
	case RememberReused:
		return h.RememberReused
	case Reauthenticated:
		return h.Reauthenticated
	case Registered:
		return h.Registered
	case SessionsRevoked:
		return h.SessionsRevoked
	case CredentialChanged:
		return h.CredentialChanged
	case CredentialAdded:
		return h.CredentialAdded
	case CredentialRemoved:
		return h.CredentialRemoved
	case PasswordChanged:
		return h.PasswordChanged
	case PasswordReset:
		return h.PasswordReset
	case EmailVerified:
		return h.EmailVerified
	case EmailChanged:
		return h.EmailChanged
	case EmailReverted:
		return h.EmailReverted
	case AccountReclaimed:
		return h.AccountReclaimed
	case AccountDisowned:
		return h.AccountDisowned
	case AccountClosed:
		return h.AccountClosed
	case AccountKept:
		return h.AccountKept
	case AccountPurged:
		return h.AccountPurged
	case DeviceAdded:
		return h.DeviceAdded
	case KeyCreated:
		return h.KeyCreated
	case KeyRevoked:
		return h.KeyRevoked
	case MailRefused:
		return h.MailRefused
	case MailGivenUp:
		return h.MailGivenUp
	case BindingChanged:
		return h.BindingChanged
	case Forbidden:
		return h.Forbidden
	case Allowed:
		return h.Allowed
	case Denied:
		return h.Denied
	case Undecided:
		return h.Undecided
	case Loaded:
		return h.Loaded
	case Unauthenticated:
		return h.Unauthenticated
	case NotFresh:
		return h.NotFresh
	}
	return nil
}
