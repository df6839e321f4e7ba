package oauth

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/providers/account"
	"github.com/gatehouse-go/gatehouse/providers/maillink"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A letterSite is a site whose users are told by mail of what happens, and which has no
// passwords.
type letterSite struct {
	*site
	post *mail.Courier
	box  *mail.Box
}

func newLetterSite(t *testing.T, links bool, change ...func(*setup)) *letterSite {
	l := &letterSite{box: &mail.Box{}}
	l.post = mail.New(authtest.Origin, memory.NewOutbox(), l.box, nil)
	l.site = newSite(t, func(set *setup) {
		set.noPassword = true
		set.auth.Providers = []auth.Provider{l.post, account.New(l.post, &account.Options{Logger: set.auth.Logger})}
		if links {
			set.auth.Providers = append(set.auth.Providers, maillink.New(l.post, nil))
		}
		for _, f := range change {
			f(set)
		}
	})
	return l
}

// token is the one in the newest mail of that ID to ada.
func (l *letterSite) token(id string) string {
	l.t.Helper()
	if err := l.post.Flush(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	for _, m := range l.box.Messages() {
		if u, err := url.Parse(m.Data["link"]); err == nil && m.To == "ada@example.com" && m.ID == id {
			return u.Query().Get("token")
		}
	}
	l.t.Fatalf("no mail %q: %+v", id, l.box.Messages())
	return ""
}

// stolen is a site on which somebody has got into ada's account, linked one of theirs to
// it, and moved it to an address of theirs.
func stolen(t *testing.T, links bool) (l *letterSite, id string, thief *jar) {
	l = newLetterSite(t, links)
	l.browser().logIn(ada())
	l.clock.Advance(2 * time.Hour)
	thief = l.browser()
	thief.logIn(ada())
	id = thief.who()
	l.clock.Advance(time.Minute)
	thief.get(l.a.answer(thief.start("alpha/link"), Account{Subject: "666", Email: "eve@example.com", EmailStatus: EmailVerified}))
	if got := l.links(id); len(got) != 2 {
		t.Fatalf("links: %v", got)
	}
	l.clock.Advance(time.Minute)
	thief.do(http.MethodPost, "/auth/email", "email", "eve2@example.com")
	if err := l.post.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, m := range l.box.Messages() {
		if u, err := url.Parse(m.Data["link"]); err == nil && m.ID == "account.email" {
			if r := thief.do(http.MethodPost, "/auth/email", "token", u.Query().Get("token")); r.Code != http.StatusSeeOther {
				t.Fatalf("moving: %d %s", r.Code, r.text)
			}
		}
	}
	l.clock.Advance(time.Minute)
	return l, id, thief
}

// Where no mail lets anybody back in, "this was not me" and the way back to a former
// address leave the account with what its owner had before, and with nothing that
// came since.
func TestOwnerIsLeftAWayIn(t *testing.T) {
	for name, path := range map[string]string{"account.undo": "/auth/email/undo", "notice.credential.added": "/auth/disown", "notice.device.added": "/auth/disown"} {
		t.Run(name, func(t *testing.T) {
			l, id, thief := stolen(t, false)
			if r := l.browser().do(http.MethodPost, path, "token", l.token(name)); r.Code != http.StatusSeeOther {
				t.Fatalf("%d %s", r.Code, r.text)
			}
			if thief.who() != "" {
				t.Error("the thief is logged in")
			}
			if c, ok := l.emailOf(id); !ok || c.Key != "ada@example.com" || c.VerifiedAt.IsZero() {
				t.Errorf("address: %+v", c)
			}
			want := []string{"oauth:alpha 1001"}
			if name == "account.undo" { // it was there before the address was changed
				want = append(want, "oauth:alpha 666")
			}
			if got := l.links(id); !slices.Equal(got, want) {
				t.Errorf("links: %v, want %v", got, want)
			}
			owner := l.browser()
			if r := owner.logIn(ada()); owner.who() != id {
				t.Errorf("the owner is out: %d to %q: %s", r.Code, r.location(), r.text)
			}
			// And the notice of what was there before still removes it.
			l.browser().do(http.MethodPost, "/auth/disown", "token", l.token("notice.credential.added"))
			if got := l.links(id); !slices.Equal(got, []string{"oauth:alpha 1001"}) {
				t.Errorf("in the end: %v", got)
			}
		})
	}
}

// Where they can have a link mailed, all links to accounts elsewhere go: anybody may have
// made one of them.
func TestOwnerComesBackByMail(t *testing.T) {
	l, id, _ := stolen(t, true)
	l.browser().do(http.MethodPost, "/auth/disown", "token", l.token("notice.device.added"))
	if got := l.links(id); len(got) != 0 {
		t.Errorf("links: %v", got)
	}
	owner := l.browser()
	owner.do(http.MethodPost, "/auth/link", "email", "ada@example.com")
	owner.do(http.MethodPost, "/auth/link", "token", l.token("link.login"))
	if owner.who() != id {
		t.Errorf("the owner is out: %q", owner.who())
	}
}

// Somebody puts an account of theirs in the place of the owner's. Whichever notice is
// answered first: in the end theirs is gone, and the owner's is there again, since nothing
// else would be.
func TestOwnersLinkComesBack(t *testing.T) {
	for name, notices := range map[string][]string{
		"added":              {"notice.credential.added"},
		"device, and added":  {"notice.device.added", "notice.credential.added"}, // of the thief's last login
		"removed, and added": {"notice.credential.removed", "notice.credential.added"},
		"added, and removed": {"notice.credential.added", "notice.credential.removed"},
	} {
		t.Run(name, func(t *testing.T) {
			l, id, thief := stolen(t, false)
			l.browser().do(http.MethodPost, "/auth/email/undo", "token", l.token("account.undo"))
			thief.get(l.a.answer(thief.start("alpha"), Account{Subject: "666"}))
			if r := thief.do(http.MethodPost, "/auth/oauth/alpha/unlink", "account", "1001"); r.Code != http.StatusSeeOther {
				t.Fatalf("unlinking: %d %s", r.Code, r.text)
			}
			if got := l.links(id); thief.who() != id || !slices.Equal(got, []string{"oauth:alpha 666"}) {
				t.Fatalf("%q has links %v", thief.who(), got)
			}
			l.clock.Advance(time.Minute)
			for _, notice := range notices {
				if r := l.browser().do(http.MethodPost, "/auth/disown", "token", l.token(notice)); r.Code != http.StatusSeeOther {
					t.Fatalf("%s: %d %s", notice, r.Code, r.text)
				}
			}
			if got := l.links(id); !slices.Equal(got, []string{"oauth:alpha 1001"}) {
				t.Errorf("links: %v", got)
			}
			owner, again := l.browser(), l.browser()
			owner.logIn(ada())
			again.get(l.a.answer(again.start("alpha"), Account{Subject: "666"}))
			if owner.who() != id || again.who() == id || thief.who() != "" {
				t.Errorf("the owner is %q, the thief %q and %q", owner.who(), again.who(), thief.who())
			}
		})
	}
}

// What the owner has removed themself does not come back while there is anything else.
func TestRemovedLinkStaysAway(t *testing.T) {
	l, id, _ := stolen(t, false)
	l.browser().do(http.MethodPost, "/auth/email/undo", "token", l.token("account.undo"))
	owner := l.browser()
	owner.logIn(ada())
	l.clock.Advance(time.Minute)
	owner.do(http.MethodPost, "/auth/oauth/alpha/unlink", "account", "666")
	l.clock.Advance(time.Minute)
	l.browser().do(http.MethodPost, "/auth/disown", "token", l.token("notice.credential.removed"))
	if got := l.links(id); !slices.Equal(got, []string{"oauth:alpha 1001"}) {
		t.Errorf("links: %v", got)
	}
}
