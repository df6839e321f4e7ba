package account_test

import (
	"encoding/json"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// ways are what a page says of whom it is for.
func (r reply) ways(t *testing.T) []auth.Credential {
	t.Helper()
	var page struct{ Ways []auth.Credential }
	if err := json.Unmarshal([]byte(r.text), &page); err != nil {
		t.Fatal(err)
	}
	return page.Ways
}

// A page that asks for a password says whose, and nothing else of them, whoever is logged
// in: a password manager must not keep it under another name.
func TestPagesSayWhosePassword(t *testing.T) {
	s := newSite(t)
	s.verified(bob, good)
	_, verify := s.joined(ada, good)
	reset := s.forgot(ada)
	waiting := newSite(t, required)
	_, register := waiting.waiting(ada, good)
	for name, b := range map[string]*browser{"nobody": s.browser(), "bob": s.browser().logIn(bob, good)} {
		for what, r := range map[string]reply{
			"verify":         b.get("/verify?token=" + verify),
			"verify, wrong":  b.submit("/verify", "token", verify, "password", other),
			"verify, short":  b.submit("/verify", "token", verify, "password", "short", "take_over", "true"),
			"reset":          b.get("/reset?token=" + reset),
			"reset, refused": b.submit("/reset", "token", reset, "password", "short"),
			"register":       waiting.browser().get("/verify?token=" + register),
			"register, no":   waiting.browser().submit("/verify", "token", register, "password", other),
		} {
			ways := r.ways(t)
			if len(ways) != 1 {
				t.Errorf("%s, %s: %+v: %s", name, what, ways, r.text)
				continue
			}
			if c := ways[0]; c.Kind != "email" || c.Key != ada || c.UserID != "" || c.Data != nil || c.Version != 0 {
				t.Errorf("%s, %s: %+v", name, what, c)
			}
		}
	}
	gone := s.browser().get("/reset?token=" + reset[1:] + "A")
	if ways := gone.ways(t); len(ways) != 0 {
		t.Errorf("a link that is no good says %+v", ways)
	}
}
