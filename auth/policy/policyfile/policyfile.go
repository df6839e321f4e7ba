// Package policyfile keeps a policy that is made of files, and takes a new version of
// them while decisions are being made. Begin with [Open].
//
// Nothing but [Source.Run] starts to look by itself, and what is wrong with a new
// version never reaches the decisions: the version in use stays, and [Source.Err], the
// log and [Source.Reload] say why.
//
// # Writing a new version
//
// A file that is only half there can be a valid policy without its last prohibitions.
// Whoever writes one does two things:
//
//   - Write beside and rename: into a file of another name in the same directory, and
//     then rename(2). So do most tools for deployment, and Kubernetes for ConfigMaps.
//   - Let the last line of every file be a comment with the words "end of policy", such as
//     "# end of policy" or "// end of policy", which stand nowhere else in it. Once a
//     file with that mark is in use, no version of it without the mark is taken, however
//     long the writer pauses. With [Options.EndMark] that holds from the beginning.
//
// Without either, a new version is taken when it looked the same twice in a row. The mark
// alone does not tell of a writer who overwrites the beginning of a file and leaves the
// end of the old one behind it, as rsync --inplace does.
//
// Files that belong together are best replaced together: by a symbolic link to their
// directory. Where they are replaced one after the other, more slowly than
// [Options.Every], the versions in between are taken too.
//
// A file that is in use and vanishes, or is empty, is refused as well. To take one away,
// leave a comment in it, or start the program again.
//
// # Why it looks again and again
//
// The files are read every [Options.Every], all of them, and compared by what is in
// them. Notification (inotify and its like) would be quicker by a second, and silent on
// network mounts, on most FUSE file systems, on the symbolic links of ConfigMaps and on
// [fs.FS] as such; times of modification are kept by tools that copy. To read a few
// megabytes every two seconds costs next to nothing.
package policyfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"sync/atomic"
	"time"
)

// Options are what is optional for [Open].
type Options struct {
	// Every is how often [Source.Run] looks at the files. Default 2 seconds.
	Every time.Duration
	// Settle is how long a version has to look the same before it is taken. [Source.Run]
	// looks again at the next turn, and not before; [Source.Reload] waits for it, and so
	// does [Open] if a file was modified a moment ago, or is while it is read. Default 50
	// milliseconds.
	Settle time.Duration
	// MaxSize is how many bytes a file may have. Default 16 MiB.
	MaxSize int64
	// EndMark demands the words "end of policy" in the last line of every file, from the
	// beginning. Otherwise they are demanded of files that have had them, and, where all
	// have them, of new ones.
	EndMark bool
	// Logger gets what became of new versions: taken (Info), broken (Error, once for
	// each). Default [slog.Default].
	Logger *slog.Logger
}

// A Source has the newest good version of a policy. Its methods are safe for
// concurrent use. Make one with [Open].
type Source[T any] struct {
	files   files
	compile func(files map[string][]byte) (T, error)
	opts    Options

	now atomic.Pointer[inUse[T]]
	bad atomic.Pointer[error] // what Err returns; nil: nothing

	turn chan struct{} // has a value while somebody looks; guards what follows
	seen look          // what Run saw last, if that is not taken
	told string        // of which broken version the log knows
}

// inUse is a version that decisions are made by.
type inUse[T any] struct {
	policy T
	version
}

// A look is a version that has been seen once or more, and is not in use.
type look struct {
	digest string // "": none
	first  time.Time
	moving int   // how many looks in a row have differed
	err    error // what became of it, once it has settled
}

// Open reads the files that the patterns (as of [fs.Glob]) find in fsys and compiles
// them, by their names. As in a shell, "*" at the beginning of a name finds no name
// that begins with a dot; and it finds no directories. Compile depends on nothing but
// the files, which are its own to keep. If it panics, that is an error.
//
// The error says what is wrong with the options, with the patterns (malformed, or
// without any file) and with the files that cannot be read, or is that of compile.
func Open[T any](fsys fs.FS, patterns []string, compile func(files map[string][]byte) (T, error), opts *Options) (*Source[T], error) {
	s := &Source[T]{compile: compile, turn: make(chan struct{}, 1)}
	if opts != nil {
		s.opts = *opts
	}
	if err := check(fsys, patterns, compile == nil, &s.opts); err != nil {
		return nil, err
	}
	s.files = files{fsys, append([]string(nil), patterns...), s.opts.MaxSize}
	v, err := s.files.read()
	if err == nil && v.modified.Before(time.Now().Add(-moment-s.opts.Settle)) {
		// What is replaced while it is read is half of each, however old both are.
		var again version
		if again, err = s.files.read(); err == nil && again.digest != v.digest {
			v, err = s.settled(context.Background(), again)
		}
	} else if err == nil {
		v, err = s.settled(context.Background(), v)
	}
	if err == nil {
		err = s.wrong(v)
	}
	if err != nil {
		return nil, err
	}
	p, err := s.compiled(v)
	if err != nil {
		return nil, err
	}
	s.use(p, v)
	return s, nil
}

