package cachestore

import (
	"context"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A flight is one question to the store below, and those who wait for its answer.
type flight struct {
	done    chan struct{} // closed when the rest is there
	session *auth.Session
	err     error
	givenUp bool // whoever asked has gone, or panicked: this is no answer
}

// ask asks the store below, or waits for somebody who does.
func (s *Store) ask(ctx context.Context, sh *shard, id auth.SessionID) (*auth.Session, error) {
	for {
		sh.mu.Lock()
		if e := sh.entries[id]; e != nil && e.good(s.now(), s.ttl) { // just answered
			sh.mu.Unlock()
			return e.session, nil
		}
		f := sh.flights[id]
		if f == nil {
			f = &flight{done: make(chan struct{}), givenUp: true}
			sh.flights[id] = f
			sh.mu.Unlock()
			return s.fly(ctx, sh, id, f)
		}
		sh.mu.Unlock()
		select {
		case <-f.done:
			if !f.givenUp {
				return f.session, f.err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// fly asks for f. It does so with the caller's own context and in the caller's own
// goroutine: what belongs to a request stays with it.
func (s *Store) fly(ctx context.Context, sh *shard, id auth.SessionID, f *flight) (*auth.Session, error) {
	asked := s.now()
	defer func() {
		sh.mu.Lock()
		if sh.flights[id] == f { // else it was written to meanwhile
			delete(sh.flights, id)
			if f.session != nil {
				sh.put(&entry{session: f.session, asked: asked}, s.ttl)
			}
		}
		sh.mu.Unlock()
		close(f.done)
	}()
	session, err := s.below.LoadSession(ctx, id)
	if err != nil {
		f.err, f.givenUp = err, ctx.Err() != nil
		return nil, err
	}
	f.session, f.givenUp = session, false
	return session, nil
}
