package maillink_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

// Where a table of the host's says who has an address, the link goes to the address in the
// table, whatever was typed that finds it; and the host's word on it is good.
func TestTable(t *testing.T) {
	name := "Ada@example.com"
	hasher := password.Bcrypt{Cost: 4, InsecureFast: true}
	hash, err := hasher.Hash([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, func(c *config) {
		c.users = authtest.NewUsers("1")
		c.table = &password.Table{
			LookUp: func(_ context.Context, login string) (string, string, error) {
				if strings.EqualFold(login, name) || login == "countess@example.com" {
					return "1", hash, nil
				}
				return "", "", auth.ErrNotFound
			},
			Name: func(context.Context, string) (string, error) { return name, nil },
			Save: func(context.Context, string, string, string) error { return auth.ErrConflict },
		}
	})
	inside := s.browser()
	if r := inside.post("/login", "email", ada, "password", secret); r.Code != http.StatusOK {
		t.Fatalf("%d %s", r.Code, r.text)
	}
	b := s.browser()
	for _, typed := range []string{"countess@example.com", ada} {
		b.post("/link", "email", typed)
		if err := s.post.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	all := s.box.Messages()
	if len(all) != 2 || all[0].To != ada || all[1].To != ada {
		t.Fatalf("mail: %+v", all)
	}
	if r := b.post("/link", "token", s.tokenOf(all[0])); r.Code != http.StatusOK || b.who() != "1" {
		t.Errorf("%d %s, %q is logged in", r.Code, r.text, b.who())
	}
	if inside.who() != "1" {
		t.Error("to log in by link has ended other sessions")
	}
	// Others cannot use up the mail of a browser that the user is known in.
	for range 4 {
		s.browser().post("/link", "email", ada)
	}
	before := len(s.outbox.entries())
	for _, who := range []*browser{s.browser(), inside} {
		who.post("/link", "email", ada)
	}
	if n := len(s.outbox.entries()) - before; n != 1 {
		t.Errorf("%d mails for a stranger and the browser of the user, want 1 for that", n)
	}
	s.deliver()
	// The host has given the user another name since.
	s.clock.Advance(time.Hour)
	b = s.browser()
	b.post("/link", "email", ada)
	if err := s.post.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	token := s.tokenOf(s.box.Messages()[0])
	name = "ada@elsewhere.example"
	if r := b.post("/link", "token", token); r.Code != http.StatusGone {
		t.Errorf("%d %s", r.Code, r.text)
	}
}
