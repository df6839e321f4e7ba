package memory_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
	"weak"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func TestCreateSessionKeepsACopy(t *testing.T) {
	s := memory.New(nil)
	given := newSession(0, "u")
	given.Version = 7
	given.SeenAt = given.SeenAt.Add(time.Microsecond)
	before := *given
	before.Proofs = slices.Clone(given.Proofs)
	must(t, s.CreateSession(t.Context(), given))
	if given.Version != 7 || !given.SeenAt.Equal(before.SeenAt) || given.Proofs[0] != before.Proofs[0] {
		t.Errorf("CreateSession changed what it was given: %+v", given)
	}
	given.UserID, given.Proofs[0].Method = "other", "other"
	got, err := s.LoadSession(t.Context(), given.ID)
	must(t, err)
	if got.UserID != "u" || got.Proofs[0].Method != "password" || got.Version != 1 {
		t.Errorf("LoadSession = %+v, want what was created", got)
	}
}

func TestUpdateSessionLeavesWhatWasLoaded(t *testing.T) {
	s := memory.New(nil)
	must(t, s.CreateSession(t.Context(), newSession(0, "u")))
	old, err := s.LoadSession(t.Context(), sid(0))
	must(t, err)
	changed := *old
	changed.Stale = true
	must(t, s.UpdateSession(t.Context(), &changed))
	now, err := s.LoadSession(t.Context(), sid(0))
	must(t, err)
	if old.Stale || old.Version != 1 || !now.Stale || now.Version != 2 {
		t.Errorf("loaded before: %+v, after: %+v", old, now)
	}
	if &old.Proofs[0] == &now.Proofs[0] {
		t.Error("the new one keeps the old one in memory by its proofs")
	}
	// Nobody can append to what is shared.
	if _, now := append(now.Proofs, auth.Proof{}), append(now.Proofs, auth.Proof{Method: "x"}); now[0].Method != "password" {
		t.Errorf("proofs are %+v", now)
	}
}

func TestSessionsShareStrings(t *testing.T) {
	s := memory.New(nil)
	user := userID(1)
	var all []*auth.Session
	for i := range 1000 { // so that some shards have more than one
		must(t, s.CreateSession(t.Context(), newSession(i, user)))
		v, err := s.LoadSession(t.Context(), sid(i))
		must(t, err)
		all = append(all, v)
	}
	labels := map[*byte]bool{}
	for _, v := range all {
		if unsafe.StringData(v.UserID) != unsafe.StringData(all[0].UserID) {
			t.Fatal("two sessions of a user have their ID twice")
		}
		if unsafe.StringData(v.Proofs[0].Key) != unsafe.StringData(v.UserID) {
			t.Fatal("a proof by the user's own key has the ID once more")
		}
		for _, text := range []string{v.Label, v.Proofs[0].Method, v.Proofs[0].Kind} {
			labels[unsafe.StringData(text)] = true
		}
	}
	if len(labels) > 2*64 {
		t.Errorf("two strings are kept %d times, want at most once in each of 64 shards", len(labels))
	}
}

// A label that is a part of something large does not keep all of it, and long
// ones and many different ones come back as they are.
func TestSessionLabels(t *testing.T) {
	s := memory.New(nil)
	for i := range 20_000 {
		v := newSession(i, "u")
		v.Label = strings.Repeat("x", i%255) + "!"
		if i%2 == 0 {
			v.Label = fmt.Sprint("label ", i)
		}
		must(t, s.CreateSession(t.Context(), v))
		got, err := s.LoadSession(t.Context(), v.ID)
		if must(t, err); got.Label != v.Label {
			t.Fatalf("label is %q, want %q", got.Label, v.Label)
		}
	}
}

