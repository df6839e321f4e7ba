package account_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
)

const grace = 14 * 24 * time.Hour

// there reports whether the host has the user still.
func (s *site) there(id string) bool {
	s.t.Helper()
	_, err := s.users.LoadUser(s.t.Context(), id)
	if err != nil && !errors.Is(err, auth.ErrNotFound) {
		s.t.Fatal(err)
	}
	return err == nil
}

func TestClose(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at, withTrust)
		id := s.verified(ada, good)
		s.must(addKey(t.Context(), s.m, id, "k"))
		c, _ := s.m.Store().LoadCredential(t.Context(), "trust", "k")
		b, elsewhere := s.browser().logIn(ada, good, "remember", "true"), s.browser().logIn(ada, good)
		b.post("/close").want(t, http.StatusOK, "")
		if b.who() != "" || elsewhere.who() != "" {
			t.Error("sessions have outlived it")
		}
		s.browser().post("/login", "email", ada, "password", good).want(t, http.StatusForbidden, "account_closed")
		s.browser().post("/login", "email", ada, "password", other).want(t, http.StatusUnauthorized, "bad_credentials")
		if err := s.logInBy(id, auth.Proof{Method: "trust", Kind: "trust", Key: "k", Generation: c.Generation}); !isCode(err, "account_closed") {
			t.Errorf("another way in: %v", err)
		}
		if m := s.mailed(ada, "account.closing"); m.Data["until"] != s.clock.Now().Add(grace).Format("2 January 2006, 15:04 MST") {
			t.Errorf("the mail: %v", m.Data)
		}
		s.clock.Advance(grace - time.Second)
		s.flush()
		if !s.there(id) {
			t.Fatal("it is gone too early")
		}
		s.clock.Advance(time.Second)
		s.mailed(ada, "account.gone")
		if s.there(id) || len(s.credentials(id)) != 0 {
			t.Errorf("it is there, with %v", s.credentials(id))
		}
		s.browser().post("/login", "email", ada, "password", good).want(t, http.StatusUnauthorized, "bad_credentials")
		next := s.register(ada, other)
		if next == id || !s.logsIn(ada, other) {
			t.Error("the address is not free")
		}
	})
}

// logInBy asks the gate.
func (s *site) logInBy(id string, p auth.Proof) (err error) {
	p.At = s.m.Now()
	h := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { err = s.m.LogIn(w, r, id, p) }))
	b := s.browser()
	b.h = h
	b.get("/")
	return err
}

func isCode(err error, code string) bool {
	var p *auth.Problem
	return errors.As(err, &p) && p.Code == code
}

// A login that is under way while the account is closed does not outlive it.
func TestCloseMeetsLogin(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	b := s.browser().logIn(ada, good)
	var once atomic.Bool
	s.store.On("CreateSession").Before(func(context.Context) error {
		if once.CompareAndSwap(false, true) {
			b.closes()
		}
		return nil
	})
	late := s.browser()
	late.post("/login", "email", ada, "password", good).want(t, http.StatusForbidden, "account_closed")
	s.store.Reset()
	if late.who() != "" {
		t.Error("somebody is logged in to an account that is closed")
	}
}

func TestKeep(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at)
		id := s.verified(ada, good)
		s.browser().logIn(ada, good).closes()
		token := s.token(s.mailed(ada, "account.closing"))
		// Nothing else that is done to the account uses the link up.
		s.browser().post("/reset", "token", s.forgot(ada), "password", other).want(t, http.StatusOK, "")
		b := s.browser()
		if r := b.get("/close?token=" + token); r.Code != http.StatusOK || r.Header().Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("the page: %d %s", r.Code, r.text)
		}
		s.clock.Advance(grace - time.Second)
		b.post("/close", "token", token).want(t, http.StatusOK, "")
		b.post("/close", "token", token).want(t, http.StatusGone, "link_invalid")
		s.clock.Advance(grace)
		s.flush()
		if !s.there(id) || !s.logsIn(ada, other) {
			t.Error("it was not kept")
		}
		// Closed once more, the old link does not keep it, and the old end is not its end.
		s.browser().logIn(ada, other).closes()
		b.post("/close", "token", token).want(t, http.StatusGone, "link_invalid")
		s.mailed(ada, "account.closing")
		s.clock.Advance(grace)
		s.flush()
		if s.there(id) {
			t.Error("it is there after its second end")
		}
	})
}

