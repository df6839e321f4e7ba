package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// The thief takes away the link that its own notice tells of, once there is another of
// theirs. When that notice is answered, what was removed comes back, but never what the
// owner has just said was not theirs: the notice is a moment younger than the link.
func TestDisownedLinkStaysAway(t *testing.T) {
	l := newLetterSite(t, false)
	l.browser().logIn(ada())
	l.clock.Advance(2 * time.Hour)
	thief := l.browser()
	thief.logIn(ada())
	id := thief.who()
	l.clock.Advance(time.Minute)
	fault := l.store.On("UserCredentials", "LoadCredential").Before(func(context.Context) error {
		l.clock.Advance(time.Millisecond) // a store takes its time
		return nil
	})
	thief.get(l.a.answer(thief.start("alpha/link"), Account{Subject: "666", Email: "eve@example.com", EmailStatus: EmailVerified}))
	if fault.Hits() == 0 {
		t.Fatal("nothing was slow")
	}
	notice := l.token("notice.credential.added")
	l.clock.Advance(time.Minute)
	thief.get(l.a.answer(thief.start("alpha/link"), Account{Subject: "667", Email: "eve@example.com", EmailStatus: EmailVerified}))
	l.store.Reset()
	for _, subject := range []string{"1001", "666"} {
		l.clock.Advance(time.Minute)
		thief.get(l.a.answer(thief.start("alpha"), Account{Subject: "667"}))
		if r := thief.do(http.MethodPost, "/auth/oauth/alpha/unlink", "account", subject); r.Code != http.StatusSeeOther {
			t.Fatalf("unlinking: %d %s", r.Code, r.text)
		}
	}
	if got := l.links(id); !slices.Equal(got, []string{"oauth:alpha 667"}) {
		t.Fatalf("links: %v", got)
	}
	l.clock.Advance(time.Minute)
	if r := l.browser().do(http.MethodPost, "/auth/disown", "token", notice); r.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.Code, r.text)
	}
	if got := l.links(id); !slices.Equal(got, []string{"oauth:alpha 1001"}) {
		t.Errorf("links: %v", got)
	}
	if kept, err := l.m.Store().UserCredentials(t.Context(), "reserved\x1f"+id, "removed"); err != nil || len(kept) != 0 {
		t.Errorf("%d can come back still: %v", len(kept), err)
	}
}

// Unlinking forgets the tokens, also where the link itself may come back.
func TestRemovedLinkHasNoTokens(t *testing.T) {
	for _, all := range []bool{false, true} {
		l := newLetterSite(t, false, func(set *setup) {
			set.opts.Keys = []Key{{ID: "k", Secret: [32]byte{1}}}
			set.auth.Providers = append(set.auth.Providers, badge{})
			set.a.KeepTokens, set.b.KeepTokens = true, true
		})
		j := l.browser()
		j.logIn(ada())
		id := j.who()
		j.get(l.b.answer(j.start("beta/link"), Account{Subject: "2"}))
		source, err := l.p.TokenSource(t.Context(), id, "alpha", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := source.Token(); err != nil {
			t.Fatalf("no tokens were kept: %v", err)
		}
		if all {
			badge := auth.Change{New: &auth.Credential{Kind: "badge", Key: "k", UserID: id, CreatedAt: l.m.Now()}}
			if err := errors.Join(l.m.ChangeCredentials(t.Context(), id, badge), l.p.UnlinkAll(t.Context(), id)); err != nil {
				t.Fatal(err)
			}
		} else if r := j.do(http.MethodPost, "/auth/oauth/alpha/unlink", "account", "1001"); r.Code != http.StatusSeeOther {
			t.Fatalf("unlinking: %d %s", r.Code, r.text)
		}
		kept, err := l.m.Store().UserCredentials(t.Context(), "reserved\x1f"+id, "removed")
		if err != nil || len(kept) == 0 {
			t.Fatalf("%v, %v", kept, err)
		}
		for _, r := range kept {
			var c auth.Credential
			if err := json.Unmarshal(r.Data, &c); err != nil {
				t.Fatal(err)
			}
			rec, err := decodeRecord(c.Data)
			if err != nil || len(rec.Tokens) != 0 || rec.Email == "" && c.Key == "1001" {
				t.Errorf("%v: %s %s is kept with %+v", err, c.Kind, c.Key, rec)
			}
		}
	}
}

// A way in that the table of consequences takes from the owner is none that is left to
// them, for whose sake what was removed stays away.
func TestDroppedLinkIsNoneLeft(t *testing.T) {
	l := newLetterSite(t, false, func(set *setup) {
		set.auth.Consequences = map[string]map[string]auth.Fate{"account.disowned": {"oauth:alpha": auth.DropAll}}
	})
	j := l.browser()
	j.logIn(ada())
	id := j.who()
	j.get(l.b.answer(j.start("beta/link"), Account{Subject: "2"}))
	l.clock.Advance(time.Minute)
	if r := j.do(http.MethodPost, "/auth/oauth/beta/unlink", "account", "2"); r.Code != http.StatusSeeOther {
		t.Fatalf("unlinking: %d %s", r.Code, r.text)
	}
	l.clock.Advance(time.Minute)
	if r := l.browser().do(http.MethodPost, "/auth/disown", "token", l.token("notice.credential.removed")); r.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.Code, r.text)
	}
	if got := l.links(id); !slices.Equal(got, []string{"oauth:beta 2"}) {
		t.Errorf("links: %v", got)
	}
}

// A badge is a provider of the host's whose credentials are a way in.
type badge struct{}

func (badge) Name() string                        { return "badge" }
func (badge) Mount(*auth.Manager, auth.Mux) error { return nil }
func (badge) Kinds() []auth.Kind                  { return []auth.Kind{{Name: "badge", Role: auth.FirstFactor}} }
