package bench

import (
	"context"
	"net/http"
)

// A Site is one of those that are compared. All do the same work: find the
// session that the cookie names, find its user in a map, and give the user to
// the page by a typed accessor.
type Site struct {
	Name   string
	Cookie string // the session cookie's name
	// Private is a page for users, Public one that asks who is asking and is
	// open to all, Plain one that does not ask. Each is wrapped in everything
	// that a request goes through.
	Private, Public, Plain http.Handler
	// Lazy is the floor's Public for one that, like Gatehouse, finds out who is
	// asking when somebody asks.
	Lazy http.Handler
	// Enter takes a request through what comes before LogIn and LogOut and is
	// not part of them.
	Enter func(r *http.Request) *http.Request
	// LogIn begins a session of the user and sets its cookie.
	LogIn func(w http.ResponseWriter, r *http.Request, userID string) error
	// LogOut ends the session and deletes the cookie.
	LogOut func(w http.ResponseWriter, r *http.Request) error

	// begin is how fill begins a session, if not by LogIn: by many at once.
	begin  func(ctx context.Context, userID string) (token string, err error)
	tokens []string // of the sessions of users 0, 1, ...
}

// fill logs every user in.
func (s *Site) fill() error {
	w := NewSink()
	s.tokens = make([]string, Users)
	for i := range s.tokens {
		w.Reset()
		if err := s.LogIn(w, s.Enter(newRequest(http.MethodPost, "", "")), UserID(i)); err != nil {
			return err
		}
		s.tokens[i] = w.token(s.Cookie)
	}
	return nil
}

// Requests returns the requests of InTurn users, page after page of them.
func (s *Site) Requests() []*http.Request {
	return requests(func(i int) *http.Request {
		return newRequest(http.MethodGet, s.Cookie, s.tokens[s.inTurn(i)])
	})
}

// inTurn returns the number of the user whose request is number i of Requests.
func (s *Site) inTurn(i int) int { return i * (len(s.tokens) / InTurn) }

// Sites returns the floor, Gatehouse and scs, in this order, each with its
// sessions.
func Sites() ([]*Site, error) {
	users := newUsers(Users)
	sites := []*Site{newFloor(users)}
	ours, err := newGatehouse(users)
	if err != nil {
		return nil, err
	}
	sites = append(sites, ours, newSCS("scs", users, nil), newSCS("scs, better codec", users, binaryCodec{}))
	for _, s := range sites {
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
	return sites, nil
}