func TestKeepLifetime(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	s.browser().logIn(ada, good).closes()
	token := s.token(s.mailed(ada, "account.closing"))
	s.clock.Advance(grace)
	s.browser().post("/close", "token", token).want(t, http.StatusGone, "link_invalid")
	s.flush()
	if s.there(id) {
		t.Error("it is there")
	}
}

func TestCloseRefused(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	s.browser().post("/close").want(t, http.StatusUnauthorized, "unauthenticated")
	b := s.browser().logIn(ada, good)
	s.clock.Advance(11 * time.Minute)
	b.post("/close").want(t, http.StatusUnauthorized, "not_fresh")
	b.post("/close", "token", "x").want(t, http.StatusGone, "link_invalid")
	if slices.Contains(s.credentials(id), "closing") {
		t.Error("it is closed")
	}
	if r := newSite(t, func(set *setup) { set.users = onlyLoads{set.users} }).browser().get("/close"); r.Code != http.StatusNotFound {
		t.Errorf("where users cannot be deleted: %d", r.Code)
	}
}

type onlyLoads struct{ loader auth.UserLoader }

func (o onlyLoads) LoadUser(ctx context.Context, id string) (auth.User, error) {
	return o.loader.LoadUser(ctx, id)
}

func TestCloseOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, at place) {
		s := newSite(t, at)
		s.verified(ada, good)
		browsers := make([]*browser, 20)
		for i := range browsers {
			browsers[i] = s.browser().logIn(ada, good)
		}
		var closed atomic.Int32
		atOnce(len(browsers), func(i int) {
			if browsers[i].post("/close").Code == http.StatusOK {
				closed.Add(1)
			}
		})
		if closed.Load() != 1 {
			t.Errorf("closed %d times", closed.Load())
		}
		n := 0
		for _, m := range s.mails(ada) {
			if m.ID == "account.closing" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d mails", n)
		}
	})
}

// Keeping it at the moment of its end: exactly one of the two happens.
func TestKeepMeetsPurge(t *testing.T) {
	everywhere(t, func(t *testing.T, at place) {
		for i := range 10 {
			s := newSite(t, at)
			s.clock.Advance(time.Duration(i) * 100 * 24 * time.Hour) // after the limits of the one before
			id := s.verified(ada, good)
			s.browser().logIn(ada, good).closes()
			token := s.token(s.mailed(ada, "account.closing"))
			s.clock.Advance(grace - time.Millisecond)
			s.store.On("LoadCredential").From(2).Before(func(context.Context) error {
				s.clock.Advance(time.Millisecond) // it is due between the look at the link and the keeping
				return nil
			})
			var kept atomic.Int32
			atOnce(21, func(i int) {
				if i == 20 {
					for range 50 {
						_ = s.post.Flush(t.Context())
					}
					return
				}
				if s.browser().post("/close", "token", token).Code == http.StatusOK {
					kept.Add(1)
				}
			})
			s.store.Reset()
			s.clock.Advance(time.Hour)
			s.flush()
			if there := s.there(id); kept.Load() > 1 || (kept.Load() == 1) != there {
				t.Fatalf("kept %d times, and it is there: %v", kept.Load(), there)
			}
			if s.there(id) && !s.logsIn(ada, good) {
				t.Fatal("it was kept, and nobody gets in")
			}
			if s.there(id) {
				s.browser().logIn(ada, good).closes()
				s.clock.Advance(grace)
				s.flush()
			}
		}
	})
}

// The end, with a crash before each of its steps, and begun again.
func TestPurgeCrashes(t *testing.T) {
	var id string
	crashes(t, sqlitePlace, func(s *site) func() {
		id = s.verified(ada, good)
		s.browser().logIn(ada, good).moves(neu).closes()
		s.flush()
		s.clock.Advance(grace)
		return func() { _ = s.post.Flush(s.t.Context()) }
	}, func(s *site) {
		for range 5 { // what failed is tried again later
			s.clock.Advance(24 * time.Hour)
			_ = s.post.Flush(s.t.Context())
		}
		if s.there(id) || len(s.credentials(id)) != 0 {
			s.t.Fatalf("it is there, with %v", s.credentials(id))
		}
		s.mailed(neu, "account.gone")
		if next := s.register(ada, other); next == id {
			s.t.Error("the ID was used again")
		}
		s.register(neu, other)
	})
}

