package policyfile_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/policy/policyfile"
)

const mark = "\n# end of policy\n"

// One version comes after another; what is wrong with it keeps the last good one.
func TestReload(t *testing.T) {
	type step struct {
		name, content string // "-": removed
		want          string // what is in use then, without marks
		err           string // in what Reload and Err say; "": nil
		log           string // levels
	}
	for name, tt := range map[string]struct {
		files []string
		steps []step
	}{
		"good": {[]string{"a.txt", "1"}, []step{
			{"a.txt", "1", "1", "", ""},
			{"a.txt", "2", "2", "", "INFO"},
			{"a.txt", "2", "2", "", ""},
			{"b.txt", "3", "2|3", "", "INFO"},
		}},
		"broken and restored": {[]string{"a.txt", "1"}, []step{
			{"a.txt", "broken", "1", "syntax error", "ERROR"},
			{"a.txt", "broken", "1", "syntax error", ""},
			{"a.txt", "broken too", "1", "syntax error", "ERROR"},
			{"a.txt", "broken", "1", "syntax error", "ERROR"},
			{"a.txt", "1", "1", "", "INFO"},
			{"a.txt", "broken", "1", "syntax error", "ERROR"},
			{"a.txt", "3", "3", "", "INFO"},
		}},
		"panics": {[]string{"a.txt", "1"}, []step{
			{"a.txt", "panic", "1", "compiling panicked: no such rule", "ERROR"},
			{"a.txt", "2", "2", "", "INFO"},
		}},
		"empty": {[]string{"a.txt", "1", "b.txt", "2"}, []step{
			{"b.txt", "", "1|2", "b.txt is empty", "ERROR"},
			{"b.txt", "\n\n", "1|2", "b.txt is empty", "ERROR"},
			{"b.txt", "#", "1|#", "", "INFO"},
		}},
		"gone": {[]string{"a.txt", "1", "b.txt", "2"}, []step{
			{"b.txt", "-", "1|2", "b.txt is gone", "ERROR"},
			{"a.txt", "-", "1|2", "finds no file", "ERROR"},
			{"a.txt", "3", "1|2", "b.txt is gone", "ERROR"},
			{"b.txt", "4", "3|4", "", "INFO"},
		}},
		"renamed": {[]string{"a.txt", "1"}, []step{
			{"b.txt", "1", "1|1", "", "INFO"},
			{"a.txt", "-", "1|1", "a.txt is gone", "ERROR"},
		}},
		"half-written": {[]string{"a.txt", "allow" + mark}, []step{
			{"a.txt", "allow more", "allow", "half-written", "ERROR"},
			{"a.txt", "allow more\n# end of pol", "allow", "half-written", "ERROR"},
			{"a.txt", "allow more\nforbid some" + mark, "allow more\nforbid some", "", "INFO"},
			{"a.txt", "allow" + mark + "allow everything", "allow more\nforbid some", "half-written", "ERROR"},
			{"a.txt", "allow" + mark, "allow", "", "INFO"},
		}},
		"a new file without the mark": {[]string{"a.txt", "1" + mark}, []step{
			{"b.txt", "2", "1", "b.txt does not end with", "ERROR"},
			{"b.txt", "2" + mark, "1|2", "", "INFO"},
		}},
		"some have marks": {[]string{"a.txt", "1" + mark, "b.txt", "2"}, []step{
			{"b.txt", "3", "1|3", "", "INFO"},
			{"c.txt", "4", "1|3|4", "", "INFO"},
			{"a.txt", "5", "1|3|4", "a.txt does not end with", "ERROR"},
			{"a.txt", "5" + mark, "5|3|4", "", "INFO"},
			{"b.txt", "6" + mark, "5|6|4", "", "INFO"},
			{"b.txt", "7", "5|6|4", "b.txt does not end with", "ERROR"},
		}},
		"too big": {[]string{"a.txt", "1"}, []step{
			{"a.txt", strings.Repeat("x", 101), "1", "more than 100 bytes", "ERROR"},
		}},
		"all that is wrong": {[]string{"a.txt", "1" + mark, "b.txt", "2" + mark}, []step{
			{"a.txt", "1", "1|2", "half-written", "ERROR"},
			{"b.txt", " ", "1|2", "half-written\npolicyfile: b.txt is empty", "ERROR"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, log := newDisk(tt.files...), &journal{}
				s := open(t, d, policyfile.Options{Logger: log.logger(), MaxSize: 100})
				for i, step := range tt.steps {
					if step.content == "-" {
						d.remove(step.name)
					} else {
						d.write(step.name, step.content)
					}
					err := reload(s)
					if step.err == "" && err != nil || step.err != "" && (err == nil || !strings.Contains(errText(err), step.err)) {
						t.Errorf("step %d: %v, want %q", i, err, step.err)
					}
					if !errors.Is(s.Err(), err) {
						t.Errorf("step %d: Err is %v, want %v", i, s.Err(), err)
					}
					if got := strings.ReplaceAll(s.Policy(), mark, ""); got != step.want {
						t.Errorf("step %d: %q is in use, want %q", i, got, step.want)
					}
					if levels, all := log.take(); levels != step.log {
						t.Errorf("step %d: log is %q, want %q", i, all, step.log)
					}
				}
			})
		})
	}
}

