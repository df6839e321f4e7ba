package authtest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

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
