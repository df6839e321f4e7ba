package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
)

const (
	firstPurpose  = "demo.first-admin" // of the tickets
	firstLifetime = 15 * time.Minute
)

// adminAddress returns the address that -bootstrap-admin names, as credentials of kind
// "email" have it.
func adminAddress(s string) (string, error) {
	a, err := mail.ParseAddress(s)
	plain := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '[' }) < 0
	if err != nil || a.Address != s || !plain {
		return "", fmt.Errorf("-bootstrap-admin %q: want an e-mail address such as ada@example.com", s)
	}
	return strings.ToLower(s), nil
}

// mountFirst adds the page that the link on the console leads to.
func (s *site) mountFirst(mux *http.ServeMux) {
	mux.Handle("GET /admin/first", s.manager.RequireSession(http.HandlerFunc(s.showFirst)))
	mux.Handle("POST /admin/first", s.manager.RequireSession(http.HandlerFunc(s.becomeFirst)))
}

// sawLogin is told of logins. The first admin is whose account has the address that
// -bootstrap-admin names, and owns it: it came with an account elsewhere that says so, or
// a link in a mail to it was followed. To say that one has an address is not enough. Whoever
// does that can open a link, which only they see who see the console.
func (s *site) sawLogin(ctx context.Context, e auth.Event) {
	if err := s.lookForFirst(ctx, e.UserID); err != nil {
		s.logger.Error("demo: looking for the first admin", "error", err)
	}
}

// lookForFirst makes the named account an admin if it owns its address, and else gives
// out a link for it, if it is userID's. It does nothing if there is an admin already.
func (s *site) lookForFirst(ctx context.Context, userID string) error {
	s.admins.Lock()
	defer s.admins.Unlock()
	named, err := s.namedFirst(ctx)
	if err != nil || named.UserID == "" {
		return err
	}
	switch {
	case !named.VerifiedAt.IsZero():
		return s.makeFirst(ctx, named.UserID, "owns the address that -bootstrap-admin names")
	case named.UserID == userID:
		return s.printLink(ctx, userID)
	}
	return nil
}

// namedFirst returns the credential of the account that is to be the first admin. It
// has no UserID if there is no such account, or an admin already.
func (s *site) namedFirst(ctx context.Context) (auth.Credential, error) {
	if s.firstAdmin == "" {
		return auth.Credential{}, nil
	}
	named, err := s.manager.Store().LoadCredential(ctx, "email", s.firstAdmin)
	if err != nil {
		return auth.Credential{}, ignoring(err, auth.ErrNotFound)
	}
	if has, err := s.hasAdmin(ctx, func(*person) bool { return true }); has || err != nil {
		return auth.Credential{}, err
	}
	return named, nil
}

func (s *site) makeFirst(ctx context.Context, userID, why string) error {
	err := s.roles.Grant(ctx, rbac.Grant{UserID: userID, Role: "admin"})
	if err == nil {
		s.manager.EmitContext(ctx, auth.Event{Name: "role.granted", UserID: userID, Reason: "admin, " + why})
	}
	return err
}

// printLink prints a link by which userID can become an admin, unless one that was
// printed is still good. What is kept is a digest.
func (s *site) printLink(ctx context.Context, userID string) error {
	now := s.manager.Now()
	if now.Before(s.linkUntil) {
		return nil
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	token := base64.RawURLEncoding.EncodeToString(secret)
	until := now.Add(firstLifetime)
	err := s.manager.Store().PutTicket(ctx, auth.Ticket{Purpose: firstPurpose, Key: firstKey(token), UserID: userID, Slot: "first", CreatedAt: now, ExpiresAt: until})
	if err != nil {
		return err
	}
	s.linkUntil = until
	fmt.Fprintf(s.stdout, "%s has an account now, and has not proved that the address is theirs.\nIf the account is yours, log in, and open this link within 15 minutes to become the first admin:\n%s/admin/first?token=%s\n",
		s.firstAdmin, s.origin, token)
	return nil
}

func firstKey(token string) string {
	sum := sha256.Sum256([]byte(firstPurpose + "\x00" + token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// firstTicket returns the ticket of a token, if it is good for who is asking.
func (s *site) firstTicket(ctx context.Context, token string) (auth.Ticket, error) {
	none := &auth.Problem{Status: http.StatusNotFound, Code: "no_link", Detail: "This link is not good, or no longer. Log in as whom it is for, and look for a new one on the console."}
	id, err := s.manager.IdentityFrom(ctx)
	if err != nil {
		return auth.Ticket{}, err
	}
	ticket, err := s.manager.Store().LoadTicket(ctx, firstPurpose, firstKey(token))
	switch {
	case errors.Is(err, auth.ErrNotFound):
		return ticket, none
	case err != nil:
		return ticket, err
	case ticket.UserID != id.UserID || !s.manager.Now().Before(ticket.ExpiresAt):
		return ticket, none
	}
	named, err := s.namedFirst(ctx)
	if err == nil && named.UserID != id.UserID { // there is an admin by now
		return ticket, none
	}
	return ticket, err
}

// firstShown is what the page has on it.
type firstShown struct {
	asker
	Token string `json:"-"`
}

func (s *site) showFirst(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get("token")
	if _, err := s.firstTicket(r.Context(), token); err != nil {
		s.manager.Refuse(w, r, err)
		return
	}
	w.Header().Set("Referrer-Policy", "strict-origin") // the address has a secret
	s.answer(w, r, &auth.Page{Name: "first", Data: firstShown{s.asks(r), token}})
}

func (s *site) becomeFirst(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	sent, err := s.read(w, r, "token")
	s.admins.Lock()
	defer s.admins.Unlock()
	var ticket auth.Ticket
	if err == nil {
		ticket, err = s.firstTicket(ctx, sent["token"])
	}
	if err == nil {
		_, err = s.manager.Store().TakeTicket(ctx, firstPurpose, ticket.Key)
		err = notThere(err) // somebody was quicker
	}
	if err == nil {
		s.linkUntil = time.Time{}
		err = s.makeFirst(ctx, ticket.UserID, "had the link of the console")
	}
	if err != nil {
		s.manager.Refuse(w, r, err)
		return
	}
	s.done(w, r, "/admin", "first.done", nil)
}