func errText(err error) string {
	return strings.ReplaceAll(err.Error(), `so it is perhaps half-written`, "half-written")
}

// The log names files and versions.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, log := newDisk("a.txt", "1"), &journal{}
		s := open(t, d, policyfile.Options{Logger: log.logger()})
		d.write("a.txt", "2")
		_ = reload(s)
		_, all := log.take()
		for _, want := range []string{"new version of the policy is in use", "files=[a.txt]", "digest="} {
			if !strings.Contains(all, want) {
				t.Errorf("log is %q, want %q", all, want)
			}
		}
		d.write("a.txt", "broken secret")
		_ = reload(s)
		_, all = log.take()
		for _, want := range []string{"broken", "in_use=", "files=[a.txt]", "digest=", errSyntax.Error()} {
			if !strings.Contains(all, want) {
				t.Errorf("log is %q, want %q", all, want)
			}
		}
		if strings.Contains(all, "secret") {
			t.Errorf("log has what is in the files: %q", all)
		}
	})
}

// Reload looks until two looks in a row are the same.
func TestReloadSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk("a.txt", "0")
		s := open(t, d, policyfile.Options{Settle: time.Second})
		contents := []string{"allow", "allow more", "allow more, forbid some", "allow more, forbid some"}
		d.onLook(func() {
			if len(contents) > 0 {
				d.write("a.txt", contents[0])
				contents = contents[1:]
			}
		})
		began := time.Now()
		if err := reload(s); err != nil || s.Policy() != "allow more, forbid some" || time.Since(began) != 3*time.Second {
			t.Errorf("after %v: %v, %q", time.Since(began), err, s.Policy())
		}

		d.onLook(func() { d.write("a.txt", time.Now().String()) })
		if err := reload(s); err == nil || !strings.Contains(err.Error(), "keep changing") || s.Policy() != "allow more, forbid some" {
			t.Errorf("what never settles: %v, %q", err, s.Policy())
		}
		d.onLook(nil)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		before := s.Err()
		d.write("a.txt", "late")
		if err := s.Reload(ctx); !errors.Is(err, context.DeadlineExceeded) || s.Policy() == "late" || s.Err() != before {
			t.Errorf("ended while it waited: %v, %q, %v", err, s.Policy(), s.Err())
		}
		if err := s.Reload(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended before: %v", err)
		}
	})
}

