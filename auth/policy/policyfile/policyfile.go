// Package policyfile keeps a policy that is made of files, and takes a new version of
// them while decisions are being made. Begin with [Open].
package policyfile

import (
	"context"
	"io/fs"
	"log/slog"
	"time"
)

// Options are what is optional for [Open].
type Options struct {
	// Every is how often [Source.Run] looks at the files. Default 2 seconds.
	Every time.Duration
	// Logger gets what became of new versions: taken (Info), broken (Error). Default
	// [slog.Default].
	Logger *slog.Logger
}

// A Source has the newest good version of a policy. Its methods are safe for
// concurrent use. Make one with [Open].
type Source[T any] struct{}

// Open reads the files that the patterns (as of [fs.Glob]) find in fsys and compiles
// them, by their names. The error is that of the first file that cannot be read, or of
// compile.
func Open[T any](fsys fs.FS, patterns []string, compile func(files map[string][]byte) (T, error), opts *Options) (*Source[T], error) {
	panic("being written")
}

// Policy returns the newest good version. It costs one atomic load.
func (s *Source[T]) Policy() T { panic("being written") }

// Reload looks at the files now, as Run does every now and then. If they have changed
// and are good, [Source.Policy] returns the new version from then on. Else it keeps
// what it has, and the error says what is wrong with them.
func (s *Source[T]) Reload(ctx context.Context) error { panic("being written") }

// Run looks at the files every [Options.Every] until ctx ends, and returns its error.
func (s *Source[T]) Run(ctx context.Context) error { panic("being written") }