// check sets the defaults and returns everything that is wrong.
func check(fsys fs.FS, patterns []string, noCompile bool, o *Options) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("policyfile: "+format, args...)) }
	if o.Every == 0 {
		o.Every = 2 * time.Second
	}
	if o.Settle == 0 {
		o.Settle = 50 * time.Millisecond
	}
	if o.MaxSize == 0 {
		o.MaxSize = 16 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Every < 0 {
		bad("Options.Every is %v: make it more than 0", o.Every)
	}
	if o.Settle < 0 {
		bad("Options.Settle is %v: make it more than 0", o.Settle)
	}
	if o.MaxSize < 0 {
		bad("Options.MaxSize is %d: make it more than 0", o.MaxSize)
	}
	if fsys == nil {
		bad("there is no fs.FS: take os.DirFS, or an embed.FS")
	}
	if noCompile {
		bad("there is no function that compiles the files")
	}
	if len(patterns) == 0 {
		bad(`there is no pattern that finds files: give one, such as "*.cedar"`)
	}
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			bad("pattern %q: %w", p, err)
		}
	}
	return errors.Join(errs...)
}

// Policy returns the newest good version. It costs one atomic load.
func (s *Source[T]) Policy() T { return s.now.Load().policy }

// Err returns what is wrong with the newest version of the files, because of which an
// older one is in use; nil if nothing is known to be wrong. It is for health checks and
// never blocks. It knows what the last look of [Source.Run] or [Source.Reload] knew.
func (s *Source[T]) Err() error {
	if bad := s.bad.Load(); bad != nil {
		return *bad
	}
	return nil
}

// Reload looks at the files now, as Run does every now and then, and once more after
// [Options.Settle]. If they have changed and are good, [Source.Policy] returns the new
// version from then on. Else it keeps what it has, and the error says what is wrong
// with them, or is that of ctx.
func (s *Source[T]) Reload(ctx context.Context) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	v, err := s.files.read()
	if err == nil && v.digest != s.now.Load().digest {
		v, err = s.settled(ctx, v)
	}
	if ended := ctx.Err(); ended != nil {
		return ended // which says nothing about the files
	}
	if err != nil {
		return s.refuse(version{}, err)
	}
	return s.take(v)
}

// Run looks at the files every [Options.Every] until ctx ends, and returns its error.
func (s *Source[T]) Run(ctx context.Context) error {
	timer := time.NewTicker(s.opts.Every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		if err := s.lock(ctx); err != nil {
			return err
		}
		s.look(time.Now())
		s.unlock()
	}
}

func (s *Source[T]) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Source[T]) unlock() { <-s.turn }

// moment is what the clock of a file system may be wrong by, roughly.
const moment = 3 * time.Second

// manyLooks is after how many that all differ it is said that there is no end to it.
const manyLooks = 5

var errMoving = errors.New("policyfile: the files keep changing")

// look is one look of Run.
func (s *Source[T]) look(now time.Time) {
	v, err := s.files.read()
	switch {
	case err != nil:
		s.seen = look{}
		s.refuse(version{}, err)
	case v.digest == s.now.Load().digest:
		s.take(v)
	case v.digest != s.seen.digest:
		s.seen = look{digest: v.digest, first: now, moving: s.seen.moving + 1}
		if s.seen.moving > manyLooks {
			s.refuse(version{}, errMoving)
		}
	case s.seen.err != nil: // is known to be broken
	case now.Sub(s.seen.first) >= s.opts.Settle:
		seen := s.seen
		seen.moving = 0
		if seen.err = s.take(v); seen.err != nil {
			s.seen = seen
		}
	}
}

// settled returns v, or what came after it, when two looks in a row were the same.
func (s *Source[T]) settled(ctx context.Context, v version) (version, error) {
	for range manyLooks {
		timer := time.NewTimer(s.opts.Settle)
		select {
		case <-ctx.Done():
			timer.Stop()
			return version{}, ctx.Err()
		case <-timer.C:
		}
		again, err := s.files.read()
		if err != nil {
			return version{}, err
		}
		if again.digest == v.digest {
			return again, nil
		}
		v = again
	}
	return version{}, errMoving
}

// take makes a version that has settled the one in use.
func (s *Source[T]) take(v version) error {
	if v.digest == s.now.Load().digest {
		s.seen = look{}
		if s.Err() != nil || s.told != "" {
			s.opts.Logger.Info("policyfile: the files are again those of the policy in use", "files", v.names, "digest", v.short())
		}
		s.bad.Store(nil)
		s.told = ""
		return nil
	}
	if err := s.wrong(v); err != nil {
		return s.refuse(v, err)
	}
	p, err := s.compiled(v)
	if err != nil {
		return s.refuse(v, err)
	}
	s.use(p, v)
	s.seen, s.told = look{}, ""
	s.bad.Store(nil)
	s.opts.Logger.Info("policyfile: a new version of the policy is in use", "files", v.names, "digest", v.short())
	return nil
}

// refuse keeps what is in use, and says why. What cannot be read has no digest.
func (s *Source[T]) refuse(v version, err error) error {
	s.bad.Store(&err)
	id := v.digest + " " + err.Error()
	if id == s.told {
		return err
	}
	s.told = id
	args := []any{"error", err, "in_use", s.now.Load().short()}
	if v.digest != "" {
		args = append(args, "files", v.names, "digest", v.short())
	}
	s.opts.Logger.Error("policyfile: a new version of the policy is broken: the old one stays in use", args...)
	return err
}

// use makes decisions be made by p. What was read is not kept.
func (s *Source[T]) use(p T, v version) {
	v.content = nil
	s.now.Store(&inUse[T]{p, v})
}

// compiled compiles what was read.
func (s *Source[T]) compiled(v version) (p T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("policyfile: compiling panicked: %v", r)
		}
	}()
	p, err = s.compile(v.content)
	if err != nil {
		err = fmt.Errorf("policyfile: %w", err)
	}
	return p, err
}
