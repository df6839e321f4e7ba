// Package tree tells the project's tests about the project's own files: where
// the tree begins, which modules it holds, and which files are part of each.
// Start with [Find].
package tree

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Root is the path of the root module. The paths of all other modules of the
// project begin with it.
const Root = "github.com/gatehouse-go/gatehouse"

// A Module is one module of the project.
type Module struct {
	Path string // "github.com/gatehouse-go/gatehouse/bench"
	Dir  string // absolute
	Rel  string // Dir below the root of the tree, with slashes; "." for the root module
}

// Find returns the directory of the root module that the working directory is
// in. A test runs in the directory of its package, so it finds the tree it
// belongs to.
func Find() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		path, err := modulePath(filepath.Join(dir, "go.mod"))
		if err == nil && path == Root {
			return dir, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("tree: not inside module %s", Root)
		}
		dir = up
	}
}

// Modules returns the modules below root, the root module first, the others in
// order of their paths.
func Modules(root string) ([]Module, error) {
	var mods []Module
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && skip(d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if d.Name() != "go.mod" {
			return nil
		}
		mod, err := modulePath(path)
		if err != nil {
			return err
		}
		dir := filepath.Dir(path)
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		m := Module{Path: mod, Dir: dir, Rel: filepath.ToSlash(rel)}
		if dir == root { // the walk comes to ./auth before ./go.mod
			mods = append([]Module{m}, mods...)
		} else {
			mods = append(mods, m)
		}
		return nil
	})
	return mods, err
}

// Walk calls f with the path of every file of the module in dir, absolute, in
// lexical order. Nested modules and folders that the go command ignores are
// left out.
func Walk(dir string, f func(path string) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return f(path)
		}
		if path == dir {
			return nil
		}
		if skip(d.Name()) {
			return filepath.SkipDir
		}
		if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
			return filepath.SkipDir
		}
		return nil
	})
}

// skip reports whether the go command ignores folders of this name, or nobody
// would look for packages there.
func skip(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") ||
		name == "testdata" || name == "vendor" || name == "node_modules"
}

// modulePath returns the path that the go.mod file gives its module.
func modulePath(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if path, ok := strings.CutPrefix(s.Text(), "module "); ok {
			return strings.Trim(strings.TrimSpace(path), `"`), nil
		}
	}
	return "", fmt.Errorf("tree: %s names no module", file)
}
