package stranger_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gatehouse-go/gatehouse/internal/tree"
)

// publish writes the module, as it lies in the tree, into a proxy made of
// files, as the given version. See https://go.dev/ref/mod#goproxy-protocol.
func publish(proxy, root string, m tree.Module, version string) error {
	if m.Path != strings.ToLower(m.Path) {
		return fmt.Errorf("%s: upper case is not done here", m.Path) // it would have to be escaped
	}
	dir := filepath.Join(proxy, filepath.FromSlash(m.Path), "@v")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(m.Dir, "go.mod"))
	if err != nil {
		return err
	}
	files, err := moduleFiles(root, m)
	if err != nil {
		return err
	}
	var zipped bytes.Buffer
	w := zip.NewWriter(&zipped)
	for _, name := range files {
		if err := add(w, m.Path+"@"+version+"/"+name, filepath.Join(m.Dir, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"list":            []byte(version + "\n"),
		version + ".info": fmt.Appendf(nil, `{"Version":%q,"Time":"2026-01-01T00:00:00Z"}`, version),
		version + ".mod":  mod,
		version + ".zip":  zipped.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			return err
		}
	}
	return nil
}

func add(w *zip.Writer, name, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	in, err := w.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(in, f)
	return err
}

// moduleFiles returns what a module zip made of the tree holds: the regular
// files of the module, without those of modules below it and without what git
// ignores. Where there is no git, everything is taken.
func moduleFiles(root string, m tree.Module) ([]string, error) {
	var files []string
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = m.Dir
	if out, err := cmd.Output(); err == nil {
		for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
			files = append(files, name)
		}
	} else {
		err := filepath.WalkDir(m.Dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				if d.Name() == ".git" || d.Name() == "node_modules" {
					return filepath.SkipDir
				}
				return nil
			}
			rel, err := filepath.Rel(m.Dir, path)
			files = append(files, filepath.ToSlash(rel))
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	mods, err := tree.Modules(root)
	if err != nil {
		return nil, err
	}
	var kept []string
	for _, name := range files {
		full := filepath.Join(m.Dir, filepath.FromSlash(name))
		if owner(mods, full) != m.Path || strings.HasPrefix(name, "vendor/") {
			continue
		}
		info, err := os.Lstat(full)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted and not committed yet
		}
		if err != nil {
			return nil, err
		}
		if info.Mode().IsRegular() {
			kept = append(kept, name)
		}
	}
	return kept, nil
}

// owner returns the path of the innermost module that the file lies in.
func owner(mods []tree.Module, file string) string {
	var best tree.Module
	for _, m := range mods {
		if strings.HasPrefix(file, m.Dir+string(filepath.Separator)) && len(m.Dir) > len(best.Dir) {
			best = m
		}
	}
	return best.Path
}

// fileURL returns the directory as the go command wants a proxy of files.
func fileURL(dir string) string {
	dir = filepath.ToSlash(dir)
	if !strings.HasPrefix(dir, "/") { // C:/…
		dir = "/" + dir
	}
	return (&url.URL{Scheme: "file", Path: dir}).String()
}