// TestRace has every verb of sessions at work on the same few sessions and
// users, for the race detector and for deadlocks, and then looks whether the
// indexes agree.
func TestRace(t *testing.T) {
	s := memory.New(&memory.Options{Sessions: 150, Tickets: 150, Credentials: 150, Counters: 50})
	ctx := t.Context()
	const ids, users = 200, 5
	var work sync.WaitGroup
	var swept atomic.Int64
	for w := range 8 {
		work.Go(func() {
			for i := range 1500 {
				n := (i*31 + w*17) % ids
				user := fmt.Sprint("u", n%users)
				at := t0.Add(time.Duration(i) * 5 * time.Second)
				switch (i + w) % 12 {
				case 0, 1, 2:
					v := newSession(n, user)
					v.CreatedAt, v.SeenAt, v.ExpiresAt = at, at, at.Add(30*time.Minute)
					_ = s.CreateSession(ctx, v)
				case 3:
					if v, err := s.LoadSession(ctx, sid(n)); err == nil {
						u := *v
						u.SeenAt, u.ExpiresAt = at, at.Add(time.Duration(n)*time.Minute)
						_ = s.UpdateSession(ctx, &u)
					}
				case 4:
					_ = s.DeleteSession(ctx, sid(n))
				case 5:
					if i%9 == 0 {
						_ = s.DeleteUserSessions(ctx, user, sid(n))
						_ = s.DeleteUserTickets(ctx, user)
					}
				case 6:
					list, _ := s.UserSessions(ctx, user)
					for _, v := range list {
						if v.UserID != user {
							t.Errorf("a session of %s among those of %s", v.UserID, user)
						}
					}
				case 7:
					k, err := s.Sweep(ctx, at, 20)
					check(t, err)
					swept.Add(int64(k))
				case 8, 9:
					v := newTicket(i*8+w, user, fmt.Sprint("slot", n%20))
					v.CreatedAt, v.ExpiresAt = at, at.Add(time.Minute)
					_ = s.PutTicket(ctx, v)
					_, _ = s.LoadTicket(ctx, v.Purpose, v.Key)
					if i%3 == 0 {
						_, _ = s.TakeTicket(ctx, v.Purpose, v.Key)
					}
				case 10:
					a, b := newCredential(n, user), newCredential((n+users)%ids, user)
					a.ExpiresAt, b.ExpiresAt = at.Add(time.Minute), at.Add(time.Hour)
					if s.ChangeCredentials(ctx, create(a), create(b)) != nil {
						old, err := s.LoadCredential(ctx, a.Kind, a.Key)
						if err == nil {
							_ = s.ChangeCredentials(ctx, auth.Change{Old: &old, New: b}, auth.Change{Old: &old, New: a})
							_ = s.ChangeCredentials(ctx, auth.Change{Old: &old, New: a})
						}
					}
				case 11:
					_, _, _ = s.Count(ctx, fmt.Sprint(n), time.Minute, at)
					_ = s.Forget(ctx, fmt.Sprint(n+1), fmt.Sprint(n+2))
				}
			}
		})
	}
	work.Wait()

	found := 0
	for n := range ids {
		v, err := s.LoadSession(ctx, sid(n))
		if err != nil {
			continue
		}
		found++
		list, err := s.UserSessions(ctx, v.UserID)
		if must(t, err); !slices.Contains(list, v) {
			t.Errorf("session %d is not among those of its user", n)
		}
	}
	listed := 0
	for n := range users {
		list, err := s.UserSessions(ctx, fmt.Sprint("u", n))
		must(t, err)
		listed += len(list)
	}
	if listed != found || swept.Load() == 0 {
		t.Errorf("%d sessions are listed, %d are found, %d things were swept", listed, found, swept.Load())
	}
	_, err := s.Sweep(ctx, t0.AddDate(100, 0, 0), 1<<20)
	must(t, err)
	for name, write := range sorts(s) { // what is left counts for nothing
		room := 150
		if name == "counters" {
			room = 50
		}
		for n := range room {
			if err := write(ctx, n, t0); err != nil {
				t.Fatalf("%d %s in an empty store with room for %d: %v", n, name, room, err)
			}
		}
		checkFull(t, write(ctx, room, t0))
	}
}

// TestRaceTidy has every sort of write tidy beside the others.
func TestRaceTidy(t *testing.T) {
	s := memory.New(nil)
	var work sync.WaitGroup
	for w, name := range []string{"sessions", "sessions", "credentials", "credentials", "tickets", "tickets", "counters", "counters"} {
		work.Go(func() {
			write := sorts(s)[name]
			for i := range 6000 {
				check(t, write(t.Context(), w*6000+i, t0.Add(time.Duration(i)*time.Minute)))
			}
		})
	}
	work.Wait()
	left, err := s.Sweep(t.Context(), t0.AddDate(100, 0, 0), 1<<20)
	must(t, err)
	if left > 4*64*75 {
		t.Errorf("%d of 48000 are left, so that writes did not tidy", left)
	}
}

// Who holds on to a session that was deleted or updated holds no other.
func TestHeldSessionsHoldNoOthers(t *testing.T) {
	ctx := t.Context()
	for name, end := range map[string]func(s *memory.Store, v auth.Session) error{
		"deleted": func(s *memory.Store, v auth.Session) error { return s.DeleteSession(ctx, v.ID) },
		"updated": func(s *memory.Store, v auth.Session) error { return s.UpdateSession(ctx, &v) },
	} {
		s := memory.New(nil)
		load := func(n int) *auth.Session {
			v, err := s.LoadSession(ctx, sid(n))
			must(t, err)
			return v
		}
		for n := range 3 {
			must(t, s.CreateSession(ctx, newSession(n, "u")))
		}
		held := load(1)
		neighbours := []weak.Pointer[auth.Session]{weak.Make(load(0)), weak.Make(load(2))}
		must(t, end(s, *held))
		must(t, s.DeleteUserSessions(ctx, "u"))
		runtime.GC()
		for _, n := range neighbours {
			if n.Value() != nil {
				t.Errorf("a session that was %s keeps one of its neighbours in memory", name)
			}
		}
		runtime.KeepAlive(held)
	}
}

// TestRaceDeleteUser has sessions come up in shards that a deletion of all of
// the user's has not locked.
func TestRaceDeleteUser(t *testing.T) {
	s := memory.New(nil)
	ctx := t.Context()
	var work sync.WaitGroup
	for w := range 4 {
		work.Go(func() {
			for i := range 2000 {
				n := w*2000 + i
				check(t, s.CreateSession(ctx, newSession(n, "u")))
				if i%4 == 0 {
					check(t, s.DeleteUserSessions(ctx, "u"))
					if _, err := s.LoadSession(ctx, sid(n)); err == nil {
						t.Error("a session is left over")
					}
				}
			}
		})
	}
	work.Wait()
	must(t, s.DeleteUserSessions(ctx, "u"))
	if n, err := s.Sweep(ctx, t0.AddDate(1, 0, 0), 10_000); n != 0 || err != nil {
		t.Errorf("%d are left, error %v", n, err)
	}
}
