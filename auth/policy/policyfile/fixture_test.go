package policyfile_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/gatehouse-go/gatehouse/auth/policy/policyfile"
)

// A disk is a file system that changes while it is read.
type disk struct {
	mu    sync.Mutex
	files fstest.MapFS
	looks int    // how often the directory was listed
	hook  func() // is called before that, if not nil
}

// newDisk has the files, given as name, content, name, content.
func newDisk(files ...string) *disk {
	d := &disk{files: fstest.MapFS{}}
	for i := 0; i < len(files); i += 2 {
		d.write(files[i], files[i+1])
	}
	return d
}

func (d *disk) Open(name string) (fs.File, error) {
	if name == "." {
		d.mu.Lock()
		hook := d.hook
		d.mu.Unlock()
		if hook != nil {
			hook()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if name == "." {
		d.looks++
	}
	return d.files.Open(name)
}

func (d *disk) set(name string, f *fstest.MapFile) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files[name] = f
}

func (d *disk) write(name, content string) {
	d.set(name, &fstest.MapFile{Data: []byte(content), Mode: 0o644})
}

func (d *disk) remove(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.files, name)
}

func (d *disk) onLook(hook func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hook = hook
}

var errSyntax = errors.New("syntax error")

// text compiles files to their contents, one after the other. What has "broken" in it
// is, and "panic" panics.
func text(files map[string][]byte) (string, error) {
	var all []string
	for _, name := range []string{"a.txt", "b.txt", "c.txt"} {
		b, ok := files[name]
		switch {
		case !ok:
		case bytes.Contains(b, []byte("broken")):
			return "", errSyntax
		case bytes.Contains(b, []byte("panic")):
			panic("no such rule")
		default:
			all = append(all, string(b))
		}
		for i := range b {
			b[i] = 'x' // they are compile's
		}
		delete(files, name)
	}
	return strings.Join(all, "|"), nil
}

// A journal is a log for looking at.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// take returns what was written since it was last asked, as "ERROR INFO".
func (j *journal) take() (levels, all string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	all = j.buf.String()
	j.buf.Reset()
	var ls []string
	for line := range strings.Lines(all) {
		level, _, _ := strings.Cut(strings.TrimPrefix(line, "level="), " ")
		ls = append(ls, level)
	}
	return strings.Join(ls, " "), all
}

func open(t *testing.T, fsys fs.FS, opts policyfile.Options) *policyfile.Source[string] {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := policyfile.Open(fsys, []string{"*.txt"}, text, &opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func reload(s *policyfile.Source[string]) error { return s.Reload(context.Background()) }
