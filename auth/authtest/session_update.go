package authtest

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

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
	u.Actor, u.AuthVersion, u.Binding, u.Label = "x", "y", "z", "not\x00kept" // and so not looked at
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
