package auth

import (
	"net/netip"
	"time"
)

// An Event is something that matters to security. Every event is logged with
// log/slog, under its name and with the same facts, and handed to
// [Options.OnEvent]. It holds no secret.
//
// The names, which are stable:
//
//	login               a session began
//	login.owed          a factor is still owed
//	login.refused       wrong, unknown, disabled: Reason says which
//	login.limited       too many guesses
//	logout              the user ended the session
//	reauthenticated     a proof was added to a session
//	registered          a user was created
//	sessions.revoked    sessions were ended from elsewhere
//	credential.changed  what the user can log in with changed; tell the user
//	forbidden           the authorizer said no
type Event struct {
	Name   string
	At     time.Time
	UserID string     // "" if not known
	Actor  string     // who acted as UserID, or ""
	Method string     // the provider, or ""
	Addr   netip.Addr // the client's; invalid if the event has no request
	Label  string     // the client's device, or ""
	Reason string     // for people, in English
}
