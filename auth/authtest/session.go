package authtest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
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

func sessionUpdateChanges(t *testing.T, s auth.SessionStore) {
	v := keepSession(t, s, newSession(sid(1), "u"))
	other := keepSession(t, s, newSession(sid(2), "u"))
	for i, stale := range []bool{false, true, true, false} {
		u := copySession(v)
		u.SeenAt, u.ExpiresAt, u.Stale = v.SeenAt.Add(time.Minute), v.ExpiresAt.Add(time.Hour), stale
		if i == 3 { // back again: an update does not decide which is better
			u.SeenAt, u.ExpiresAt = t0().Add(-time.Hour), t0().Add(-time.Minute)
		}
		must(t, "UpdateSession", s.UpdateSession(t.Context(), u))
		v = copySession(u)
		v.Version++
		checkLoadSession(t, s, v)
	}
	checkLoadSession(t, s, other)
}

func sessionUpdateNothingElse(t *testing.T, s auth.SessionStore) {
	v := keepSession(t, s, newSession(sid(1), "u"))
	u := newSession(v.ID, "other")
	u.Actor, u.AuthVersion, u.Binding, u.Label = "x", "y", "z", "other"
	u.Addr = netip.MustParseAddr("2001:db8::1")
	u.Proofs = []auth.Proof{{Method: "forged", At: t1(), Kind: "k", Key: "k", Generation: 100}}
	u.CreatedAt, u.EndsAt = t0().Add(time.Hour), t1().Add(time.Hour)
	u.SeenAt = t0().Add(time.Minute)
	must(t, "UpdateSession", s.UpdateSession(t.Context(), u))

	want := copySession(v)
	want.SeenAt, want.Version = u.SeenAt, 2
	got, err := loadSession(t.Context(), s, v.ID)
	must(t, "LoadSession", err)
	checkSession(t, "after an UpdateSession that changes SeenAt, ExpiresAt and Stale and nothing else", got, want)
	for user, n := range map[string]int{"u": 1, "other": 0} {
		list, err := s.UserSessions(t.Context(), user)
		must(t, "UserSessions", err)
		if len(list) != n {
			t.Errorf("UserSessions(%q) after the update: %d, want %d\n\trule: UpdateSession changes SeenAt, ExpiresAt and Stale and nothing else", user, len(list), n)
		}
	}
}

func sessionUpdateVersion(t *testing.T, s auth.SessionStore) {
	v := keepSession(t, s, newSession(sid(1), "u"))
	for version := int64(1); version <= 5; version++ {
		u := copySession(v) // the same values again: still a change
		u.Version = version
		if err := s.UpdateSession(t.Context(), u); err != nil {
			t.Fatalf("UpdateSession with Version %d: %v\n\trule: UpdateSession raises the Version by one, even if nothing else changed", version, err)
		}
		got, err := loadSession(t.Context(), s, v.ID)
		must(t, "LoadSession", err)
		if got.Version != version+1 {
			t.Fatalf("Version after an update of %d is %d, want %d\n\trule: UpdateSession raises the Version by one", version, got.Version, version+1)
		}
	}
}

func sessionUpdateConflict(t *testing.T, s auth.SessionStore) {
	const rule = "UpdateSession gives ErrConflict if the stored Version is another, and changes nothing"
	v := keepSession(t, s, newSession(sid(1), "u"))
	must(t, "UpdateSession", s.UpdateSession(t.Context(), v))
	want := copySession(v)
	want.Version = 2
	for _, version := range []int64{1, 0, -1, 3, 1 << 40} {
		u := copySession(want)
		u.Version, u.Stale, u.SeenAt, u.ExpiresAt = version, false, t0().Add(time.Hour), t0()
		checkErr(t, fmt.Sprintf("UpdateSession with Version %d of a session with Version 2", version),
			s.UpdateSession(t.Context(), u), auth.ErrConflict, rule)
		checkLoadSession(t, s, want)
	}
}

