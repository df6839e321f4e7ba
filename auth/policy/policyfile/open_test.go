package policyfile_test

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/policy/policyfile"
)

func TestOpen(t *testing.T) {
	good := newDisk("a.txt", "1", "b.txt", "2", "c.csv", "3", ".b.txt", "lock", "dir.txt/a.txt", "below")
	for name, tt := range map[string]struct {
		fsys     fs.FS
		patterns []string
		opts     *policyfile.Options
		want     string
		errs     []string // all that the error says
	}{
		"all":                 {good, []string{"*.txt"}, nil, "1|2", nil},
		"twice":               {good, []string{"a.*", "*.txt", "*.txt"}, nil, "1|2", nil},
		"one":                 {good, []string{"b.txt"}, nil, "2", nil},
		"hidden, if asked":    {newDisk("a.txt", "1", ".x.txt", "broken"), []string{".*.txt", "*.txt"}, nil, "1", nil},
		"with its mark":       {newDisk("a.txt", "1\n// END OF POLICY.  \n\n"), []string{"*.txt"}, &policyfile.Options{EndMark: true}, "1\n// END OF POLICY.  \n\n", nil},
		"just not too big":    {newDisk("a.txt", "12345"), []string{"*.txt"}, &policyfile.Options{MaxSize: 5}, "12345", nil},
		"without its mark":    {newDisk("a.txt", "1\n# end of policy\n2"), []string{"*.txt"}, &policyfile.Options{EndMark: true}, "", []string{"a.txt does not end with"}},
		"with two marks":      {newDisk("a.txt", "1\n# End of policy of one\n2\n# end of policy\n"), []string{"*.txt"}, nil, "", []string{"a.txt has \"end of policy\" in it more than once"}},
		"mark of no meaning":  {newDisk("a.txt", "1 # end of policy\n2"), []string{"*.txt"}, nil, "1 # end of policy\n2", nil},
		"no file":             {good, []string{"*.txt", "*.rego"}, nil, "", []string{`"*.rego" finds no file`}},
		"no file but hidden":  {newDisk(".a.txt", "1"), []string{"*.txt"}, nil, "", []string{`"*.txt" finds no file`}},
		"no file but a dir":   {newDisk("a.txt/b", "1"), []string{"*.txt"}, nil, "", []string{`"*.txt" finds no file`}},
		"malformed":           {good, []string{"*.txt", "[", "a[-]b"}, nil, "", []string{`pattern "[": syntax error`, `pattern "a[-]b": syntax error`}},
		"no pattern":          {good, nil, nil, "", []string{"there is no pattern"}},
		"no file system":      {nil, []string{"*"}, nil, "", []string{"there is no fs.FS"}},
		"nothing right":       {nil, []string{"["}, &policyfile.Options{Every: -1, Settle: -1, MaxSize: -1}, "", []string{"Every", "Settle", "MaxSize", "fs.FS", `"["`}},
		"empty":               {newDisk("a.txt", "1", "b.txt", " \n", "c.txt", ""), []string{"*.txt"}, nil, "", []string{"b.txt is empty", "c.txt is empty"}},
		"too big":             {newDisk("a.txt", "123456", "b.txt", "1"), []string{"*.txt"}, &policyfile.Options{MaxSize: 5}, "", []string{"a.txt has more than 5 bytes"}},
		"broken":              {newDisk("a.txt", "1", "b.txt", "broken"), []string{"*.txt"}, nil, "", []string{errSyntax.Error()}},
		"panics":              {newDisk("a.txt", "panic"), []string{"*.txt"}, nil, "", []string{"compiling panicked: no such rule"}},
		"a pipe":              {piped(), []string{"*.txt"}, nil, "", []string{"a.txt is not a regular file"}},
		"unreadable":          {unreadable{good}, []string{"*.txt"}, nil, "", []string{"open a.txt: permission denied", "open b.txt: permission denied"}},
		"hidden places":       {newDisk("a/a.txt", "1", "..data/a.txt", "1", ".git/x/a.txt", "1"), []string{"*/*.txt", "a/a.*"}, nil, "a/a.txt", nil},
		"hidden place, asked": {newDisk("..data/a.txt", "1"), []string{"..*/*.txt"}, nil, "..data/a.txt", nil},
		"a place of several":  {unlistable{newDisk("one/a.txt", "1", "two/b.txt", "2")}, []string{"*/*.txt"}, nil, "", []string{"open two: permission denied"}},
		"a place of a place":  {unlistable{newDisk("x/one/a.txt", "1", "two/x/b.txt", "2")}, []string{"*/*/*.txt"}, nil, "", []string{"open two: permission denied"}},
		"an unreadable place": {unreadable{newDisk()}, []string{"*.txt"}, nil, "", []string{`"*.txt" finds no file`}},
	} {
		compile := text
		if strings.HasSuffix(tt.want, "/a.txt") {
			compile = namesOf
		}
		s, err := policyfile.Open(tt.fsys, tt.patterns, compile, tt.opts)
		for _, want := range tt.errs {
			if err == nil || !strings.Contains(err.Error(), want) || s != nil {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
		if tt.errs != nil {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := s.Policy(); got != tt.want || s.Err() != nil {
			t.Errorf("%s: %q, %v, want %q", name, got, s.Err(), tt.want)
		}
	}
	if _, err := policyfile.Open[string](good, []string{"*.txt"}, nil, nil); err == nil {
		t.Error("without compile: no error")
	}
	if _, err := policyfile.Open(good, []string{"*.txt"}, func(map[string][]byte) (string, error) { return "", errSyntax }, nil); !errors.Is(err, errSyntax) {
		t.Errorf("the error of compile is not in %v", err)
	}
}

func namesOf(files map[string][]byte) (string, error) {
	return strings.Join(slices.Sorted(maps.Keys(files)), "|"), nil
}

func piped() *disk {
	d := newDisk()
	d.set("a.txt", &fstest.MapFile{Mode: fs.ModeNamedPipe | 0o644})
	return d
}

// In unlistable the directory two cannot be listed.
type unlistable struct{ *disk }

func (u unlistable) Open(name string) (fs.File, error) {
	f, err := u.disk.Open(name)
	if name == "two" {
		return noList{f}, nil
	}
	return f, err
}

type noList struct{ fs.File }

func (noList) ReadDir(int) ([]fs.DirEntry, error) {
	return nil, &fs.PathError{Op: "open", Path: "two", Err: fs.ErrPermission}
}

type unreadable struct{ *disk }

func (u unreadable) Open(name string) (fs.File, error) {
	f, err := u.disk.Open(name)
	if err != nil || name == "." {
		return f, err
	}
	return denied{f, name}, nil
}

// denied says what it is, and not what is in it.
type denied struct {
	fs.File
	name string
}

func (d denied) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "open", Path: d.name, Err: fs.ErrPermission}
}

// What was modified a moment ago is looked at twice; what is old is there at once.
func TestOpenSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := func(content string, modified time.Time) *fstest.MapFile {
			return &fstest.MapFile{Data: []byte(content), ModTime: modified}
		}
		d := newDisk()
		d.set("a.txt", at("old", time.Now().Add(-time.Hour)))
		d.set("b.txt", at("new", time.Now().Add(-time.Second)))
		began := time.Now()
		d.onLook(func() {
			if time.Since(began) < 150*time.Millisecond { // three looks all differ
				d.set("b.txt", at("new "+time.Since(began).String(), time.Now()))
			}
		})
		if got, want := open(t, d, policyfile.Options{}).Policy(), "old|new 100ms"; got != want || time.Since(began) != 200*time.Millisecond-50*time.Millisecond {
			t.Errorf("after %v: %q, want %q", time.Since(began), got, want)
		}
		d.onLook(nil)
		d.set("b.txt", at("old too", time.Now().Add(-time.Minute)))
		began = time.Now()
		if got := open(t, d, policyfile.Options{}).Policy(); got != "old|old too" || time.Since(began) != 0 {
			t.Errorf("after %v: %q", time.Since(began), got)
		}
		n := 0
		d.onLook(func() {
			n++
			d.set("b.txt", at(strings.Repeat("x", n), time.Now()))
		})
		if _, err := policyfile.Open(d, []string{"*.txt"}, text, nil); err == nil || !strings.Contains(err.Error(), "keep changing") {
			t.Errorf("what never settles: %v", err)
		}
	})
}
