package gorillastore

import (
	"context"
	"errors"
	"fmt"
)

var (
	// ErrGone is wrapped by the error of a Save whose record has been deleted or
	// renewed meanwhile, or is that of a user who has logged out meanwhile. Nothing is
	// written, no cookie is set, and nothing is brought back.
	ErrGone = errors.New("gorillastore: the session has ended meanwhile")
	// ErrTooLarge is wrapped by the error of a Save whose values take more than
	// [Options.MaxSize]. What was stored before is still stored.
	ErrTooLarge = errors.New("gorillastore: session is too large")
	// ErrDecode is wrapped by the error of a Get whose stored values the codec cannot
	// read, as when a type has been renamed or not been registered. They are left as
	// they are: the session can be deleted, and not be saved.
	ErrDecode = errors.New("gorillastore: stored session cannot be decoded")
	// ErrHeaderSent is wrapped by the error of a Save that has to set a cookie after
	// the header has been written, if the ResponseWriter, or one that it unwraps to,
	// has a method Written() bool which says so. Nothing is written. The writers of
	// net/http have no such method.
	ErrHeaderSent = errors.New("gorillastore: too late to set the cookie, the header has been written")
	// ErrNotLoaded is wrapped by the error of a Save, or a Get, of a session that
	// this store has not made: of another store with a session of the same name in
	// the same request, or made by hand.
	ErrNotLoaded = errors.New("gorillastore: the session is not one of this store")

	errPlainHTTP = errors.New("gorillastore: Options.InsecureCookies is for clients on the loopback interface only")
)

// outage wraps what went wrong below a backend. If ctx has ended, that is the error,
// whatever the driver made of it.
func outage(ctx context.Context, what string, err error) error {
	if end := ctx.Err(); end != nil && !errors.Is(err, end) {
		return fmt.Errorf("gorillastore: %s: %w: %v", what, end, err)
	}
	return fmt.Errorf("gorillastore: %s: %w", what, err)
}
