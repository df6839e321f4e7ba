// Package perrequest keeps what was found out for the time of one request. Package
// auth has a [Memo] in the context of every request that it looks at.
package perrequest

import (
	"context"
	"sync"
)

// Key finds the *[Memo] in a context.
type Key struct{}

// A Memo keeps values until its request ends, somebody logs in or out in it, or
// auth.Manager.Recheck looks again. Its methods are safe for concurrent
// use. Keys are of types of those who use it, so that these do not meet.
type Memo struct{ values sync.Map }

// From returns the memo of the request that ctx belongs to, or nil if it belongs to
// none: then nothing can be kept.
func From(ctx context.Context) *Memo {
	m, _ := ctx.Value(Key{}).(*Memo)
	return m
}

// Load returns what is kept under key.
func (m *Memo) Load(key any) (value any, ok bool) {
	if m == nil {
		return nil, false
	}
	return m.values.Load(key)
}

// Store keeps value under key. On a nil memo it does nothing.
func (m *Memo) Store(key, value any) {
	if m != nil {
		m.values.Store(key, value)
	}
}