func sessionUpdateNotFound(t *testing.T, s auth.SessionStore) {
	const rule = "UpdateSession gives ErrNotFound if there is no such session, and does not create it"
	keepSession(t, s, newSession(sid(1), "u"))
	for _, version := range []int64{0, 1, 2} {
		v := newSession(sid(2), "u")
		v.Version = version
		checkErr(t, "UpdateSession of no session", s.UpdateSession(t.Context(), v), auth.ErrNotFound, rule)
		checkNoSession(t, s, v.ID, rule)
	}
	checkErr(t, "UpdateSession of the zero ID", s.UpdateSession(t.Context(), newSession(auth.SessionID{}, "u")), auth.ErrNotFound,
		"looking for what cannot be there is no more than not finding it")
}

func sessionUpdateResurrects(t *testing.T, s auth.SessionStore) {
	const rule = "an update never brings a session back: logged out stays logged out"
	ctx := t.Context()
	for name, end := range map[string]func(v *auth.Session) error{
		"DeleteSession":      func(v *auth.Session) error { return s.DeleteSession(ctx, v.ID) },
		"DeleteUserSessions": func(v *auth.Session) error { return s.DeleteUserSessions(ctx, v.UserID) },
	} {
		keepSession(t, s, newSession(sid(1), "u"))
		v, err := loadSession(ctx, s, sid(1))
		must(t, "LoadSession", err)
		must(t, name, end(v))
		u := copySession(v)
		u.SeenAt = t0().Add(time.Hour)
		checkErr(t, "UpdateSession after "+name, s.UpdateSession(ctx, u), auth.ErrNotFound, rule)
		checkNoSession(t, s, v.ID, rule)
		if list, err := s.UserSessions(ctx, "u"); err != nil || len(list) != 0 {
			t.Errorf("UserSessions after %s and UpdateSession: %d, error %v, want none\n\trule: %s", name, len(list), err, rule)
		}
	}
}

func sessionUpdateAtOnce(t *testing.T, s auth.SessionStore) {
	const rule = "of any number of updates of one Version exactly one succeeds, the others get ErrConflict"
	v := keepSession(t, s, newSession(sid(1), "u"))
	errs := atOnce(callers, func(i int) error {
		u := copySession(v)
		u.SeenAt = t0().Add(time.Duration(i) * time.Minute)
		return s.UpdateSession(t.Context(), u)
	})
	checkOne(t, "UpdateSession", errs, auth.ErrConflict, rule)
	for i, err := range errs {
		if err == nil {
			want := copySession(v)
			want.Version, want.SeenAt = 2, t0().Add(time.Duration(i)*time.Minute)
			checkLoadSession(t, s, want)
		}
	}
}

func sessionUpdateWhileDeleting(t *testing.T, s auth.SessionStore) {
	const rule = "an update never brings a session back, not even one that began before it was deleted"
	for i := range 24 {
		v := keepSession(t, s, newSession(sid(i), "u"))
		const n = 6
		errs := atOnce(n, func(j int) error {
			if j == i%n { // not always the first to begin
				return s.DeleteSession(t.Context(), v.ID)
			}
			if err := s.UpdateSession(t.Context(), copySession(v)); errors.Is(err, auth.ErrNotFound) || errors.Is(err, auth.ErrConflict) {
				return nil
			} else {
				return err
			}
		})
		for j, err := range errs {
			if err != nil {
				t.Errorf("caller %d: %v", j, err)
			}
		}
		checkNoSession(t, s, v.ID, rule)
	}
}

func sessionNobodyChanges(t *testing.T, s auth.SessionStore) {
	const rule = "what a store has been given or has returned is never changed by anybody; a change is a copy with the change in it"
	ctx := t.Context()
	given := newSession(sid(1), "u")
	given.Version = 99
	given.CreatedAt = time.Date(2026, 3, 4, 0, 30, 0, 5e5, time.FixedZone("", 3600))
	given.Proofs[0].At = given.CreatedAt
	before := copySession(given)
	must(t, "CreateSession", s.CreateSession(ctx, given))
	loaded, err := loadSession(ctx, s, given.ID)
	must(t, "LoadSession", err)
	list, err := s.UserSessions(ctx, "u")
	must(t, "UserSessions", err)
	if len(list) != 1 {
		t.Fatalf("UserSessions: %d sessions, want 1", len(list))
	}
	loadedBefore, listedBefore := copySession(loaded), copySession(list[0])

	update := copySession(loaded)
	update.SeenAt, update.ExpiresAt, update.Stale = t0().Add(time.Minute+7), t0().Add(time.Hour+7), false
	updateBefore := copySession(update)
	must(t, "UpdateSession", s.UpdateSession(ctx, update))
	must(t, "DeleteSession", s.DeleteSession(ctx, given.ID))

	same := func(what string, got, want *auth.Session) {
		t.Helper()
		if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
			t.Errorf("%s was changed:\n\tit is  %#v\n\tit was %#v\n\trule: %s", what, got, want, rule)
		}
	}
	same("the session given to CreateSession", given, before)
	same("the session that LoadSession returned", loaded, loadedBefore)
	same("the session that UserSessions returned", list[0], listedBefore)
	same("the session given to UpdateSession", update, updateBefore)
}

