package account_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Where to go afterwards is kept with the registration only if it is somewhere here, and
// however long it is, registering is no outage.
func TestRegisterNext(t *testing.T) {
	for _, next := range []string{"//evil.example", "https://evil.example/", `/\\evil.example`, "/" + strings.Repeat("<", 15_000)} {
		s := newSite(t, required)
		b := s.browser()
		if r := b.submit("/register", "email", ada, "password", good, "next", next); r.Code != http.StatusSeeOther {
			t.Errorf("%.20q: %d %s", next, r.Code, r.text)
			continue
		}
		if r := b.submit("/verify", "token", s.token(s.mail(ada, "account.register"))); r.Header().Get("Location") != "/auth/login" {
			t.Errorf("%.20q: %d to %.50q", next, r.Code, r.Header().Get("Location"))
		}
	}
}

// An address that was reserved, and is not any more, can be registered with although
// nobody has swept yet.
func TestRegisterExpiredReservation(t *testing.T) {
	s := newSite(t, required)
	s.must(s.m.Store().ChangeCredentials(t.Context(), auth.Change{New: &auth.Credential{Kind: "email", Key: ada, UserID: "reserved\x1fsomebody",
		CreatedAt: s.m.Now(), ExpiresAt: s.m.Now().Add(time.Hour)}}))
	s.browser().post("/register", "email", ada, "password", good)
	if m := s.mail(ada, "account.taken"); m.Data["link"] != "" {
		t.Errorf("%+v", m)
	}
	s.clock.Advance(time.Hour)
	b, token := s.waiting(ada, good)
	if r := b.post("/verify", "token", token); r.Code != http.StatusOK || !s.logsIn(ada, good) {
		t.Errorf("%d %s", r.Code, r.text)
	}
}
