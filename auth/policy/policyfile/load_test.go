package policyfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/policy/policyfile"
)

// rules are a policy that allows everybody but whom its last line forbids: without
// that, it is valid and wrong.
type rules struct {
	version   int
	forbidden string
}

func compileRules(files map[string][]byte) (*rules, error) {
	r := &rules{version: -1}
	for line := range bytes.Lines(files["rules.txt"]) {
		verb, what, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		switch verb {
		case "version":
			n, err := strconv.Atoi(what)
			if err != nil {
				return nil, err
			}
			r.version = n
		case "forbid":
			r.forbidden = what
		case "", "#":
		default:
			return nil, errSyntax
		}
	}
	return r, nil
}

// lookingFS counts how often it was looked at.
type lookingFS struct {
	fs.FS
	looks atomic.Int64
}

func (l *lookingFS) Open(name string) (fs.File, error) {
	if name == "." {
		l.looks.Add(1)
	}
	return l.FS.Open(name)
}

// While decisions are made, the policy is replaced, half-written, broken and restored.
// Nobody who is forbidden is ever allowed, there is always a policy, versions never go
// back, and the last one is in use in the end.
func TestUnderLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rules.txt")
	content := func(version int) string {
		return fmt.Sprintf("version %d\n%s\nforbid eve\n# end of policy\n", version, strings.Repeat("# why\n", 1000))
	}
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o644); err != nil {
			t.Error(err)
		}
	}
	rename := func(s string) {
		beside := filepath.Join(dir, ".rules.new")
		if err := errors.Join(os.WriteFile(beside, []byte(s), 0o644), os.Rename(beside, path)); err != nil {
			t.Error(err)
		}
	}
	write(content(0))
	looking := &lookingFS{FS: os.DirFS(dir)}
	s, err := policyfile.Open(looking, []string{"*.txt"}, compileRules, &policyfile.Options{
		Every: time.Millisecond, Settle: time.Microsecond, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { _ = s.Run(ctx) })
	all.Go(func() { // somebody who is impatient
		for ctx.Err() == nil {
			_ = s.Reload(ctx)
		}
	})
	var decisions atomic.Int64
	for range 2 {
		all.Go(func() {
			last := 0
			for ctx.Err() == nil {
				p := s.Policy()
				if p == nil || p.version < 0 {
					t.Error("there is no policy")
					return
				}
				if p.forbidden != "eve" {
					t.Errorf("version %d allows eve", p.version)
					return
				}
				if p.version < last {
					t.Errorf("version %d after %d", p.version, last)
					return
				}
				last = p.version
				if _ = s.Err(); decisions.Add(1)%100 == 0 {
					time.Sleep(10 * time.Microsecond) // the machine has other things to do
				}
			}
		})
	}
	looked := func(n int64) { // waits until that many looks have begun and ended
		for until := looking.looks.Load() + n + 1; looking.looks.Load() < until; {
			time.Sleep(100 * time.Microsecond)
		}
	}
	const last = 15
	for v := 1; v <= last; v++ {
		whole := content(v)
		rename(whole)
		looked(3)
		if got := s.Policy().version; got != v {
			t.Errorf("after three looks version %d is in use, not %d", got, v)
		}
		half := content(v + 100)
		for _, n := range []int{0, len("version 1"), len("version 100\n# wh"), len(half) - len("forbid eve\n# end of policy\n"), len(half) - len("policy\n")} {
			write(half[:n])
			looked(4) // a writer that pauses
			if got := s.Policy().version; got != v {
				t.Errorf("with %d bytes of another, version %d is in use, not %d", n, got, v)
			}
		}
		write("version one\n# end of policy\n")
		looked(4)
		if s.Err() == nil {
			t.Error("nothing is said of what is broken")
		}
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
		looked(3)
		write(whole)
		looked(4)
		if err := s.Err(); err != nil {
			t.Errorf("restored: %v", err)
		}
	}
	cancel()
	all.Wait()
	if got := s.Policy().version; got != last || decisions.Load() < 1000 {
		t.Errorf("version %d is in use after %d decisions", got, decisions.Load())
	}
}

func BenchmarkPolicy(b *testing.B) {
	s, err := policyfile.Open(newDisk("a.txt", "1"), []string{"*.txt"}, text, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if s.Policy() == "" {
			b.Fatal("none")
		}
	}
}

func BenchmarkLook(b *testing.B) {
	dir := b.TempDir()
	for i := range 10 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".txt")), bytes.Repeat([]byte("allow\n"), 2000), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	s, err := policyfile.Open(os.DirFS(dir), []string{"*.txt"}, text, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Reload(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