func sessionDelete(t *testing.T, s auth.SessionStore) {
	const rule = "DeleteSession deletes that session once, then it is ErrNotFound"
	v := keepSession(t, s, newSession(sid(1), "u"))
	other := keepSession(t, s, newSession(sid(2), "u"))
	checkErr(t, "DeleteSession of no session", s.DeleteSession(t.Context(), sid(3)), auth.ErrNotFound, rule)
	checkErr(t, "DeleteSession of the zero ID", s.DeleteSession(t.Context(), auth.SessionID{}), auth.ErrNotFound, rule)
	must(t, "DeleteSession", s.DeleteSession(t.Context(), v.ID))
	checkNoSession(t, s, v.ID, "a deleted session is gone")
	checkErr(t, "DeleteSession again", s.DeleteSession(t.Context(), v.ID), auth.ErrNotFound, rule)
	checkLoadSession(t, s, other)
	checkUserSessions(t, s, "u", "a deleted session is gone from the list", other.ID)
	keepSession(t, s, v) // the ID is free again, and its Version begins anew
	checkLoadSession(t, s, v)
}

func sessionDeleteAtOnce(t *testing.T, s auth.SessionStore) {
	const rule = "of any number of callers of DeleteSession exactly one gets nil, the others ErrNotFound"
	for i := range 3 {
		v := keepSession(t, s, newSession(sid(i), "u"))
		checkOne(t, "DeleteSession", atOnce(callers, func(int) error { return s.DeleteSession(t.Context(), v.ID) }), auth.ErrNotFound, rule)
	}
}

// checkUserSessions requires that the user has these sessions, in any order.
func checkUserSessions(t *testing.T, s auth.SessionStore, userID, rule string, ids ...auth.SessionID) {
	t.Helper()
	list, err := s.UserSessions(t.Context(), userID)
	if err != nil {
		t.Errorf("UserSessions(%+q): %v\n\trule: %s", userID, err, rule)
		return
	}
	want := map[auth.SessionID]bool{}
	for _, id := range ids {
		want[id] = true
	}
	for _, v := range list {
		if !want[v.ID] {
			t.Errorf("UserSessions(%+q) has a session of %+q that should not be there\n\trule: %s", userID, v.UserID, rule)
		}
		delete(want, v.ID)
	}
	if len(want) > 0 || len(list) != len(ids) {
		t.Errorf("UserSessions(%+q): %d sessions, want %d\n\trule: %s", userID, len(list), len(ids), rule)
	}
}

// lookalikes are user IDs that some backends take for one another.
func lookalikes() []string {
	return []string{"u", "U", "u%", "u ", "u_", "%", "_", "uu", " u", "u:", "u*", "*", "\u00fc", "u\u0308", "u\n", "\uff55", "u'--"}
}

func sessionDeleteUser(t *testing.T, s auth.SessionStore) {
	const rule = "DeleteUserSessions deletes the sessions of that user and of no other"
	for i, user := range lookalikes() {
		keepSession(t, s, newSession(sid(i, 1), user))
		v := newSession(sid(i, 2), user)
		v.ExpiresAt, v.Actor = t0(), "u"
		keepSession(t, s, v)
	}
	for i, user := range lookalikes() {
		must(t, "DeleteUserSessions", s.DeleteUserSessions(t.Context(), user))
		for j, other := range lookalikes() {
			if j <= i {
				checkUserSessions(t, s, other, rule)
				checkNoSession(t, s, sid(j, 1), rule)
			} else {
				checkUserSessions(t, s, other, rule, sid(j, 1), sid(j, 2))
			}
		}
	}
}

