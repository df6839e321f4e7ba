package rbac_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	beside := filepath.Join(dir, name+".new")
	if err := errors.Join(os.WriteFile(beside, []byte(text), 0o600), os.Rename(beside, filepath.Join(dir, name))); err != nil {
		t.Fatal(err)
	}
}

const (
	editors = "roles:\n  editor:\n    permissions: [posts:edit]\n"
	idle    = "roles:\n  editor:\n    permissions: [posts:look]\n"
	adaIs   = "grants:\n  - {user: ada, role: editor}\n"
	end     = "# end of policy\n"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "roles.yaml", editors+adaIs+end)
	log := &journal{}
	a, err := rbac.Open(os.DirFS(dir), &rbac.Options{Logger: log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	reload := func(text, want, wrong string) {
		t.Helper()
		write(t, dir, "roles.yaml", text)
		err := a.Reload(t.Context())
		if (err != nil) != (wrong != "") || err != nil && !strings.Contains(err.Error(), wrong) {
			t.Errorf("Reload: %v, want %q", err, wrong)
		}
		if got := edits(t, a, "ada"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := edits(t, a, "ada"); got != "yes" {
		t.Fatal(got)
	}
	reload(idle+adaIs+end, "no", "")
	reload(editors+end, "no", "")
	reload(editors+adaIs+end, "yes", "")
	reload("roles:\n  editor: {}\n  ed", "yes", "roles.yaml") // half of it
	reload("roles:\n  editor: {inherits: [editor]}\n"+end, "yes", "inherits itself")
	reload(idle+"grants:\n  - {user: ada, role: edtior}\n"+end, "yes", `"edtior", which is not defined`)
	reload(idle+adaIs+end, "no", "")
}

// Grants from elsewhere, in memory and not.
func TestOpenWithGrants(t *testing.T) {
	for name, wrap := range map[string]func(*rbac.Memory) rbac.GrantSource{
		"memory": func(m *rbac.Memory) rbac.GrantSource { return m },
		"far":    func(m *rbac.Memory) rbac.GrantSource { return struct{ rbac.GrantSource }{m} },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "roles.yaml", editors+end)
			grants := newMemory(t)
			a, err := rbac.Open(os.DirFS(dir), &rbac.Options{Grants: wrap(grants), Logger: (&journal{}).logger()})
			if err != nil {
				t.Fatal(err)
			}
			want := func(want string) {
				t.Helper()
				if got := edits(t, a, "ada"); got != want {
					t.Errorf("%s, want %s", got, want)
				}
			}
			want("no")
			grant(t, grants, rbac.Grant{UserID: "ada", Role: "editor"})
			want("yes")
			write(t, dir, "roles.yaml", idle+end)
			if err := a.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			want("no")
			write(t, dir, "roles.yaml", editors+adaIs+end)
			if err := a.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "choose one") {
				t.Errorf("grants in both: %v", err)
			}
			want("no")
			write(t, dir, "roles.yaml", editors+end)
			if err := a.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			want("yes")
			revoke(t, grants, rbac.Grant{UserID: "ada", Role: "editor"})
			want("no")
		})
	}
}

func TestOpenSaysAll(t *testing.T) {
	files := fstest.MapFS{
		"a.yaml": {Data: []byte("roles:\n  a: {permissions: [posts:raed], inherits: [b]}\n")},
		"b.yaml": {Data: []byte("roles:\n  b: {inherits: [a]}\ngrants:\n  - {user: ada, role: c}\n")},
	}
	_, err := rbac.Open(files, &rbac.Options{Actions: []string{"posts:read"}, User: "user"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"in a circle", `"posts:raed" covers none`, "Options.User", `"c", which is not defined`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\n\tdoes not say %q", err, want)
		}
	}
	if _, err := rbac.Open(files, &rbac.Options{Actions: []string{"*"}}); err == nil || !strings.Contains(err.Error(), "Options.Actions") {
		t.Errorf("Options that are wrong: %v", err)
	}
	if _, err := rbac.Open(fstest.MapFS{}, nil); err == nil {
		t.Error("no files, and no error")
	}
}

// The file is replaced, half-written and broken while decisions run: no wrong yes, no
// gap.
func TestReloadUnderLoad(t *testing.T) {
	dir := t.TempDir()
	always := "roles:\n  editor: {permissions: [posts:edit]}\n  root: {permissions: ['*']}\ngrants:\n  - {user: ada, role: editor}\n"
	write(t, dir, "roles.yaml", always+end)
	a, err := rbac.Open(os.DirFS(dir), &rbac.Options{Every: time.Millisecond, Logger: (&journal{}).logger()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := a.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	for range 3 {
		wg.Go(func() {
			for ctx.Err() == nil {
				background := context.Background()
				if err := a.Authorize(background, auth.Access{Identity: who("ada"), Action: "posts:edit"}); err != nil {
					t.Errorf("ada: %v", err)
				}
				if err := a.Authorize(background, auth.Access{Identity: who("bob"), Action: "posts:edit"}); verdict(err) != "no" {
					t.Errorf("bob: %v", err)
				}
			}
		})
	}
	for i := range 60 {
		text := always + "  - {user: cleo, role: editor}\n" + end
		switch i % 4 {
		case 1: // half of it, in place
			_ = os.WriteFile(filepath.Join(dir, "roles.yaml"), []byte("roles:\n  editor: {permissions: [posts:edit]}\n"), 0o600)
			time.Sleep(3 * time.Millisecond)
			continue
		case 2:
			text = "roles: broken\n" + end
		case 3:
			text = always + end
		}
		write(t, dir, "roles.yaml", text)
		time.Sleep(3 * time.Millisecond)
	}
	cancel()
	wg.Wait()
}

// A new version of the files counts for grants that are kept elsewhere too.
func TestRunWithGrantsElsewhere(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "roles.yaml", editors+end)
	grants := newMemory(t)
	grant(t, grants, rbac.Grant{UserID: "ada", Role: "editor"})
	a, err := rbac.Open(os.DirFS(dir), &rbac.Options{Grants: struct{ rbac.GrantSource }{grants}, Every: time.Millisecond, Logger: (&journal{}).logger()})
	if err != nil {
		t.Fatal(err)
	}
	if got := edits(t, a, "ada"); got != "yes" {
		t.Fatal(got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = a.Run(ctx) })
	write(t, dir, "roles.yaml", idle+end)
	for deadline := time.Now().Add(20 * time.Second); edits(t, a, "ada") != "no"; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Error("the new version does not count")
			break
		}
	}
	cancel()
	wg.Wait()
}
