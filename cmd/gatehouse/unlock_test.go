package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// lockedAfter is how many guesses there are, for the tests to be quick: by default a hundred.
const lockedAfter = 12

// A guesser guesses at a user's password, from another address each time, an hour after
// the guess before.
type guesser struct {
	s     *hostSite
	clock *authtest.Clock
	n     int
}

// guesser returns one of a site that keeps its counters where the tool is told that the
// sessions are, or in the database.
func (g *tool) guesser(inDatabase bool) *guesser {
	clock := authtest.NewClock(time.Now())
	return &guesser{clock: clock, s: g.site("", func(_ *hostSite, o *auth.Options, p *auth.Parts) {
		o.Now, o.Limits.Cap = clock.Now, lockedAfter
		if inDatabase {
			p.Limiter = nil
		}
	})}
}

// allowed guesses once, and reports whether it was let.
func (u *guesser) allowed(userID string) bool {
	u.s.t.Helper()
	u.n++
	u.clock.Advance(time.Hour)
	r := httptest.NewRequest("POST", "/", nil)
	r.RemoteAddr = fmt.Sprintf("198.51.%d.%d:99", u.n/250, u.n%250)
	_, err := u.s.Attempt(r, "password", "user:"+userID, userID)
	var p *auth.Problem
	if err != nil && (!errors.As(err, &p) || p.Status != http.StatusTooManyRequests) {
		u.s.t.Fatal(err)
	}
	return err == nil
}

// lock guesses until there are no more guesses.
func (u *guesser) lock(userID string) {
	u.s.t.Helper()
	for range lockedAfter {
		if !u.allowed(userID) {
			u.s.t.Fatalf("guess %d was refused", u.n)
		}
	}
	if u.allowed(userID) {
		u.s.t.Fatal("the account is not locked")
	}
}

// TestSetPasswordUnlocks locks an account by wrong guesses, wherever the site
// counts them: another password opens it.
func TestSetPasswordUnlocks(t *testing.T) { onEach(t, testSetPasswordUnlocks) }

func testSetPasswordUnlocks(t *testing.T, g *tool) {
	sites := map[string]bool{"in the database": true}
	if g.env["GATEHOUSE_SESSIONS"] != "" {
		sites["beside the sessions"] = false
	}
	for name, inDatabase := range sites {
		t.Run(name, func(t *testing.T) {
			g := *g
			g.t = t
			u := g.guesser(inDatabase)
			p := g.create(fmt.Sprintf("ada%v@example.com", inDatabase))
			u.lock(p.ID)
			g.ok(better, "user", "set-password", p.ID, "--password-stdin")
			if !u.allowed(p.ID) {
				t.Error("the account is locked still")
			}
		})
	}
}

// TestUnlockFails has counters that cannot be forgotten, while all else can be done.
func TestUnlockFails(t *testing.T) {
	const say = "the password is set, but"
	t.Run("in the database", func(t *testing.T) {
		g := migrated(t)
		p := g.create("ada@example.com")
		g.guesser(true).lock(p.ID)
		db, err := open.DB(g.env["GATEHOUSE_DB"])
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec("CREATE TRIGGER kept BEFORE DELETE ON gatehouse_counters BEGIN SELECT RAISE(ABORT, 'kept'); END"); err != nil {
			t.Fatal(err)
		}
		g.fails(exitFailed, say, better, "user", "set-password", p.ID, "--password-stdin")
	})
	t.Run("beside the sessions", func(t *testing.T) {
		server, err := url.Parse(os.Getenv("GATEHOUSE_TEST_REDIS"))
		if err != nil || server.Host == "" {
			t.Skip("server: set GATEHOUSE_TEST_REDIS")
		}
		g := migrated(t)
		p := g.create("ada@example.com")
		u := g.guesser(true)
		u.lock(p.ID)
		server.Host = cutOff(t, server.Host, "gone:c:")
		g.flags = []string{"--sessions=" + server.String(), "--sessions-prefix=gone"}
		g.fails(exitFailed, say, better, "user", "set-password", p.ID, "--password-stdin")
		if !u.allowed(p.ID) {
			t.Error("what one place cannot forget, the other has not forgotten either")
		}
	})
}

// cutOff returns the address of a proxy to addr which breaks a connection where it is
// asked about what is named so.
func cutOff(t *testing.T, addr, name string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				server, err := net.Dial("tcp", addr)
				if err != nil {
					return
				}
				defer server.Close()
				go io.Copy(client, server)
				for b := make([]byte, 1<<16); ; {
					n, err := client.Read(b) // a command is written at once, and is small
					if err != nil || bytes.Contains(b[:n], []byte(name)) {
						return
					}
					if _, err := server.Write(b[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}
