package opaauthz_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/opa"
)

// While decisions are made, the policy of the site is replaced, half-written, broken
// and emptied: what every version allows is always allowed, and what none allows
// never. What a new version allows is allowed once it is taken.
func TestReloadUnderLoad(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "site.rego")
	site := siteRego(t)
	more := strings.Replace(site, `"editor": {"posts:read", "posts:edit"}`, `"editor": {"posts:read", "posts:edit", "posts:pin"}`, 1)
	if more == site {
		t.Fatal("the policy of the site is another")
	}
	inPlace := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	renamed := func(text string) {
		t.Helper()
		beside := filepath.Join(dir, ".site.rego~")
		if err := errors.Join(os.WriteFile(beside, []byte(text), 0o600), os.Rename(beside, file)); err != nil {
			t.Fatal(err)
		}
	}
	inPlace(site)
	var log safeBuffer
	a, err := opaauthz.Open(os.DirFS(dir), &opaauthz.Options{Roles: rolesOf("editor"), Every: 2 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(action string) error {
		return a.Authorize(t.Context(), auth.Access{Identity: loggedIn("ada"), Action: action, Object: post("17", "acme", "bob"), At: t0})
	}
	pin := func(want bool) {
		t.Helper()
		if err := ask("posts:pin"); want != (err == nil) || err != nil && !errors.Is(err, auth.ErrForbidden) {
			t.Errorf("posts:pin: %v, want %v", err, want)
		}
	}

	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var asked atomic.Int64
	for range 4 {
		load.Go(func() {
			for ctx.Err() == nil {
				asked.Add(1)
				if err := ask("posts:edit"); err != nil {
					t.Error("a gap:", err)
					return
				}
				if err := ask("posts:delete"); !errors.Is(err, auth.ErrForbidden) {
					t.Error("a wrong answer:", err)
					return
				}
			}
		})
	}
	load.Go(func() { _ = a.Run(ctx) })
	defer load.Wait()
	defer stop()

	good := func(put func(string), text string, pinned bool) {
		t.Helper()
		put(text)
		if err := errors.Join(a.Reload(t.Context()), a.Err()); err != nil {
			t.Errorf("a good version: %v", err)
		}
		pin(pinned)
	}
	bad := func(put func(string), text, says string, pinned bool) {
		t.Helper()
		put(text)
		if err := a.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), says) || a.Err() == nil {
			t.Errorf("a bad version: %v, %v, want %q", err, a.Err(), says)
		}
		pin(pinned)
	}
	pin(false)
	good(renamed, more, true)
	good(inPlace, site, false)
	half := strings.Replace(more, "default allow := false", "default allow := true", 1) // what it allows, it would if it were taken
	for _, end := range []int{len(half) / 4, strings.Index(half, "input.action in permissions"), len(half) - len("# end of policy\n"), len(half) - len("cy\n")} {
		bad(inPlace, half[:end], "half-written", false)
	}
	good(inPlace, more, true)
	bad(renamed, "", "empty", true)
	bad(inPlace, strings.Replace(half, "allow if {", "allow if ", 1), "site.rego:", true)
	bad(renamed, strings.Replace(half, "package gatehouse", "package gateway", 1), "no rule data.gatehouse.allow", true)
	bad(renamed, strings.Replace(half, "input.user.roles", "input.user.role", 1), "input.user.role", true)
	bad(renamed, half+"# not the end\n", "half-written", true)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(t.Context()); err == nil {
		t.Error("the file is gone, and that is no error")
	}
	pin(true)
	good(renamed, site, false)
	stop()
	load.Wait()
	if asked.Load() < 100 {
		t.Errorf("only %d decisions meanwhile", asked.Load())
	}
	if s := log.String(); strings.Count(s, "level=ERROR") < 5 || strings.Count(s, "level=INFO") < 3 {
		t.Errorf("the log says\n%s", s)
	}
}

// Data is reloaded with the rules.
func TestReloadData(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("p.rego", "package gatehouse\nallow if input.user.id in data.staff\n# end of policy\n")
	write("staff.json", `{"staff": ["ada"]}`)
	a, err := opaauthz.Open(os.DirFS(dir), &opaauthz.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	may := func(id string, want bool) {
		t.Helper()
		if err := a.Authorize(t.Context(), auth.Access{Identity: loggedIn(id), Action: "a"}); want != (err == nil) {
			t.Errorf("%s: %v", id, err)
		}
	}
	may("ada", true)
	may("bob", false)
	write("staff.json", `{"staff": ["bob"]`)
	if err := a.Reload(t.Context()); err == nil {
		t.Error("half of the data was taken")
	}
	may("ada", true)
	write("staff.json", `{"staff": ["bob"]}`)
	if err := a.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	may("ada", false)
	may("bob", true)
}

// A safeBuffer is written by many at once.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