// Who waits for a file system that hangs can give up, and nobody else waits.
func TestHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk("a.txt", "1")
		s := open(t, d, policyfile.Options{})
		released := make(chan struct{})
		d.onLook(func() { <-released })
		done := make(chan error)
		go func() { done <- reload(s) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Reload(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if s.Policy() != "1" || s.Err() != nil {
			t.Errorf("%q, %v", s.Policy(), s.Err())
		}
		close(released)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Run takes what two looks in a row have seen, says once what is broken, and ends with
// its context.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, log := newDisk("a.txt", "0"+mark), &journal{}
		s := open(t, d, policyfile.Options{Logger: log.logger()})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(time.Second) // looks are at 2s, 4s, …
		check := func(what, want, wantErr, wantLog string) {
			t.Helper()
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if got := strings.TrimSuffix(s.Policy(), mark); got != want {
				t.Errorf("%s: %q is in use, want %q", what, got, want)
			}
			if err := s.Err(); (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
				t.Errorf("%s: %v, want %q", what, err, wantErr)
			}
			if levels, all := log.take(); levels != wantLog {
				t.Errorf("%s: log is %q, want %q", what, all, wantLog)
			}
		}
		check("nothing new", "0", "", "")
		d.write("a.txt", "1"+mark)
		check("seen once", "0", "", "")
		check("seen twice", "1", "", "INFO")
		check("as before", "1", "", "")

		d.write("a.txt", "allow")
		check("half, seen once", "1", "", "")
		check("half, seen twice", "1", "half-written", "ERROR")
		for range 10 {
			check("half, for long", "1", "half-written", "")
		}
		d.write("a.txt", "allow\nforbid"+mark)
		check("whole, seen once", "1", "half-written", "")
		check("whole, seen twice", "allow\nforbid", "", "INFO")

		for i := range 5 {
			d.write("a.txt", strings.Repeat("x", i+1)+mark)
			check("keeps changing", "allow\nforbid", "", "")
		}
		d.write("a.txt", "y"+mark)
		check("keeps changing, six times", "allow\nforbid", "keep changing", "ERROR")
		d.write("a.txt", "z"+mark)
		check("keeps changing, seven times", "allow\nforbid", "keep changing", "")
		check("has settled", "z", "", "INFO")

		d.write("a.txt", "broken"+mark)
		check("broken, seen once", "z", "", "")
		check("broken, seen twice", "z", "syntax error", "ERROR")
		check("broken", "z", "syntax error", "")
		d.write("a.txt", "z"+mark)
		check("restored", "z", "", "INFO")
		check("as before", "z", "", "")

		d.remove("a.txt")
		check("gone", "z", "finds no file", "ERROR")
		check("gone for long", "z", "finds no file", "")
		d.write("a.txt", "z"+mark)
		check("here again", "z", "", "INFO")

		d.remove("a.txt")
		check("gone again", "z", "finds no file", "ERROR")
		d.write("a.txt", "A"+mark)
		check("a new one, seen once", "z", "finds no file", "")
		check("a new one, seen twice", "A", "", "INFO")

		d.write("a.txt", "B"+mark)
		check("seen once", "A", "", "")
		if err := reload(s); err != nil {
			t.Error(err)
		}
		check("reloaded in between", "B", "", "INFO")
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
		if err := s.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
}

// A second Run does not make a version look settled.
func TestRunTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk("a.txt", "0")
		s := open(t, d, policyfile.Options{Every: 2 * time.Second, Settle: time.Second})
		go s.Run(t.Context())
		time.Sleep(time.Millisecond)
		go s.Run(t.Context())
		time.Sleep(time.Second)
		d.write("a.txt", "half")
		time.Sleep(time.Second + 500*time.Millisecond)
		synctest.Wait()
		if s.Policy() != "0" {
			t.Errorf("%q is in use", s.Policy())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s.Policy() != "half" {
			t.Errorf("%q is in use", s.Policy())
		}
	})
}

