package customstore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

func TestStore(t *testing.T) {
	authtest.TestStore(t, openStore)
}

// openStore opens an empty store. What a test writes need not survive the machine.
func openStore(t *testing.T) auth.Store {
	db, err := bolt.Open(filepath.Join(t.TempDir(), "store.db"), 0o600, &bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newStore(db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// The suite tests the abilities that it finds; these are to be found.
func TestAbilities(t *testing.T) {
	s := openStore(t)
	if _, ok := auth.As[auth.Sweeper](s); !ok {
		t.Error("it cannot be swept")
	}
}

// bbolt knows no contexts. One that has ended is not let wait for those who write, and one that ends while it waits
// changes nothing.
func TestContextAndLock(t *testing.T) {
	s := openStore(t).(store)
	writes, err := s.db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.CreateSession(ended, session(1, 1)); !errors.Is(err, context.Canceled) { // or it waits for ever
		t.Errorf("with a context that has ended: %v", err)
	}
	ends := &endsLater{Context: t.Context(), looked: make(chan struct{}), end: make(chan struct{})}
	done := make(chan error)
	go func() { done <- s.CreateSession(ends, session(1, 2)) }()
	<-ends.looked
	close(ends.end)
	if err := writes.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that ended while it waited: %v", err)
	}
	if _, err := s.LoadSession(t.Context(), session(1, 2).ID); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("what was refused: %v", err)
	}
}

// endsLater is a context that says that it has been looked at, and then waits until it may end.
type endsLater struct {
	context.Context
	looked, end chan struct{}
	n           atomic.Int64
}

func (c *endsLater) Err() error {
	if c.n.Add(1) == 1 {
		close(c.looked)
		return nil
	}
	<-c.end
	return context.Canceled
}

// TestShort: it is said that a store is short, and that all of it is here.
func TestShort(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(source, []byte("\"github.com/gatehouse-go/gatehouse/"+"examples/")) {
			t.Errorf("%s has a part of the store from another folder", file)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		lines += bytes.Count(source, []byte("\n"))
	}
	if lines == 0 || lines >= 250 {
		t.Errorf("the store has %d lines, and less than 250 were promised", lines)
	}
}

// childEnv makes the test binary a program that writes to the file it names, and says what it has written, until it is killed.
const childEnv = "CUSTOM_STORE_CHILD"

func TestMain(m *testing.M) {
	if file := os.Getenv(childEnv); file != "" {
		fmt.Fprintln(os.Stderr, child(file))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func child(file string) error {
	db, err := open(file)
	if err != nil {
		return err
	}
	s, err := newStore(db)
	if err != nil {
		return err
	}
	ctx, now := context.Background(), time.Now()
	for i := 0; ; i++ {
		v := session(os.Getpid(), i)
		v.CreatedAt, v.ExpiresAt = now, now.Add(time.Hour)
		if err := s.CreateSession(ctx, v); err != nil {
			return err
		}
		v.Version = 1
		if err := s.UpdateSession(ctx, v); err != nil {
			return err
		}
		if i%2 == 1 {
			if err := s.DeleteSession(ctx, v.ID); err != nil {
				return err
			}
		}
		fmt.Println(os.Getpid(), i)
	}
}

func session(pid, i int) *auth.Session {
	v := &auth.Session{UserID: fmt.Sprint(pid), ID: auth.SessionID{31: 1}}
	copy(v.ID[:], fmt.Sprintf("%d-%d", pid, i))
	return v
}

// TestCrash kills a program that writes, and opens its file again, several times.
// Nothing that was acknowledged is lost, nobody who was logged out comes back,
// and the indexes have what the records have.
func TestCrash(t *testing.T) {
	file := filepath.Join(t.TempDir(), "store.db")
	type written struct{ pid, n int }
	var all []written
	for life := range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+file)
		var log bytes.Buffer
		cmd.Stderr = &log
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w := written{}
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if _, err := fmt.Sscan(lines.Text(), &w.pid, &w.n); err != nil {
				t.Errorf("%q: %v", lines.Text(), err)
			}
			if w.n >= 20+7*life {
				_ = cmd.Process.Kill() // with what it is writing half written; what it says until it is dead counts
			}
		}
		_ = cmd.Wait() // it was killed
		if w.n == 0 {
			t.Fatalf("life %d: it wrote nothing: %s", life, log.String())
		}
		all = append(all, w)
	}

	db, err := open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, err := newStore(db)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range all {
		list, err := s.UserSessions(t.Context(), fmt.Sprint(w.pid))
		if err != nil {
			t.Fatal(err)
		}
		listed := map[auth.SessionID]bool{}
		for _, v := range list {
			listed[v.ID] = true
		}
		for i := range w.n + 1 {
			v, err := s.LoadSession(t.Context(), session(w.pid, i).ID)
			switch out := i%2 == 1; {
			case out && !errors.Is(err, auth.ErrNotFound):
				t.Errorf("session %d, which was deleted: %v", i, err)
			case !out && err != nil:
				t.Errorf("session %d: %v", i, err)
			case !out && v.Version != 2:
				t.Errorf("session %d: Version %d, want 2", i, v.Version)
			case listed[session(w.pid, i).ID] == out:
				t.Errorf("session %d is listed: %v", i, !out)
			}
		}
	}
}
