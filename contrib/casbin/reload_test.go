package casbinauthz_test

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
	casbinauthz "github.com/gatehouse-go/gatehouse/contrib/casbin"
)

// TestHalfWritten: no beginning of the site's files is a policy.
func TestHalfWritten(t *testing.T) {
	files := map[string]string{}
	for _, name := range []string{"model.conf", "policy.csv"} {
		b, err := os.ReadFile(filepath.Join("testdata/policy", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(b)
	}
	for name, whole := range files {
		for n := range len(strings.TrimSpace(whole)) {
			files[name] = whole[:n]
			if _, err := open(t, files, casbinauthz.Options{EndMark: true}); err == nil {
				t.Errorf("the first %d bytes of %s were taken for all of it", n, name)
			}
		}
		files[name] = whole
	}
	if _, err := open(t, files, casbinauthz.Options{EndMark: true}); err != nil {
		t.Error(err)
	}
}

// dir is a folder with a policy.
type dir string

func newDir(t *testing.T) dir {
	t.Helper()
	d := dir(t.TempDir())
	for _, name := range []string{"model.conf", "policy.csv"} {
		b, err := os.ReadFile(filepath.Join("testdata/policy", name))
		if err != nil {
			t.Fatal(err)
		}
		d.write(t, name, string(b))
	}
	return d
}

// write writes into the file, as an editor may that is not careful.
func (d dir) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(string(d), name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace replaces the file at once.
func (d dir) replace(t *testing.T, name, text string) {
	t.Helper()
	d.write(t, "new", text)
	if err := os.Rename(filepath.Join(string(d), "new"), filepath.Join(string(d), name)); err != nil {
		t.Fatal(err)
	}
}

func (d dir) read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(string(d), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestReload: what is good is taken, and what is not is said, and changes nothing.
func TestReload(t *testing.T) {
	d := newDir(t)
	var log bytes.Buffer
	a, err := casbinauthz.Open(os.DirFS(string(d)), &casbinauthz.Options{Roles: roles, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	may := func() bool { return a.Authorize(t.Context(), ask("vi", "posts:read", olgas)) == nil }
	whole := d.read(t, "policy.csv")
	for _, test := range []struct{ name, file, text, want string }{
		{"broken rule", "policy.csv", strings.Replace(whole, "role:viewer, posts:read", "viewer, posts:read", 1), "policy.csv:10"},
		{"half", "policy.csv", whole[:len(whole)/2], "end of policy"},
		{"without the last rules", "policy.csv", whole[:strings.Index(whole, "# The site.")], "end of policy"},
		{"empty", "policy.csv", "", "empty"},
		{"no rule", "policy.csv", "# end of policy\n", "empty"},
		{"broken model", "model.conf", strings.Replace(d.read(t, "model.conf"), "subjectMatch", "subjectMatches", 1), "model.conf"},
		{"half of the matcher", "model.conf", strings.Replace(d.read(t, "model.conf"), " && subjectMatch(r.sub, r.obj, p.sub)\n# end of policy\n", "", 1), "end of policy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			good := d.read(t, test.file)
			log.Reset()
			d.write(t, test.file, test.text)
			err := a.Reload(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q in it", err, test.want)
			}
			if a.Err() == nil || !strings.Contains(log.String(), "level=ERROR") {
				t.Errorf("Err is %v, logged %q", a.Err(), log.String())
			}
			if !may() || a.Authorize(t.Context(), ask("", "posts:list", nil)) == nil || a.Authorize(t.Context(), ask("vi", "admin:view", nil)) == nil {
				t.Error("the old policy does not decide any more")
			}
			d.write(t, test.file, good)
			if err := a.Reload(t.Context()); err != nil || a.Err() != nil {
				t.Error(err)
			}
		})
	}
	d.replace(t, "policy.csv", strings.Replace(whole, "p, role:viewer, posts:read\n", "", 1))
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if may() {
		t.Error("the new policy was not taken")
	}
}

// TestReloadUnderLoad: files are replaced, half-written and broken while decisions
// are made. What both policies allow is always allowed, and what both deny never is.
func TestReloadUnderLoad(t *testing.T) {
	d := newDir(t)
	one := d.read(t, "policy.csv")
	two := strings.Replace(one, "p, role:admin, admin:view\n", "p, role:admin, admin:view\np, role:editor, admin:view\n", 1)
	a, err := casbinauthz.Open(os.DirFS(string(d)), &casbinauthz.Options{Roles: roles, Every: 5 * time.Millisecond, Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var asked, changed atomic.Int64
	wg.Go(func() { _ = a.Run(ctx) })
	for range 4 {
		wg.Go(func() {
			var last error
			for ctx.Err() == nil {
				for _, q := range []struct {
					who, action string
					object      any
					want        bool
				}{
					{"olga", "posts:edit", olgas, true}, {"ada", "posts:delete", acmes, true}, {"vi", "posts:read", none, true}, {"ada", "admin:view", nil, true},
					{"olga", "posts:edit", acmes, false}, {"vi", "posts:delete", olgas, false}, {"", "posts:read", none, false}, {"vi", "admin:view", nil, false},
				} {
					err := a.Authorize(t.Context(), ask(q.who, q.action, q.object))
					if (err == nil) != q.want || err != nil && !errors.Is(err, auth.ErrForbidden) {
						t.Errorf("%s %s: %v, want yes: %v", q.who, q.action, err, q.want)
						return
					}
					asked.Add(1)
				}
				err := a.Authorize(t.Context(), ask("ed", "admin:view", nil))
				if (err == nil) != (last == nil) {
					changed.Add(1)
				}
				last = err
			}
		})
	}
	refused := func() {
		if err := a.Reload(ctx); err == nil {
			t.Error("what is broken was taken")
		}
	}
	for i := range 6 {
		d.replace(t, "policy.csv", []string{two, one}[i%2])
		if err := a.Reload(ctx); err != nil {
			t.Error(err)
		}
		if may := a.Authorize(ctx, ask("ed", "admin:view", nil)) == nil; may != (i%2 == 0) {
			t.Errorf("version %d is not in use", i)
		}
		d.write(t, "policy.csv", one[:len(one)*(i+1)/7]) // half-written
		refused()
		d.write(t, "policy.csv", strings.ReplaceAll(one, "p, role:admin", "p, admin")) // broken
		refused()
		d.write(t, "model.conf", d.read(t, "model.conf")) // is empty for a moment
	}
	cancel()
	wg.Wait()
	if asked.Load() == 0 || changed.Load() == 0 {
		t.Errorf("%d questions, %d changes seen", asked.Load(), changed.Load())
	}
	t.Logf("%d questions, %d changes seen", asked.Load(), changed.Load())
}

// TestRun: it ends with its context, and has taken what was new by then.
func TestRun(t *testing.T) {
	d := newDir(t)
	a, err := casbinauthz.Open(os.DirFS(string(d)), &casbinauthz.Options{Roles: roles, Every: time.Millisecond, Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	d.replace(t, "policy.csv", strings.Replace(d.read(t, "policy.csv"), "p, users, posts:list\n", "", 1))
	for began := time.Now(); a.Authorize(t.Context(), ask("vi", "posts:list", nil)) == nil; time.Sleep(time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatal("the new policy is not taken")
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
