package backends_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/internal/backends"
)

// The disk of SQLite is full: who is logged in stays so, nobody is told that anything
// was written that was not, and when there is room again all goes on.
func TestDiskFull(t *testing.T) {
	const flood = "flood"
	ticket := func(s *site, i int) auth.Ticket {
		return auth.Ticket{Purpose: flood, Key: fmt.Sprint(flood, i), Data: make([]byte, 60_000), CreatedAt: s.m.Now(), ExpiresAt: s.m.Now().Add(time.Minute)}
	}

	t.Run("max_page_count", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "test.db")
		p := newPlace(backends.At(t, "file:"+file+"?_pragma=synchronous(off)&_pragma=max_page_count(500)"), "full")
		s := p.open(t)
		n := 0
		diskFull(t, p, s, func() {
			// Until not even a little has room.
			for ; ; n++ {
				if err := s.m.Store().PutTicket(t.Context(), ticket(s, n)); err != nil {
					break
				}
				if n > 1000 {
					t.Fatal("the disk is not full")
				}
			}
			for ; ; n++ {
				small := ticket(s, n)
				small.Data = nil
				if err := s.m.Store().PutTicket(t.Context(), small); err != nil {
					break
				}
			}
		}, func() {
			p.clock.Advance(2 * time.Minute)
			s.sweep() // what operators do, and Run
		})
	})

	t.Run("file system", func(t *testing.T) {
		dir := t.TempDir()
		if err := mountSmall(t, dir, "4m"); err != nil {
			t.Skipf("needs to mount a small file system: %v", err)
		}
		p := newPlace(backends.At(t, "file:"+filepath.Join(dir, "test.db")), "full")
		s := p.open(t)
		ballast := filepath.Join(dir, "ballast")
		diskFull(t, p, s, func() {
			f, err := os.Create(ballast)
			s.must(err)
			defer f.Close()
			for _, size := range []int{64 << 10, 4 << 10, 1} {
				for {
					if _, err := f.Write(make([]byte, size)); err != nil {
						break
					}
				}
			}
			// What the file of the log has left.
			for i := 0; ; i++ {
				if err := s.m.Store().PutTicket(t.Context(), ticket(s, i)); err != nil {
					break
				}
				if i > 1000 {
					t.Fatal("the disk is not full")
				}
			}
		}, func() { s.must(os.Remove(ballast)) })
	})
}

func diskFull(t *testing.T, p place, s *site, fill, free func()) {
	id := s.register(email)
	b, leaving := s.browser().mustLogInRemembered(email), s.browser().mustLogIn(email)
	fill()

	p.clock.Advance(2 * time.Minute) // that it was used can perhaps not be written down
	if who := b.tab().who(); who != id {
		t.Errorf("who is logged in is %q", who)
	}
	failed := 0
	var in []*browser
	for i := range 100 {
		n := s.browser()
		switch r := n.logInRemembered(email, good); r.status {
		case http.StatusOK: // it had room
			in = append(in, n)
		case http.StatusServiceUnavailable:
			failed++
			if len(r.header["Set-Cookie"]) != 0 {
				t.Errorf("503 with cookies %q", r.header["Set-Cookie"])
			}
		default:
			t.Errorf("logging in: %d %s", r.status, r.text)
		}
		if r := s.browser().post("/auth/register", "email", address(i), "password", good); r.status != http.StatusServiceUnavailable && r.status != http.StatusCreated {
			t.Errorf("registering: %d %s", r.status, r.text)
		}
		if failed > 3 {
			break
		}
	}
	if failed == 0 {
		t.Fatal("the disk is not full")
	}
	out := leaving.tab().post("/auth/logout").status == http.StatusOK

	free()
	recoversAs(t, s, email)
	for _, n := range in {
		if n.who() != id {
			t.Error("who was told that they are logged in is not")
		}
	}
	if b.who() != id {
		t.Error("who was logged in is not")
	}
	if out {
		isNobody(t, "told that they are logged out", leaving)
	} else if r := leaving.tab().post("/auth/logout"); r.status != http.StatusOK {
		t.Errorf("logging out again: %d", r.status)
	}
	isNobody(t, "logged out", leaving)
	s.register("later@example.com")
}