func sessionDeleteUserExcept(t *testing.T, s auth.SessionStore) {
	const rule = "DeleteUserSessions leaves the sessions in except"
	for i := range 5 {
		keepSession(t, s, newSession(sid(1, i), "u"))
	}
	keepSession(t, s, newSession(sid(2, 0), "other"))
	keepSession(t, s, newSession(sid(2, 1), "other"))
	must(t, "DeleteUserSessions", s.DeleteUserSessions(t.Context(), "u", sid(1, 0), sid(1, 3), sid(1, 4)))
	checkUserSessions(t, s, "u", rule, sid(1, 0), sid(1, 3), sid(1, 4))
	must(t, "DeleteUserSessions", s.DeleteUserSessions(t.Context(), "u", sid(1, 3)))
	checkUserSessions(t, s, "u", rule, sid(1, 3))
	checkLoadSession(t, s, newSession(sid(1, 3), "u"))
	checkUserSessions(t, s, "other", "DeleteUserSessions deletes the sessions of that user and of no other", sid(2, 0), sid(2, 1))

	// What is not the user's is not saved by being named, and names nothing.
	must(t, "DeleteUserSessions", s.DeleteUserSessions(t.Context(), "u", sid(9, 9), auth.SessionID{}, sid(2, 0), sid(2, 0)))
	checkUserSessions(t, s, "u", rule)
	checkUserSessions(t, s, "other", rule, sid(2, 0), sid(2, 1))
}

func sessionDeleteUserNone(t *testing.T, s auth.SessionStore) {
	keepSession(t, s, newSession(sid(1), "u"))
	for _, user := range append(badKeys(), texts()...) {
		if err := s.DeleteUserSessions(t.Context(), user.s); err != nil {
			t.Errorf("DeleteUserSessions of %s: %v\n\trule: having no sessions is not an error, and looking for odd strings is no more than not finding them", user.name, err)
		}
	}
	if err := s.DeleteUserSessions(t.Context(), "other", sid(1)); err != nil {
		t.Errorf("DeleteUserSessions: %v\n\trule: having no sessions is not an error", err)
	}
	checkUserSessions(t, s, "u", "DeleteUserSessions deletes the sessions of that user and of no other", sid(1))
}

func sessionDeleteUserMany(t *testing.T, s auth.SessionStore) {
	const rule = "DeleteUserSessions deletes all the user's sessions but for those in except, however many there are"
	var except []auth.SessionID
	for i := range 150 {
		v := keepSession(t, s, newSession(sid(i), "u"))
		if i%3 == 0 {
			except = append(except, v.ID)
		}
	}
	must(t, "DeleteUserSessions", s.DeleteUserSessions(t.Context(), "u", except...))
	checkUserSessions(t, s, "u", rule, except...)
	must(t, "DeleteUserSessions", s.DeleteUserSessions(t.Context(), "u"))
	checkUserSessions(t, s, "u", rule)
}

func sessionDeleteUserWhileCreating(t *testing.T, s auth.SessionStore) {
	const rule = "a session whose creation was finished before DeleteUserSessions was called is never left over"
	ctx := t.Context()
	var mu sync.Mutex
	var finished []auth.SessionID
	const creators, most, rounds = 4, 200, 8
	running, enough := creators, false
	errs := atOnce(creators+1, func(i int) error {
		if i < creators {
			defer func() { mu.Lock(); running--; mu.Unlock() }()
			for j := range most {
				v := newSession(sid(i, j), "u")
				if err := s.CreateSession(ctx, v); err != nil {
					return fmt.Errorf("CreateSession: %w", err)
				}
				mu.Lock()
				finished = append(finished, v.ID)
				stop := enough
				mu.Unlock()
				if stop {
					break
				}
			}
			return nil
		}
		defer func() { mu.Lock(); enough = true; mu.Unlock() }()
		for n := 0; ; {
			mu.Lock()
			before, last := finished, running == 0
			finished = nil
			if len(before) > 0 {
				n++
			}
			enough = n >= rounds
			mu.Unlock()
			if err := s.DeleteUserSessions(ctx, "u"); err != nil {
				return fmt.Errorf("DeleteUserSessions: %w", err)
			}
			for _, id := range before {
				if _, err := loadSession(ctx, s, id); !errors.Is(err, auth.ErrNotFound) {
					return fmt.Errorf("a session is left over: LoadSession: error is %v, want %v\n\trule: %s", err, auth.ErrNotFound, rule)
				}
			}
			if last {
				return nil
			}
		}
	})
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	checkUserSessions(t, s, "u", rule)
}

