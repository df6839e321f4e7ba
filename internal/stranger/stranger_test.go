package stranger_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/internal/tree"
)

// TestStranger gets every module of the tree that others may require, builds
// the quickstart's source with them, and installs every command.
func TestStranger(t *testing.T) {
	if testing.Short() {
		t.Skip("stranger: not in short mode, it downloads and builds everything anew")
	}
	upstream := goEnv(t, "GOPROXY")
	if !reachable(t, upstream) {
		t.Skip("stranger: no module proxy can be reached through GOPROXY=" + upstream)
	}
	root, err := tree.Find()
	if err != nil {
		t.Fatal(err)
	}
	mods, err := tree.Modules(root)
	if err != nil {
		t.Fatal(err)
	}
	version := release(t, mods)
	proxy := t.TempDir()
	for _, m := range mods {
		if m.Rel != "." && !strings.HasPrefix(m.Rel, "contrib/") {
			continue // examples and bench: nobody requires them
		}
		if err := publish(proxy, root, m, version); err != nil {
			t.Fatal(err)
		}
	}
	s := stranger{env: environment(t, proxy, upstream)}

	t.Run("quickstart", func(t *testing.T) {
		source, err := os.ReadFile(filepath.Join(root, "examples", "quickstart", "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		s.run(t, dir, "mod", "init", "example.com/stranger")
		s.run(t, dir, "get", tree.Root+"@"+version)
		if err := os.WriteFile(filepath.Join(dir, "main.go"), source, 0o666); err != nil {
			t.Fatal(err)
		}
		s.run(t, dir, "get", ".")
		s.run(t, dir, "build", "-o", filepath.Join(dir, "site.exe"), ".")
		if got := s.run(t, dir, "list", "-m", "-f", "{{.Version}} {{with .Replace}}replaced{{end}}", tree.Root); got != version {
			t.Errorf("the root was built at %q, want %s", got, version)
		}
	})

	// A contrib has a module of its own or is a part of the root.
	for _, name := range folders(t, filepath.Join(root, "contrib")) {
		if name == "internal" {
			continue // theirs alone
		}
		path := tree.Root + "/contrib/" + name
		t.Run("contrib/"+name, func(t *testing.T) {
			dir := t.TempDir()
			s.run(t, dir, "mod", "init", "example.com/stranger")
			s.run(t, dir, "get", path+"/...@"+version)
			s.run(t, dir, "build", path+"/...")
		})
	}

	for _, name := range folders(t, filepath.Join(root, "cmd")) {
		t.Run("cmd/"+name, func(t *testing.T) {
			bin := t.TempDir()
			s := stranger{env: append(s.env, "GOBIN="+bin)}
			s.run(t, t.TempDir(), "install", tree.Root+"/cmd/"+name+"@"+version)
			installed, err := os.ReadDir(bin)
			if err != nil {
				t.Fatal(err)
			}
			if len(installed) != 1 {
				t.Errorf("%d commands installed, want 1", len(installed))
			}
		})
	}
}

// folders returns the names of the folders in dir, none if there is no dir.
func folders(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// release returns the version that the nested modules require of the root: the
// one about to be released.
func release(t *testing.T, mods []tree.Module) string {
	t.Helper()
	for _, m := range mods[1:] {
		out, err := exec.Command("go", "mod", "edit", "-json", filepath.Join(m.Dir, "go.mod")).Output()
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Require []struct{ Path, Version string }
		}
		if err := json.Unmarshal(out, &f); err != nil {
			t.Fatal(err)
		}
		for _, r := range f.Require {
			if r.Path == tree.Root {
				return r.Version
			}
		}
	}
	t.Fatal("no nested module requires the root")
	return ""
}

// environment returns an environment in which nothing of this tree is seen but
// through the proxy. What has been downloaded before is taken from where it
// lies; the cache itself is another, so that the made-up version does not stay
// on the machine as if it had been released.
func environment(t *testing.T, proxy, upstream string) []string {
	t.Helper()
	cached := filepath.Join(goEnv(t, "GOMODCACHE"), "cache", "download")
	return append(os.Environ(),
		"GOPROXY="+fileURL(proxy)+","+fileURL(cached)+","+upstream,
		"GOMODCACHE="+t.TempDir(),
		"GONOSUMDB="+tree.Root+","+tree.Root+"/*", // the checksum database has never heard of it
		"GONOPROXY=",
		"GOPRIVATE=",
		"GOENV=off", // nothing that this machine's user has set for good
		"GOWORK=off",
		// Builds are found again in the build cache although their files lie
		// elsewhere, with -trimpath only.
		"GOFLAGS=-modcacherw -trimpath -buildvcs=false",
		"GO111MODULE=on",
	)
}

type stranger struct{ env []string }

// run runs the go command in dir and returns what it prints.
func (s stranger) run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(s.env, "PWD="+dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// reachable reports whether one of the proxies in list answers.
func reachable(t *testing.T, list string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, proxy := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == '|' }) {
		if strings.HasPrefix(proxy, "file://") {
			return true
		}
		if !strings.HasPrefix(proxy, "http") {
			continue // direct, off
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(proxy, "/")+"/golang.org/x/crypto/@v/list", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return true
		}
	}
	return false
}
