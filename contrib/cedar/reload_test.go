package cedarauthz_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	cedarauthz "github.com/gatehouse-go/gatehouse/contrib/cedar"
)

const (
	guarded = `permit (principal, action in Action::"posts:*", resource);

// The lawyers say so.
@id("embargo")
forbid (principal, action == Action::"posts:edit", resource);

// end of policy
`
	unguarded = `permit (principal, action in Action::"posts:*", resource);

// end of policy
`
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace is how a file ought to be written.
func replace(t *testing.T, name, text string) {
	t.Helper()
	write(t, name+".new", text)
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

func TestReload(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "site.cedar")
	write(t, name, guarded)
	var log bytes.Buffer
	a, err := cedarauthz.Open(os.DirFS(dir), &cedarauthz.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	edit, read := by("ada", "posts:edit", "post/17"), by("ada", "posts:read", "post/17")
	half := guarded[:strings.Index(guarded, "// The lawyers")]
	for _, test := range []struct {
		name, text string
		bad        bool
		edit       string
	}{
		{"the same", guarded, false, "no"},
		{"without the forbid, and whole Cedar", half, true, "no"},
		{"in the middle of a policy", guarded[:len(guarded)/2], true, "no"},
		{"empty", "", true, "no"},
		{"comments", "// end of policy\n", true, "no"},
		{"no Cedar", "permit everything\n// end of policy\n", true, "no"},
		{"an ID twice", guarded + guarded, true, "no"},
		{"another", unguarded, false, "yes"},
		{"broken again", "permit\n// end of policy\n", true, "yes"},
		{"the first", guarded, false, "no"},
	} {
		write(t, name, test.text)
		log.Reset()
		err := a.Reload(t.Context())
		if (err != nil) != test.bad || (a.Err() != nil) != test.bad {
			t.Errorf("%s: Reload: %v, Err: %v", test.name, err, a.Err())
		}
		if test.bad && !strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("%s: the log says nothing: %s", test.name, &log)
		}
		check(t, a, edit, test.edit)
		check(t, a, read, "yes")
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(t.Context()); err == nil {
		t.Error("the file is gone: no error")
	}
	check(t, a, edit, "no")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Run(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
}

// While decisions are made, the policies of the site are replaced, half written and
// broken: nobody may do for a moment what no version allows, or not do what all allow.
func TestReloadUnderLoad(t *testing.T) {
	whole, err := os.ReadFile("testdata/policy/site.cedar")
	if err != nil {
		t.Fatal(err)
	}
	const mark = "// end of policy\n"
	version := func(n string) string {
		return strings.Replace(string(whole), mark, `@id("embargo")
forbid (principal == User::"eve", action, resource);

@id("version")
permit (principal == User::"`+n+`", action == Action::"version", resource);

`+mark, 1)
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "site.cedar")
	write(t, name, version("0"))
	a, err := cedarauthz.Open(os.DirFS(dir), &cedarauthz.Options{
		Roles: roles{"alma": {"admin", "editor", "viewer"}, "eve": {"admin", "editor", "viewer"}, "vera": {"viewer"}}.of,
		Every: time.Millisecond, Logger: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { _ = a.Run(ctx) })
	post := auth.Object{Type: "post", ID: "17", Owner: "owen"}
	var decisions atomic.Int64
	for range 4 {
		running.Go(func() {
			for ctx.Err() == nil {
				for _, q := range []struct{ user, action, want string }{
					{"alma", "admin:view", "yes"}, {"alma", "posts:edit", "yes"}, {"vera", "posts:read", "yes"}, {"owen", "posts:delete", "yes"},
					{"eve", "admin:view", "no"}, {"eve", "posts:edit", "no"}, {"vera", "posts:edit", "no"}, {"", "posts:list", "no"},
				} {
					err := a.Authorize(context.WithoutCancel(ctx), by(q.user, q.action, post))
					if got := answer(err); got != q.want {
						t.Errorf("%s %s: %s, want %s (%v)", q.user, q.action, got, q.want, err)
						return
					}
					decisions.Add(1)
				}
			}
		})
	}
	in := func(when, n string, ok bool) {
		t.Helper()
		if err := a.Reload(t.Context()); (err == nil) != ok {
			t.Errorf("%s: Reload: %v", when, err)
		}
		check(t, a, by(n, "version", nil), "yes")
	}
	replace(t, name, version("1"))
	in("replaced", "1", true)
	next := version("2")
	for i := range next { // a writer that stops behind every policy
		if strings.HasPrefix(next[i:], "\n\n") {
			write(t, name, next[:i])
			in(fmt.Sprintf("the first %d bytes", i), "1", false)
		}
	}
	write(t, name, next[:len(next)/2])
	in("half", "1", false)
	write(t, name, next)
	in("written", "2", true)
	write(t, name, version("3")+"permit (everybody);\n"+mark)
	in("broken", "2", false)
	write(t, name, "")
	in("empty", "2", false)
	replace(t, name, version("3"))
	in("replaced again", "3", true)
	stop()
	running.Wait()
	if decisions.Load() < 1000 {
		t.Errorf("only %d decisions", decisions.Load())
	}
}
