package account_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

// A hostTable is a host's own table of users, in which names are the same whatever their
// case, and an alias finds a user too.
type hostTable struct {
	mu   sync.Mutex
	rows map[string]*hostRow // by ID
}

type hostRow struct{ name, alias, hash string }

func (h *hostTable) LookUp(_ context.Context, login string) (userID, hash string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, row := range h.rows {
		if strings.EqualFold(row.name, login) || row.alias != "" && strings.EqualFold(row.alias, login) {
			return id, row.hash, nil
		}
	}
	return "", "", auth.ErrNotFound
}

func (h *hostTable) Name(_ context.Context, userID string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	row := h.rows[userID]
	if row == nil || row.name == "" {
		return "", auth.ErrNotFound
	}
	return row.name, nil
}

func (h *hostTable) Save(_ context.Context, userID, oldHash, newHash string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	row := h.rows[userID]
	if row == nil || row.hash != oldHash {
		return auth.ErrConflict
	}
	row.hash = newHash
	return nil
}

// onTable is a site whose users are the host's.
func onTable(t *testing.T) (*site, *hostTable) {
	hasher := &authtest.Hasher{Mismatch: password.ErrMismatch, Unknown: password.ErrUnknownHash}
	hash, err := hasher.Hash([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	h := &hostTable{rows: map[string]*hostRow{
		"1": {name: "Ada@Example.com", alias: "countess@example.com", hash: hash},
		"2": {name: "bob", alias: bob, hash: hash}, // mail cannot be sent to a name
		"3": {name: "carol@example.com"},           // has no password yet
	}}
	return newSite(t, func(set *setup) {
		set.users = authtest.NewUsers("1", "2", "3")
		set.password.Table = &password.Table{LookUp: h.LookUp, Name: h.Name, Save: h.Save}
	}), h
}

// A reset writes the host's column, and mail goes to the stored name only.
func TestResetOnTable(t *testing.T) {
	s, _ := onTable(t)
	inside := s.browser().logIn(ada, good)
	for _, typed := range []string{"ADA@example.com", "countess@example.com"} {
		s.browser().post("/forgot", "email", typed)
		s.flush()
	}
	asked := 0
	for _, m := range s.box.Messages() {
		if m.ID == "account.forgot" && m.To == ada {
			asked++
		} else if m.To != ada {
			t.Errorf("mail: %+v", m)
		}
	}
	if asked != 2 {
		t.Fatalf("%d mails for a new password, want 2", asked)
	}
	r := s.browser().post("/reset", "token", s.token(s.mail(ada, "account.forgot")), "password", other)
	if r.Code != http.StatusOK || s.logsIn(ada, good) || !s.logsIn(ada, other) || inside.who() != "" {
		t.Errorf("%d %s, inside: %q", r.Code, r.text, inside.who())
	}
	if len(s.events.Named("password.reset")) != 1 || len(s.events.Named("account.reclaimed")) != 0 {
		t.Errorf("events: %+v", s.events.Events())
	}
}

func TestResetOnTableRefused(t *testing.T) {
	s, h := onTable(t)
	s.browser().post("/forgot", "email", bob)
	s.mail(bob, "account.unknown")

	// The host has given the name to somebody else, or another to the user.
	for _, change := range []func(){
		func() { h.rows["1"].name = "ada@elsewhere.example" },
		func() { h.rows["1"].name, h.rows["3"].name = "ada@elsewhere.example", ada },
		func() { h.rows["1"].name, h.rows["1"].alias = "ada@elsewhere.example", ada }, // still found by it
	} {
		h.rows["1"].name, h.rows["3"].name = ada, "carol@example.com"
		token := s.forgot(ada)
		change()
		if r := s.browser().post("/reset", "token", token, "password", other); r.Code != http.StatusGone {
			t.Errorf("%d %s", r.Code, r.text)
		}
	}
	// The password was changed between looking and writing.
	h.rows["1"].name, h.rows["3"].name = ada, "carol@example.com"
	token := s.forgot(ada)
	s.store.On("TakeTicket").After(func(context.Context) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.rows["1"].hash += "x"
		return nil
	})
	if r := s.browser().post("/reset", "token", token, "password", other); r.Code != http.StatusConflict || r.code() != "conflict" {
		t.Errorf("%d %s", r.Code, r.text)
	}
}

// Who says that it was not them ends the password in the host's column too, and chooses
// another by mail.
func TestDisownOnTable(t *testing.T) {
	s, h := onTable(t)
	inside := s.browser().logIn(ada, good)
	intruder := s.browser().logIn(ada, good)
	if r := intruder.post("/password", "current", good, "password", other); r.Code != http.StatusOK {
		t.Fatalf("changing: %d %s", r.Code, r.text)
	}
	if r := s.browser().post("/disown", "token", s.token(s.mail(ada, "notice.password.changed"))); r.Code != http.StatusOK {
		t.Fatalf("disowning: %d %s", r.Code, r.text)
	}
	if h.rows["1"].hash != "" || s.logsIn(ada, other) || s.logsIn(ada, good) || intruder.who() != "" || inside.who() != "" {
		t.Errorf("hash %q, the intruder is %q", h.rows["1"].hash, intruder.who())
	}
	if r := s.browser().post("/reset", "token", s.token(s.mail(ada, "account.first-password")), "password", third); r.Code != http.StatusOK || !s.logsIn(ada, third) {
		t.Errorf("recovering: %d %s", r.Code, r.text)
	}
	if h.rows["2"].hash == "" {
		t.Error("somebody else's password is gone")
	}
}

// The host's Save decides: a password that was changed in between is dropped as well.
func TestDisownOnTableMeetsChange(t *testing.T) {
	s, h := onTable(t)
	s.browser().logIn(ada, good).post("/password", "current", good, "password", other)
	token := s.token(s.mail(ada, "notice.password.changed"))
	times := 0
	s.store.On("ChangeCredentials").After(func(context.Context) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if times++; times == 1 {
			h.rows["1"].hash += "x"
		}
		return nil
	})
	r := s.browser().post("/disown", "token", token)
	s.store.Reset()
	if r.Code == http.StatusOK && h.rows["1"].hash != "" {
		t.Errorf("%d %s, hash %q", r.Code, r.text, h.rows["1"].hash)
	}
}