func TestCloseCrashes(t *testing.T) {
	var id string
	crashes(t, sqlitePlace, func(s *site) func() {
		id = s.verified(ada, good)
		b := s.browser().logIn(ada, good)
		return func() { b.post("/close") }
	}, func(s *site) {
		if s.logsIn(ada, good) {
			return // nothing was done
		}
		s.browser().post("/login", "email", ada, "password", good).want(s.t, http.StatusForbidden, "account_closed")
		s.mailed(ada, "account.closing") // no half state: it can be kept, and ends
		s.clock.Advance(grace)
		s.flush()
		if s.there(id) {
			s.t.Error("it never ends")
		}
	})
}

// An account that was taken and closed does not end before its former address could
// have undone that.
func TestCloseWaitsForUndo(t *testing.T) {
	s := newSite(t, func(set *setup) { set.account.CloseAfter = time.Hour })
	id := s.verified(ada, good)
	s.browser().logIn(ada, good).moves(neu).closes()
	token := s.undoToken(ada)
	s.clock.Advance(week - time.Second)
	s.flush()
	if !s.there(id) {
		t.Fatal("it is gone")
	}
	s.browser().post("/email/undo", "token", token).want(t, http.StatusOK, "")
	s.clock.Advance(week)
	s.flush()
	if !s.there(id) {
		t.Error("it is gone")
	}
}

func TestExport(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at, withTrust, func(set *setup) {
			set.account.Export = func(_ context.Context, id string) (any, error) { return map[string]string{"of": id}, nil }
		})
		id := s.verified(ada, good)
		s.must(addKey(t.Context(), s.m, id, "digest-of-a-secret"))
		s.verified(bob, other)
		b := s.browser().logIn(ada, good)
		r := b.get("/export")
		if r.Code != http.StatusOK || r.Header().Get("Content-Disposition") != `attachment; filename="account.json"` || r.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v", r.Code, r.Header())
		}
		var all struct {
			UserID   string            `json:"user_id"`
			Profile  map[string]string `json:"profile"`
			Ways     []struct{ Kind, Key string }
			Sessions []struct{ ID, Label string }
			Events   []struct{ Name string }
		}
		s.must(json.Unmarshal([]byte(r.text), &all))
		if all.UserID != id || all.Profile["of"] != id || len(all.Sessions) != 1 || !slices.Contains(all.Events, struct{ Name string }{"registered"}) {
			t.Errorf("%+v", all)
		}
		if !slices.ContainsFunc(all.Ways, func(w struct{ Kind, Key string }) bool { return w.Kind == "email" && w.Key == ada }) {
			t.Errorf("ways: %+v", all.Ways)
		}
		held, err := s.m.Store().UserCredentials(t.Context(), id)
		s.must(err)
		for _, c := range held {
			if c.Kind != "email" && c.Key != id && strings.Contains(r.text, c.Key) || len(c.Data) > 0 && strings.Contains(r.text, string(c.Data)) {
				t.Errorf("%s: a secret is in it", c.Kind)
			}
		}
		if strings.Contains(r.text, bob) {
			t.Error("it has somebody else's")
		}
		s.clock.Advance(11 * time.Minute)
		if r := b.do(b.request(http.MethodGet, "/export", false, nil, "")); r.Code != http.StatusUnauthorized || r.code() != "not_fresh" {
			t.Errorf("stale: %d %s", r.Code, r.text)
		}
		s.browser().do(b.request(http.MethodGet, "/export", false, nil, "")).want(t, http.StatusUnauthorized, "unauthenticated")
	})
}