func sessionDeleteUserAtomic(t *testing.T, s auth.SessionStore) {
	const rule = "every verb is atomic: whoever looks sees all sessions or none"
	const n = 10
	for round := range 5 {
		for i := range n {
			keepSession(t, s, newSession(sid(round, i), "u"))
		}
		deleted := make(chan struct{})
		errs := atOnce(4, func(i int) error {
			if i == 0 {
				defer close(deleted)
				return s.DeleteUserSessions(t.Context(), "u")
			}
			for {
				done := false
				select {
				case <-deleted:
					done = true
				default:
				}
				list, err := s.UserSessions(t.Context(), "u")
				if err != nil {
					return err
				}
				if len(list) != 0 && len(list) != n {
					return fmt.Errorf("UserSessions during DeleteUserSessions: %d sessions, want %d or 0\n\trule: %s", len(list), n, rule)
				}
				if done {
					return nil
				}
			}
		})
		for _, err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
	}
}

func sessionUserSessions(t *testing.T, s auth.SessionStore) {
	v := keepSession(t, s, newSession(sid(1), "u"))
	w := newSession(sid(2), "u")
	w.CreatedAt, w.ExpiresAt, w.Proofs = t0().Add(-time.Hour), t0().Add(-time.Minute), nil
	keepSession(t, s, w)
	x := newSession(sid(3), "other")
	x.Actor = "u"
	keepSession(t, s, x)
	list, err := s.UserSessions(t.Context(), "u")
	must(t, "UserSessions", err)
	if len(list) != 2 {
		t.Fatalf("UserSessions: %d sessions, want 2\n\trule: UserSessions returns the user's sessions, expired ones included, and no others", len(list))
	}
	checkSession(t, "UserSessions[0]", list[0], v)
	checkSession(t, "UserSessions[1]", list[1], w)
}

func sessionUserOrder(t *testing.T, s auth.SessionStore) {
	const rule = "UserSessions returns the newest CreatedAt first"
	// Neither the order of creation, of IDs, of expiry nor of last use.
	for i, minutes := range []int{5, 1, 9, 3, 7, 2, 8, 4, 6, 0} {
		v := newSession(sid((i*7)%10), "u")
		v.CreatedAt = t0().Add(time.Duration(minutes) * time.Minute)
		v.SeenAt = t0().Add(time.Duration((i*3)%10) * time.Hour)
		v.ExpiresAt = t1().Add(time.Duration((i*9)%10) * time.Hour)
		keepSession(t, s, v)
	}
	v := newSession(sid(100), "u")
	v.CreatedAt = t0().Add(2*time.Minute + time.Millisecond)
	keepSession(t, s, v)
	list, err := s.UserSessions(t.Context(), "u")
	must(t, "UserSessions", err)
	if len(list) != 11 {
		t.Errorf("UserSessions: %d sessions, want 11", len(list))
	}
	for i := 1; i < len(list); i++ {
		if list[i].CreatedAt.After(list[i-1].CreatedAt) {
			t.Errorf("UserSessions[%d] was created at %v, [%d] at %v\n\trule: %s", i-1, list[i-1].CreatedAt, i, list[i].CreatedAt, rule)
		}
	}
}

func sessionUserNone(t *testing.T, s auth.SessionStore) {
	keepSession(t, s, newSession(sid(1), "u"))
	for _, user := range append(badKeys(), texts()...) {
		if list, err := s.UserSessions(t.Context(), user.s); err != nil || len(list) != 0 {
			t.Errorf("UserSessions of %s: %d sessions, error %v, want none and no error\n\trule: having no sessions is not an error, and looking for odd strings is no more than not finding them", user.name, len(list), err)
		}
	}
}

func sessionUserIDs(t *testing.T, s auth.SessionStore) {
	for i, user := range texts() {
		keepSession(t, s, newSession(sid(i), user.s))
	}
	for i, user := range texts() {
		checkUserSessions(t, s, user.s, "user IDs compare byte for byte", sid(i))
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
