package policyfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// A version is what was in the files at one look.
type version struct {
	names    []string          // sorted
	content  map[string][]byte // nil once it is compiled
	marked   map[string]bool   // which have an end mark
	digest   string            // of names and contents
	modified time.Time         // the newest of the files
}

// short returns enough of the digest for a log.
func (v version) short() string { return v.digest[:min(12, len(v.digest))] }

// files are where versions come from.
type files struct {
	fsys     fs.FS
	patterns []string
	maxSize  int64
}

// read reads all files. The error says of each what is wrong with it.
func (f files) read() (version, error) {
	v := version{content: map[string][]byte{}, marked: map[string]bool{}}
	var errs []error
	for _, pattern := range f.patterns {
		names, err := fs.Glob(f.fsys, pattern)
		if err != nil {
			errs = append(errs, fmt.Errorf("policyfile: pattern %q: %w", pattern, err))
			continue
		}
		errs = append(errs, f.unlisted(pattern))
		found := false
		for _, name := range names {
			if hidden(pattern, name) {
				continue
			}
			if _, ok := v.content[name]; ok {
				found = true
				continue
			}
			b, modified, err := f.readFile(name)
			switch {
			case errors.Is(err, errDirectory):
				continue
			case err != nil:
				errs = append(errs, fmt.Errorf("policyfile: %w", err))
			}
			found = true
			v.content[name] = b
			if modified.After(v.modified) {
				v.modified = modified
			}
		}
		if !found {
			errs = append(errs, fmt.Errorf("policyfile: pattern %q finds no file", pattern))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return version{}, err
	}
	hash := sha256.New()
	part := func(b []byte) {
		hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		hash.Write(b)
	}
	for name, b := range v.content {
		v.names = append(v.names, name)
		v.marked[name] = hasEndMark(b)
	}
	slices.Sort(v.names)
	for _, name := range v.names {
		part([]byte(name))
		part(v.content[name])
	}
	v.digest = hex.EncodeToString(hash.Sum(nil))
	return v, nil
}

// hidden reports whether a shell would not have found the name: editors keep their
// locks and unfinished files so, and Kubernetes the directories of old versions.
func hidden(pattern, name string) bool {
	patterns := strings.Split(pattern, "/")
	for i, part := range strings.Split(name, "/") {
		if strings.HasPrefix(part, ".") && i < len(patterns) && !strings.HasPrefix(patterns[i], ".") {
			return true
		}
	}
	return false
}

// unlisted returns why directories that a pattern finds cannot be listed. [fs.Glob]
// passes over them, and a policy would be taken without the files in them.
func (f files) unlisted(pattern string) error {
	dir := path.Dir(pattern)
	if !strings.ContainsAny(dir, `*?[\`) {
		return nil // then no file is found at all
	}
	errs := []error{f.unlisted(dir)}
	names, err := fs.Glob(f.fsys, dir)
	errs = append(errs, err)
	for _, name := range names {
		if info, err := fs.Stat(f.fsys, name); err != nil || !info.IsDir() || hidden(dir, name) {
			continue
		}
		if _, err := fs.ReadDir(f.fsys, name); err != nil {
			errs = append(errs, fmt.Errorf("policyfile: %w", err))
		}
	}
	return errors.Join(errs...)
}

var errDirectory = errors.New("is a directory")

// readFile reads one file, and says when it was modified.
func (f files) readFile(name string) ([]byte, time.Time, error) {
	info, err := fs.Stat(f.fsys, name)
	switch {
	case err != nil:
		return nil, time.Time{}, err
	case info.IsDir():
		return nil, time.Time{}, errDirectory
	case !info.Mode().IsRegular(): // to open a pipe could take for ever
		return nil, time.Time{}, fmt.Errorf("%s is not a regular file", name)
	}
	file, err := f.fsys.Open(name)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, f.maxSize+1))
	switch {
	case err != nil:
		return nil, time.Time{}, fmt.Errorf("%s: %w", name, err)
	case int64(len(b)) > f.maxSize:
		return nil, time.Time{}, fmt.Errorf("%s has more than %d bytes, see Options.MaxSize", name, f.maxSize)
	}
	return b, info.ModTime(), nil
}

// endMark is what the last line of a whole file has in it.
const endMark = "end of policy"

func hasEndMark(b []byte) bool {
	b = bytes.TrimSpace(b)
	last := b[bytes.LastIndexByte(b, '\n')+1:]
	return bytes.Contains(bytes.ToLower(last), []byte(endMark))
}

// wrong says what makes v look as if somebody was still writing it.
func (s *Source[T]) wrong(v version) error {
	var errs []error
	var before version
	marked := s.opts.EndMark
	if old := s.now.Load(); old != nil {
		before = old.version
		marked = marked || !slices.ContainsFunc(before.names, func(n string) bool { return !before.marked[n] })
	}
	for _, name := range v.names {
		switch {
		case len(bytes.TrimSpace(v.content[name])) == 0:
			errs = append(errs, fmt.Errorf("policyfile: %s is empty", name))
		case v.marked[name] && bytes.Count(bytes.ToLower(v.content[name]), []byte(endMark)) > 1:
			errs = append(errs, fmt.Errorf("policyfile: %s has %q in it more than once, so that a part of it would look whole: have it in the last line alone", name, endMark))
		case !v.marked[name] && (marked || before.marked[name]):
			errs = append(errs, fmt.Errorf("policyfile: %s does not end with a line that has %q in it, so it is perhaps half-written", name, endMark))
		}
	}
	for _, name := range before.names {
		if !slices.Contains(v.names, name) {
			errs = append(errs, fmt.Errorf("policyfile: %s is gone: leave a comment in it if that is meant", name))
		}
	}
	return errors.Join(errs...)
}