func TestActivity(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		var kept audit.Store
		s := newSite(t, at, func(set *setup) { kept = set.account.Activity })
		id := s.verified(ada, good)
		s.verified(bob, other)
		b := s.browser().logIn(ada, good)
		s.browser().logIn(bob, other)
		for i := range 60 {
			s.clock.Advance(time.Millisecond)
			s.m.EmitContext(t.Context(), auth.Event{Name: "key.revoked", UserID: id, Actor: "admin", Reason: string(rune('A' + i))})
		}
		type page struct {
			Events []struct {
				At    time.Time
				Name  string
				Actor string
			}
			Next string
		}
		read := func(path string) (p page) {
			r := b.do(b.request(http.MethodGet, path, false, nil, ""))
			s.must(json.Unmarshal([]byte(r.text), &p))
			return p
		}
		first := read("/activity")
		if len(first.Events) != 50 || first.Next == "" || first.Events[0].Name != "key.revoked" || first.Events[0].Actor != "admin" {
			t.Fatalf("%d events, next %q, %+v", len(first.Events), first.Next, first.Events[:1])
		}
		second := read("/activity?after=" + first.Next)
		if second.Next != "" || len(second.Events) < 12 || second.Events[len(second.Events)-1].Name == "key.revoked" {
			t.Errorf("%+v", second)
		}
		bobs := s.browser().logIn(bob, other)
		r := bobs.do(bobs.request(http.MethodGet, "/activity?after="+first.Next, false, nil, ""))
		if strings.Contains(r.text, "key.revoked") {
			t.Errorf("somebody else reads it: %s", r.text)
		}
		s.browser().do(b.request(http.MethodGet, "/activity", false, nil, "")).want(t, http.StatusUnauthorized, "unauthenticated")
		b.closes()
		s.clock.Advance(grace)
		s.flush()
		if records, err := kept.UserRecords(t.Context(), "", id, "", 10); err != nil || len(records) != 0 {
			t.Errorf("after its end: %v, %v", records, err)
		}
	})
}

// Who has lost the mail gets another by the right password, and not by a wrong one, nor by
// a browser that comes back by itself. Of its links the newest is good.
func TestKeepMailedAgain(t *testing.T) {
	s := newSite(t, func(set *setup) { set.account.PerAddress = auth.Limit{Max: 3, Per: time.Hour} })
	id := s.verified(ada, good)
	s.browser().logIn(ada, good).closes()
	first := s.token(s.mailed(ada, "account.closing"))
	again := func(password, code string, want int) {
		t.Helper()
		if r := s.browser().post("/login", "email", ada, "password", password); r.code() != code {
			t.Errorf("logging in: %d %s", r.Code, r.text)
		}
		n := 0
		for _, m := range s.mails(ada) {
			if m.ID == "account.closing" {
				n++
			}
		}
		if n != 1+want { // one was sent when it was closed
			t.Errorf("%d mails by which it can be kept, want %d", n-1, want)
		}
	}
	again(other, "bad_credentials", 0)
	u, err := s.users.LoadUser(t.Context(), id)
	s.must(err)
	if err := s.account.Admit(t.Context(), u, []auth.Proof{{Method: "remember", Kind: "remember"}}); err == nil {
		t.Error("the remembered browser is let in")
	}
	s.clock.Advance(time.Hour - time.Second)
	again(good, "account_closed", 0) // the first mail is new
	s.clock.Advance(time.Second)
	for want := range 3 {
		again(good, "account_closed", want+1)
	}
	again(good, "account_closed", 3)
	b := s.browser()
	b.post("/close", "token", first).want(t, http.StatusGone, "link_invalid")
	b.post("/close", "token", s.token(s.mailed(ada, "account.closing"))).want(t, http.StatusOK, "")
	if !s.logsIn(ada, good) {
		t.Error("it was not kept")
	}
}

// The link keeps what was closed when it was mailed, and not what is closed once more.
func TestKeepIsOfOneClosing(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	s.clock.Advance(2 * time.Hour)
	b := s.newDevice()
	disown := s.disownToken("device.added")
	b.closes()
	token := s.token(s.mailed(ada, "account.closing"))
	s.browser().post("/disown", "token", disown).want(t, http.StatusOK, "")
	if !wantsReset(s) {
		t.Fatal("it was not kept")
	}
	s.browser().logIn(ada, other).closes()
	s.browser().post("/close", "token", token).want(t, http.StatusGone, "link_invalid")
}

// A change of which more is known is one happening, and not two.
func TestActivityNamesAChangeOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at, withTrust)
		id := s.verified(ada, good)
		s.must(addKey(t.Context(), s.m, id, "k"))
		s.clock.Advance(time.Second)
		c, _ := s.email(ada)
		s.must(s.m.ChangeCredentials(t.Context(), id, auth.Change{Old: &c, New: &c})) // of which no more is known
		b := s.browser().logIn(ada, good)
		r := b.do(b.request(http.MethodGet, "/activity", false, nil, ""))
		for name, want := range map[string]int{"credential.added": 1, "credential.changed": 1} {
			if got := strings.Count(r.text, `"`+name+`"`); got != want {
				t.Errorf("%s is there %d times, want %d: %s", name, got, want, r.text)
			}
		}
	})
}