// Real files, as they are really replaced.
func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"v1", "v2"} {
		must(os.Mkdir(filepath.Join(dir, d), 0o755))
		write(d+"/a.txt", "a "+d)
		write(d+"/b.txt", "b "+d)
	}
	// As a ConfigMap is mounted.
	must(os.Mkdir(filepath.Join(dir, "mount"), 0o755))
	must(os.Symlink("../v1", filepath.Join(dir, "mount", "..data")))
	must(os.Symlink("..data/a.txt", filepath.Join(dir, "mount", "a.txt")))
	must(os.Symlink("..data/b.txt", filepath.Join(dir, "mount", "b.txt")))

	opts := policyfile.Options{Settle: time.Microsecond}
	mount := open(t, os.DirFS(filepath.Join(dir, "mount")), opts)
	plain := open(t, os.DirFS(filepath.Join(dir, "v1")), opts)
	if got := mount.Policy(); got != "a v1|b v1" {
		t.Fatalf("%q", got)
	}
	must(os.Symlink("../v2", filepath.Join(dir, "mount", "..data_tmp")))
	must(os.Rename(filepath.Join(dir, "mount", "..data_tmp"), filepath.Join(dir, "mount", "..data")))
	if err := reload(mount); err != nil || mount.Policy() != "a v2|b v2" {
		t.Errorf("another ConfigMap: %v, %q", err, mount.Policy())
	}

	write("v1/.a.txt", "half of it")
	must(os.Symlink("nowhere", filepath.Join(dir, "v1", ".#b.txt"))) // as Emacs locks
	if err := reload(plain); err != nil || plain.Policy() != "a v1|b v1" {
		t.Errorf("beside: %v, %q", err, plain.Policy())
	}
	must(os.Rename(filepath.Join(dir, "v1", ".a.txt"), filepath.Join(dir, "v1", "a.txt")))
	if err := reload(plain); err != nil || plain.Policy() != "half of it|b v1" {
		t.Errorf("renamed: %v, %q", err, plain.Policy())
	}
	must(os.Rename(filepath.Join(dir, "v1"), filepath.Join(dir, "away")))
	if err := reload(plain); err == nil || plain.Policy() != "half of it|b v1" {
		t.Errorf("without its directory: %v, %q", err, plain.Policy())
	}
	must(os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, "v1")))
	if err := reload(plain); err != nil {
		t.Errorf("with it: %v", err)
	}
	// The same time and size is not the same file.
	old := time.Now().Add(-time.Hour)
	must(os.Chtimes(filepath.Join(dir, "v1", "b.txt"), old, old))
	must(reload(plain))
	write("v1/b.txt", "B v1")
	must(os.Chtimes(filepath.Join(dir, "v1", "b.txt"), old, old))
	if err := reload(plain); err != nil || plain.Policy() != "half of it|B v1" {
		t.Errorf("an old time: %v, %q", err, plain.Policy())
	}
	if os.Geteuid() != 0 {
		must(os.Chmod(filepath.Join(dir, "v1"), 0))
		if err := reload(plain); err == nil {
			t.Error("a directory that nobody may read: no error")
		}
		must(os.Chmod(filepath.Join(dir, "v1"), 0o755))
	}
}

// What is known to be broken is not compiled at every look.
func TestRunCompilesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, n := newDisk("a.txt", "1"), 0
		s, err := policyfile.Open(d, []string{"*.txt"}, func(files map[string][]byte) (string, error) {
			n++
			return text(files)
		}, &policyfile.Options{Logger: (&journal{}).logger()})
		if err != nil {
			t.Fatal(err)
		}
		go s.Run(t.Context())
		d.write("a.txt", "broken")
		time.Sleep(time.Minute)
		synctest.Wait()
		if n != 2 || s.Err() == nil {
			t.Errorf("compiled %d times, %v", n, s.Err())
		}
		if err := reload(s); !errors.Is(err, errSyntax) || n != 3 { // whoever asks wants to know
			t.Errorf("%v after %d times", err, n)
		}
	})
}

// replaced has its files replaced by others, all at once and all long ago, as a symbolic
// link to their directory does, in the middle of the first look.
type replaced struct {
	*disk
	done bool
}

func (r *replaced) Open(name string) (fs.File, error) {
	if name == "b.txt" && !r.done {
		r.done = true
		r.write("a.txt", "new a")
		r.write("b.txt", "new b")
	}
	return r.disk.Open(name)
}

func TestOpenWhileReplaced(t *testing.T) {
	if got := open(t, &replaced{disk: newDisk("a.txt", "old a", "b.txt", "old b")}, policyfile.Options{}).Policy(); got != "new a|new b" {
		t.Errorf("half of each: %q", got)
	}
}