// Where a table of the host's says who has an address it is not changed behind its back.
func TestEmailOnTable(t *testing.T) {
	s, _ := onTable(t)
	if r := s.browser().logIn(ada, good).post("/email", "email", "new@example.com"); r.Code != http.StatusConflict || r.code() != "email_elsewhere" {
		t.Errorf("%d %s", r.Code, r.text)
	}
	if all := s.mails("new@example.com"); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

func TestFirstPasswordOnTable(t *testing.T) {
	s, h := onTable(t)
	s.browser().post("/forgot", "email", "carol@example.com")
	token := s.token(s.mail("carol@example.com", "account.first-password"))
	if r := s.browser().post("/reset", "token", token, "password", other); r.Code != http.StatusOK || !s.logsIn("carol@example.com", other) {
		t.Errorf("%d %s, hash %q", r.Code, r.text, h.rows["3"].hash)
	}
}

// Who has no password sets one by mail; what they had otherwise stays.
func TestFirstPasswordByMail(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	s.without(id)
	s.browser().post("/forgot", "email", ada)
	token := s.token(s.mail(ada, "account.first-password"))
	if r := s.browser().post("/reset", "token", token, "password", other); r.Code != http.StatusOK || !s.logsIn(ada, other) {
		t.Errorf("%d %s", r.Code, r.text)
	}
	if len(s.events.Named("credential.added")) != 1 || len(s.events.Named("password.reset")) != 0 {
		t.Errorf("events: %+v", s.events.Events())
	}
}

// After a hundred wrong guesses nobody is let in, until the password is reset.
func TestResetUnlocks(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	for range 150 {
		s.browser().post("/login", "email", ada, "password", third)
	}
	if s.logsIn(ada, good) {
		t.Fatal("there is no cap")
	}
	s.flush() // what tells of it has a link of its own, and the newest is good
	if r := s.browser().post("/reset", "token", s.forgot(ada), "password", other); r.Code != http.StatusOK || !s.logsIn(ada, other) {
		t.Errorf("%d %s, and the new password lets in: %v", r.Code, r.text, s.logsIn(ada, other))
	}
}

// What New says of options that do not go together.
func TestNewReports(t *testing.T) {
	_, err := auth.New(auth.UserFunc(func(context.Context, string) (authtest.User, error) { return authtest.User{}, errors.New("none") }),
		newSite(t).store, &auth.Options{Providers: []auth.Provider{newAccount(t)}})
	if err == nil || !strings.Contains(err.Error(), "Courier") {
		t.Errorf("%v", err)
	}
}

// Who is found by a table of the host's is mailed the link to keep an account that was closed
// too, where it is closed and again after the right password; and is told when it is gone.
func TestCloseOnTable(t *testing.T) {
	s, _ := onTable(t)
	s.browser().logIn(ada, good).closes()
	s.flush() // one by one: the link that is made last is the one that is good
	s.clock.Advance(time.Hour)
	s.browser().post("/login", "email", ada, "password", good).want(t, http.StatusForbidden, "account_closed")
	if n := len(slices.DeleteFunc(ids(s.mails(ada)), func(id string) bool { return id != "account.closing" })); n != 2 {
		t.Fatalf("%d mails by which it can be kept, want 2", n)
	}
	s.browser().post("/close", "token", s.token(s.mail(ada, "account.closing"))).want(t, http.StatusOK, "")
	if !s.logsIn(ada, good) {
		t.Error("it was not kept")
	}
	s.browser().logIn(ada, good).closes()
	s.clock.Advance(grace)
	s.flush()
	s.mailed(ada, "account.gone")
}
