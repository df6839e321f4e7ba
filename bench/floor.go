package bench

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"sync"
	"time"
)

// floorNext is what the floor calls: in a variable, so that the compiler does
// not know it either.
var floorNext http.Handler

// A floor is no library: it is the work, written by hand. It looks at nothing
// but the session's end, and has no interfaces, no errors and no guards.
type floor struct {
	users  map[string]*User
	shards [64]floorShard
}

type floorShard struct {
	mu       sync.RWMutex
	sessions map[[32]byte]floorSession
	_        [64]byte
}

type floorSession struct {
	userID string
	ends   int64
}

type floorContext struct {
	context.Context
	user *User
}

// A lazyContext finds out who is asking when somebody asks.
type lazyContext struct {
	context.Context
	f     *floor
	token string
	asked bool
	user  *User
}

const floorCookie = "__Host-sid"

func newFloor(users map[string]*User) *Site {
	f := &floor{users: users}
	for i := range f.shards {
		f.shards[i].sessions = make(map[[32]byte]floorSession)
	}
	floorNext = page(func(ctx context.Context) (*User, bool) {
		switch c := ctx.(type) {
		case *floorContext:
			return c.user, true
		case *lazyContext:
			if !c.asked {
				c.asked, c.user = true, f.find(c.token)
			}
			return c.user, c.user != nil
		}
		return nil, false
	})
	h := http.HandlerFunc(f.serve)
	return &Site{
		Name: "floor", Cookie: floorCookie,
		Private: h, Public: h, Plain: h, Lazy: http.HandlerFunc(f.serveLazily),
		Enter: func(r *http.Request) *http.Request { return r }, LogIn: f.logIn, LogOut: f.logOut,
	}
}

func (f *floor) serve(w http.ResponseWriter, r *http.Request) {
	token := floorScan(r)
	if token == "" {
		floorNext.ServeHTTP(w, r)
		return
	}
	u := f.find(token)
	if u == nil {
		floorNext.ServeHTTP(w, r)
		return
	}
	floorNext.ServeHTTP(w, r.WithContext(&floorContext{r.Context(), u}))
}

// serveLazily does the same for a page that may not ask: what is found out, or
// changed by a login, must be seen by the rest of the request, so the context
// is made first.
func (f *floor) serveLazily(w http.ResponseWriter, r *http.Request) {
	token := floorScan(r)
	if token == "" {
		floorNext.ServeHTTP(w, r)
		return
	}
	floorNext.ServeHTTP(w, r.WithContext(&lazyContext{Context: r.Context(), f: f, token: token}))
}

// find returns the user of the session, or nil.
func (f *floor) find(token string) *User {
	if len(token) != 43 {
		return nil
	}
	id := floorID(token)
	sh := &f.shards[id[0]%64]
	sh.mu.RLock()
	s, ok := sh.sessions[id]
	sh.mu.RUnlock()
	if !ok || time.Now().UnixMilli() >= s.ends {
		return nil
	}
	return f.users[s.userID]
}

func floorID(token string) [32]byte {
	var text [43]byte
	copy(text[:], token)
	return sha256.Sum256(text[:])
}

func floorScan(r *http.Request) string {
	lines := r.Header["Cookie"]
	if len(lines) == 0 {
		return ""
	}
	line := lines[0]
	for len(line) > len(floorCookie) {
		if line[:len(floorCookie)] == floorCookie && line[len(floorCookie)] == '=' {
			value := line[len(floorCookie)+1:]
			for i := range len(value) {
				if value[i] == ';' {
					return value[:i]
				}
			}
			return value
		}
		i := 0
		for i < len(line) && line[i] != ';' {
			i++
		}
		for i < len(line) && (line[i] == ';' || line[i] == ' ') {
			i++
		}
		line = line[i:]
	}
	return ""
}

func (f *floor) logIn(w http.ResponseWriter, _ *http.Request, userID string) error {
	var b [32]byte
	rand.Read(b[:])
	token := base64.RawURLEncoding.EncodeToString(b[:])
	id := floorID(token)
	sh := &f.shards[id[0]%64]
	sh.mu.Lock()
	sh.sessions[id] = floorSession{userID, time.Now().Add(time.Hour).UnixMilli()}
	sh.mu.Unlock()
	w.Header()["Set-Cookie"] = []string{floorCookie + "=" + token + "; Path=/; Secure; HttpOnly; SameSite=Lax"}
	return nil
}

func (f *floor) logOut(w http.ResponseWriter, r *http.Request) error {
	token := floorScan(r)
	if f.find(token) == nil {
		return errors.New("bench: nobody is logged in")
	}
	id := floorID(token)
	sh := &f.shards[id[0]%64]
	sh.mu.Lock()
	delete(sh.sessions, id)
	sh.mu.Unlock()
	w.Header()["Set-Cookie"] = []string{floorCookie + "=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"}
	return nil
}
