package auth

import (
	"context"
	"strings"
	"time"
)

// A realmStore keeps a realm's things apart from those of others in the same
// store: user 1 of one realm is not user 1 of another, and neither are the
// addresses, the tickets and the counters. The realm "" uses the store as it is.
type realmStore struct {
	Store
	prefix string // between two characters that no sensible ID has
}

func inRealm(s Store, realm string) Store {
	if realm == "" {
		return s
	}
	return realmStore{s, "\x1e" + realm + "\x1f"}
}

// realmOf returns what a realm has put before the name, or "".
func realmOf(name string) string {
	if !strings.HasPrefix(name, "\x1e") {
		return ""
	}
	return name[:strings.IndexByte(name, '\x1f')+1]
}

// Unwrap lets the store's abilities be found.
func (s realmStore) Unwrap() any { return s.Store }

func (s realmStore) in(name string) string {
	if name == "" {
		return ""
	}
	return s.prefix + name
}

func (s realmStore) allIn(names []string) []string {
	in := make([]string, len(names))
	for i, name := range names {
		in[i] = s.in(name)
	}
	return in
}

func (s realmStore) out(name string) string { return strings.TrimPrefix(name, s.prefix) }

func (s realmStore) sessionIn(sess *Session) *Session {
	in := *sess
	in.UserID = s.in(sess.UserID)
	return &in
}

func (s realmStore) sessionOut(sess *Session) *Session {
	out := *sess
	out.UserID = s.out(sess.UserID)
	return &out
}

func (s realmStore) CreateSession(ctx context.Context, sess *Session) error {
	return s.Store.CreateSession(ctx, s.sessionIn(sess))
}

func (s realmStore) LoadSession(ctx context.Context, id SessionID) (*Session, error) {
	sess, err := s.Store.LoadSession(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.sessionOut(sess), nil
}

func (s realmStore) UpdateSession(ctx context.Context, sess *Session) error {
	return s.Store.UpdateSession(ctx, s.sessionIn(sess))
}

func (s realmStore) DeleteUserSessions(ctx context.Context, userID string, except ...SessionID) error {
	return s.Store.DeleteUserSessions(ctx, s.in(userID), except...)
}

func (s realmStore) UserSessions(ctx context.Context, userID string) ([]*Session, error) {
	all, err := s.Store.UserSessions(ctx, s.in(userID))
	for i := range all {
		all[i] = s.sessionOut(all[i])
	}
	return all, err
}

func (s realmStore) credentialIn(c *Credential) *Credential {
	if c == nil {
		return nil
	}
	in := *c
	in.Kind, in.UserID = s.in(c.Kind), s.in(c.UserID)
	return &in
}

func (s realmStore) credentialOut(c Credential) Credential {
	c.Kind, c.UserID = s.out(c.Kind), s.out(c.UserID)
	return c
}

func (s realmStore) LoadCredential(ctx context.Context, kind, key string) (Credential, error) {
	c, err := s.Store.LoadCredential(ctx, s.in(kind), key)
	return s.credentialOut(c), err
}

func (s realmStore) UserCredentials(ctx context.Context, userID string, kinds ...string) ([]Credential, error) {
	held, err := s.Store.UserCredentials(ctx, s.in(userID), s.allIn(kinds)...)
	for i := range held {
		held[i] = s.credentialOut(held[i])
	}
	return held, err
}

func (s realmStore) ChangeCredentials(ctx context.Context, changes ...Change) error {
	in := make([]Change, len(changes))
	for i, c := range changes {
		in[i] = Change{s.credentialIn(c.Old), s.credentialIn(c.New)}
	}
	return s.Store.ChangeCredentials(ctx, in...)
}

func (s realmStore) ticketOut(t Ticket) Ticket {
	t.Purpose, t.UserID = s.out(t.Purpose), s.out(t.UserID)
	return t
}

func (s realmStore) PutTicket(ctx context.Context, t Ticket) error {
	t.Purpose, t.UserID = s.in(t.Purpose), s.in(t.UserID)
	return s.Store.PutTicket(ctx, t)
}

func (s realmStore) LoadTicket(ctx context.Context, purpose, key string) (Ticket, error) {
	t, err := s.Store.LoadTicket(ctx, s.in(purpose), key)
	return s.ticketOut(t), err
}

func (s realmStore) TakeTicket(ctx context.Context, purpose, key string) (Ticket, error) {
	t, err := s.Store.TakeTicket(ctx, s.in(purpose), key)
	return s.ticketOut(t), err
}

func (s realmStore) DeleteUserTickets(ctx context.Context, userID string, purposes ...string) error {
	return s.Store.DeleteUserTickets(ctx, s.in(userID), s.allIn(purposes)...)
}

func (s realmStore) Count(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
	return s.Store.Count(ctx, s.in(key), window, now)
}

func (s realmStore) Forget(ctx context.Context, keys ...string) error {
	return s.Store.Forget(ctx, s.allIn(keys)...)
}
