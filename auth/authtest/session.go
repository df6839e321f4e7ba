package authtest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// TestSessionStore tests every rule of [auth.SessionStore], and those of
// [auth.Store] that hold for it. It calls open once for each subtest; open
// returns an empty store.
func TestSessionStore(t *testing.T, open func(t *testing.T) auth.SessionStore) {
	run := func(name string, f func(t *testing.T, s auth.SessionStore)) {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
	run("RoundTrip", sessionRoundTrip)
	run("RoundTripTexts", sessionTexts)
	run("RoundTripTimes", sessionTimes)
	run("RoundTripAddr", sessionAddrs)
	run("IDs", sessionIDs)
	run("Invalid", sessionInvalid)
	run("CreateVersion", sessionCreateVersion)
	run("CreateExists", sessionCreateExists)
	run("CreateAtOnce", sessionCreateAtOnce)
	run("LoadNotFound", sessionLoadNotFound)
	run("LoadExpired", sessionLoadExpired)
	run("UpdateChanges", sessionUpdateChanges)
	run("UpdateNothingElse", sessionUpdateNothingElse)
	run("UpdateVersion", sessionUpdateVersion)
	run("UpdateConflict", sessionUpdateConflict)
	run("UpdateNotFound", sessionUpdateNotFound)
	run("UpdateResurrects", sessionUpdateResurrects)
	run("UpdateAtOnce", sessionUpdateAtOnce)
	run("UpdateWhileDeleting", sessionUpdateWhileDeleting)
	run("NobodyChanges", sessionNobodyChanges)
	run("Delete", sessionDelete)
	run("DeleteAtOnce", sessionDeleteAtOnce)
	run("DeleteUser", sessionDeleteUser)
	run("DeleteUserExcept", sessionDeleteUserExcept)
	run("DeleteUserNone", sessionDeleteUserNone)
	run("DeleteUserMany", sessionDeleteUserMany)
	run("DeleteUserWhileCreating", sessionDeleteUserWhileCreating)
	run("DeleteUserAtomic", sessionDeleteUserAtomic)
	run("UserSessions", sessionUserSessions)
	run("UserSessionsOrder", sessionUserOrder)
	run("UserSessionsNone", sessionUserNone)
	run("UserIDsByteForByte", sessionUserIDs)
	run("EndedContext", sessionEnded)
	run("Concurrent", sessionConcurrent)
}

// sid returns an ID that is the same for the same numbers only.
func sid(n ...int) (id auth.SessionID) {
	id[0] = 0x5e
	for i, x := range n {
		id[2*i+1], id[2*i+2] = byte(x>>8), byte(x)
	}
	id[31] = byte(len(n))
	return id
}

// newSession returns a session with something in every field.
func newSession(id auth.SessionID, userID string) *auth.Session {
	return &auth.Session{
		ID:          id,
		UserID:      userID,
		Actor:       "actor",
		AuthVersion: "auth version",
		Proofs: []auth.Proof{
			{Method: "password", At: t0().Add(-time.Hour), Kind: "password", Key: "key 1", Generation: 7},
			{Method: "totp", At: t0(), Kind: "totp", Key: "key 2", Generation: 1 << 53},
			{Method: "mail", At: t0().Add(time.Millisecond)},
		},
		Binding:   "binding",
		Stale:     true,
		Label:     "Firefox on Linux",
		Addr:      netip.MustParseAddr("192.0.2.1"),
		Version:   1,
		CreatedAt: t0(),
		SeenAt:    t0().Add(time.Second),
		EndsAt:    t1(),
		ExpiresAt: t1().Add(-time.Hour),
	}
}

// copySession returns a copy that shares nothing with s.
func copySession(s *auth.Session) *auth.Session {
	c := *s
	c.Proofs = append([]auth.Proof(nil), s.Proofs...)
	return &c
}

// checkSession requires that got is what a store keeps of want, with the
// Version that is in want.
func checkSession(t *testing.T, call string, got, want *auth.Session) {
	t.Helper()
	if got == nil {
		t.Errorf("%s: the session is nil", call)
		return
	}
	if got.ID != want.ID {
		t.Errorf("%s: ID is %x, want %x", call, got.ID, want.ID)
	}
	checkText(t, call+": UserID", got.UserID, want.UserID)
	checkText(t, call+": Actor", got.Actor, want.Actor)
	checkText(t, call+": AuthVersion", got.AuthVersion, want.AuthVersion)
	checkText(t, call+": Binding", got.Binding, want.Binding)
	checkText(t, call+": Label", got.Label, want.Label)
	if got.Stale != want.Stale {
		t.Errorf("%s: Stale is %v, want %v", call, got.Stale, want.Stale)
	}
	if got.Addr != want.Addr {
		t.Errorf("%s: Addr is %v, want %v", call, got.Addr, want.Addr)
	}
	if got.Version != want.Version {
		t.Errorf("%s: Version is %d, want %d", call, got.Version, want.Version)
	}
	checkTime(t, call+": CreatedAt", got.CreatedAt, want.CreatedAt)
	checkTime(t, call+": SeenAt", got.SeenAt, want.SeenAt)
	checkTime(t, call+": EndsAt", got.EndsAt, want.EndsAt)
	checkTime(t, call+": ExpiresAt", got.ExpiresAt, want.ExpiresAt)
	if len(got.Proofs) != len(want.Proofs) {
		t.Errorf("%s: %d proofs, want %d", call, len(got.Proofs), len(want.Proofs))
		return
	}
	for i, w := range want.Proofs {
		g, at := got.Proofs[i], fmt.Sprintf("%s: Proofs[%d]", call, i)
		checkText(t, at+".Method", g.Method, w.Method)
		checkText(t, at+".Kind", g.Kind, w.Kind)
		checkText(t, at+".Key", g.Key, w.Key)
		checkTime(t, at+".At", g.At, w.At)
		if g.Generation != w.Generation {
			t.Errorf("%s.Generation is %d, want %d", at, g.Generation, w.Generation)
		}
	}
}

// loadSession is s.LoadSession, with an error for neither a session nor an
// error.
func loadSession(ctx context.Context, s auth.SessionStore, id auth.SessionID) (*auth.Session, error) {
	v, err := s.LoadSession(ctx, id)
	if v == nil && err == nil {
		return nil, errors.New("neither a session nor an error")
	}
	return v, err
}

// checkLoadSession requires that the store has want.
func checkLoadSession(t *testing.T, s auth.SessionStore, want *auth.Session) {
	t.Helper()
	got, err := loadSession(t.Context(), s, want.ID)
	if err != nil {
		t.Errorf("LoadSession: %v", err)
		return
	}
	checkSession(t, "LoadSession", got, want)
}

// checkNoSession requires that the store does not have the session.
func checkNoSession(t *testing.T, s auth.SessionStore, id auth.SessionID, rule string) {
	t.Helper()
	_, err := loadSession(t.Context(), s, id)
	checkErr(t, "LoadSession", err, auth.ErrNotFound, rule)
}

// keepSession creates the session, and stops the test if it cannot.
func keepSession(t *testing.T, s auth.SessionStore, v *auth.Session) *auth.Session {
	t.Helper()
	must(t, "CreateSession", s.CreateSession(t.Context(), v))
	return v
}

func sessionRoundTrip(t *testing.T, s auth.SessionStore) {
	full := keepSession(t, s, newSession(sid(1), "u"))
	checkLoadSession(t, s, full)

	least := keepSession(t, s, &auth.Session{ID: sid(2), UserID: "u", Version: 1})
	checkLoadSession(t, s, least)

	big := newSession(sid(3), "u")
	big.Proofs = nil
	for i := range 20 {
		long := strings.Repeat("x", 255)
		big.Proofs = append(big.Proofs, auth.Proof{Method: long, At: t0().Add(time.Duration(i)), Kind: long, Key: long, Generation: int64(i) - 1})
	}
	keepSession(t, s, big)
	checkLoadSession(t, s, big)
	checkLoadSession(t, s, full)
}

// sessionTextFields are the fields of a session that hold text.
func sessionTextFields() map[string]func(s *auth.Session, v string) {
	return map[string]func(s *auth.Session, v string){
		"UserID":      func(s *auth.Session, v string) { s.UserID = v },
		"Actor":       func(s *auth.Session, v string) { s.Actor = v },
		"AuthVersion": func(s *auth.Session, v string) { s.AuthVersion = v },
		"Binding":     func(s *auth.Session, v string) { s.Binding = v },
		"Label":       func(s *auth.Session, v string) { s.Label = v },
		"Method":      func(s *auth.Session, v string) { s.Proofs[1].Method = v },
		"Kind":        func(s *auth.Session, v string) { s.Proofs[1].Kind = v },
		"Key":         func(s *auth.Session, v string) { s.Proofs[1].Key = v },
	}
}

func sessionTexts(t *testing.T, s auth.SessionStore) {
	for i, text := range texts() {
		t.Run(text.name, func(t *testing.T) {
			v := newSession(sid(i), "")
			for _, set := range sessionTextFields() {
				set(v, text.s)
			}
			keepSession(t, s, v)
			checkLoadSession(t, s, v)
		})
	}
}

func sessionTimes(t *testing.T, s auth.SessionStore) {
	for i, at := range instants() {
		t.Run(at.name, func(t *testing.T) {
			v := newSession(sid(i), "u")
			v.CreatedAt, v.SeenAt, v.EndsAt, v.ExpiresAt, v.Proofs[0].At = at.t, at.t, at.t, at.t, at.t
			keepSession(t, s, v)
			checkLoadSession(t, s, v)

			u := copySession(v)
			u.SeenAt, u.ExpiresAt = t0().Add(7), t1().Add(7)
			must(t, "UpdateSession", s.UpdateSession(t.Context(), u))
			u.Version, u.SeenAt, u.ExpiresAt = 2, at.t, at.t
			must(t, "UpdateSession", s.UpdateSession(t.Context(), u))
			u.Version = 3
			checkLoadSession(t, s, u)
		})
	}
}

func sessionAddrs(t *testing.T, s auth.SessionStore) {
	for i, addr := range addrs() {
		t.Run(addr.String(), func(t *testing.T) {
			v := newSession(sid(i), "u")
			v.Addr = addr
			keepSession(t, s, v)
			checkLoadSession(t, s, v)
		})
	}
}

func sessionIDs(t *testing.T, s auth.SessionStore) {
	var ids []auth.SessionID
	for i := range 256 {
		var all auth.SessionID
		for j := range all {
			all[j] = byte(i)
		}
		if i > 0 {
			ids = append(ids, all)
		}
	}
	for i := range 32 {
		last, first := auth.SessionID{0: 1, 31: byte(i)}, auth.SessionID{0: byte(i), 15: 3}
		ids = append(ids, last, first)
	}
	for i, id := range ids {
		keepSession(t, s, newSession(id, fmt.Sprint("u", i)))
	}
	for i, id := range ids {
		checkLoadSession(t, s, newSession(id, fmt.Sprint("u", i)))
	}
}

func sessionInvalid(t *testing.T, s auth.SessionStore) {
	const rule = "what a store cannot keep as it is, it refuses with ErrInvalid"
	refused := func(t *testing.T, v *auth.Session) {
		t.Helper()
		checkErr(t, "CreateSession", s.CreateSession(t.Context(), v), auth.ErrInvalid, rule)
		checkNoSession(t, s, v.ID, "a session that was refused is not kept")
	}
	for name, set := range sessionTextFields() {
		bad := badTexts()
		if name == "UserID" {
			bad = badKeys()
		}
		for _, text := range bad {
			t.Run(name+" "+text.name, func(t *testing.T) {
				v := newSession(sid(1), "u")
				set(v, text.s)
				refused(t, v)
			})
		}
	}
	t.Run("ID", func(t *testing.T) { refused(t, newSession(auth.SessionID{}, "u")) })
}

func sessionCreateVersion(t *testing.T, s auth.SessionStore) {
	for i, version := range []int64{0, 1, 2, 99, -1} {
		v := newSession(sid(i), "u")
		v.Version = version
		keepSession(t, s, v)
		if got, err := loadSession(t.Context(), s, v.ID); err != nil {
			t.Errorf("LoadSession: %v", err)
		} else if got.Version != 1 {
			t.Errorf("Version of a session created with %d is %d, want 1\n\trule: CreateSession stores Version 1, whatever s.Version is", version, got.Version)
		}
	}
}

func sessionCreateExists(t *testing.T, s auth.SessionStore) {
	const rule = "CreateSession gives ErrExists if the ID is taken, and leaves what is there"
	v := keepSession(t, s, newSession(sid(1), "u"))
	checkErr(t, "CreateSession again", s.CreateSession(t.Context(), copySession(v)), auth.ErrExists, rule)
	other := newSession(sid(1), "other")
	other.Label, other.Proofs, other.ExpiresAt = "other", nil, t0()
	checkErr(t, "CreateSession of another user", s.CreateSession(t.Context(), other), auth.ErrExists, rule)
	checkLoadSession(t, s, v)
	if list, err := s.UserSessions(t.Context(), "other"); err != nil || len(list) != 0 {
		t.Errorf("UserSessions of the one who was refused: %d sessions, error %v, want none\n\trule: %s", len(list), err, rule)
	}
}

func sessionCreateAtOnce(t *testing.T, s auth.SessionStore) {
	const rule = "of any number of callers exactly one creates a session, the others get ErrExists"
	errs := atOnce(callers, func(i int) error {
		return s.CreateSession(t.Context(), newSession(sid(1), fmt.Sprint("u", i)))
	})
	checkOne(t, "CreateSession", errs, auth.ErrExists, rule)
	for i, err := range errs {
		list, lerr := s.UserSessions(t.Context(), fmt.Sprint("u", i))
		must(t, "UserSessions", lerr)
		if want := err == nil; (len(list) == 1) != want {
			t.Errorf("caller %d got %v and has %d sessions\n\trule: %s", i, err, len(list), rule)
		}
		if err == nil {
			checkLoadSession(t, s, newSession(sid(1), fmt.Sprint("u", i)))
		}
	}
}

func sessionLoadNotFound(t *testing.T, s auth.SessionStore) {
	const rule = "a session that is not there is ErrNotFound"
	checkNoSession(t, s, sid(1), rule)
	keepSession(t, s, newSession(sid(1), "u"))
	checkNoSession(t, s, sid(2), rule)
	checkNoSession(t, s, auth.SessionID{}, "looking for what cannot be there is no more than not finding it")
}

func sessionLoadExpired(t *testing.T, s auth.SessionStore) {
	const rule = "a store reads no clock: what has expired is returned until it is swept"
	v := newSession(sid(1), "u")
	v.CreatedAt, v.SeenAt, v.EndsAt, v.ExpiresAt = t0(), t0(), t0(), t0()
	keepSession(t, s, v)
	if _, err := loadSession(t.Context(), s, v.ID); err != nil {
		t.Errorf("LoadSession of an expired session: %v\n\trule: %s", err, rule)
	}
	if list, err := s.UserSessions(t.Context(), "u"); err != nil || len(list) != 1 {
		t.Errorf("UserSessions of a user with one expired session: %d, error %v, want 1\n\trule: %s", len(list), err, rule)
	}
	if err := s.UpdateSession(t.Context(), v); err != nil {
		t.Errorf("UpdateSession of an expired session: %v\n\trule: %s", err, rule)
	}
	if err := s.DeleteSession(t.Context(), v.ID); err != nil {
		t.Errorf("DeleteSession of an expired session: %v\n\trule: %s", err, rule)
	}
}

func sessionEnded(t *testing.T, s auth.SessionStore) {
	there := keepSession(t, s, newSession(sid(1), "u"))
	missing := newSession(sid(2), "nobody")
	for name, ctx := range ended(t) {
		for call, f := range map[string]func(ctx context.Context, v *auth.Session) error{
			"CreateSession": func(ctx context.Context, v *auth.Session) error { return s.CreateSession(ctx, v) },
			"LoadSession":   func(ctx context.Context, v *auth.Session) error { _, err := loadSession(ctx, s, v.ID); return err },
			"UpdateSession": func(ctx context.Context, v *auth.Session) error {
				u := copySession(v)
				u.Label, u.Stale = "changed", false
				return s.UpdateSession(ctx, u)
			},
			"DeleteSession":      func(ctx context.Context, v *auth.Session) error { return s.DeleteSession(ctx, v.ID) },
			"DeleteUserSessions": func(ctx context.Context, v *auth.Session) error { return s.DeleteUserSessions(ctx, v.UserID) },
			"UserSessions":       func(ctx context.Context, v *auth.Session) error { _, err := s.UserSessions(ctx, v.UserID); return err },
		} {
			t.Run(call+" "+name, func(t *testing.T) {
				checkOutage(t, call+" of a session that is there", f(ctx, there), endedRule)
				checkOutage(t, call+" of a session that is not there", f(ctx, missing), endedRule)
				checkLoadSession(t, s, there)
				checkNoSession(t, s, missing.ID, endedRule)
			})
		}
	}
}

// sessionConcurrent is for the race detector: every verb beside every other.
func sessionConcurrent(t *testing.T, s auth.SessionStore) {
	const rule = "methods are safe for concurrent use, and none fails because of another"
	ctx := t.Context()
	errs := atOnce(16, func(i int) error {
		for j := range 8 {
			user := fmt.Sprint("u", (i+j)%3)
			v := newSession(sid(i, j), user)
			if err := s.CreateSession(ctx, v); err != nil {
				return fmt.Errorf("CreateSession: %w", err)
			}
			got, err := loadSession(ctx, s, v.ID)
			if err == nil && (got.UserID != user || got.ID != v.ID) {
				return errors.New("LoadSession returned somebody else's session")
			}
			if err != nil && !errors.Is(err, auth.ErrNotFound) {
				return fmt.Errorf("LoadSession: %w", err)
			}
			if err := s.UpdateSession(ctx, v); err != nil && !errors.Is(err, auth.ErrNotFound) {
				return fmt.Errorf("UpdateSession: %w", err)
			}
			list, err := s.UserSessions(ctx, user)
			if err != nil {
				return fmt.Errorf("UserSessions: %w", err)
			}
			for _, v := range list {
				if v.UserID != user {
					return errors.New("UserSessions returned somebody else's session")
				}
			}
			switch (i + j) % 5 {
			case 0:
				err = s.DeleteUserSessions(ctx, user)
			case 1, 2:
				err = s.DeleteSession(ctx, v.ID)
			}
			if err != nil && !errors.Is(err, auth.ErrNotFound) {
				return fmt.Errorf("delete: %w", err)
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			t.Errorf("%v\n\trule: %s", err, rule)
		}
	}
}
