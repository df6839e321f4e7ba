package auth

import (
	"slices"
	"sync"
	"sync/atomic"
)

// watchers are what [Manager.Watch] has begun, by what can end it.
type watchers struct {
	n        atomic.Int64 // how many; while there are none, nothing else is touched
	mu       sync.Mutex
	sessions watchIndex[SessionID]
	users    watchIndex[string]
}

type watchIndex[K comparable] map[K]map[*watch]struct{}

func (x *watchIndex[K]) put(key K, w *watch) {
	if *x == nil {
		*x = watchIndex[K]{}
	}
	if (*x)[key] == nil {
		(*x)[key] = map[*watch]struct{}{}
	}
	(*x)[key][w] = struct{}{}
}

func (x watchIndex[K]) drop(key K, w *watch) {
	delete(x[key], w)
	if len(x[key]) == 0 {
		delete(x, key)
	}
}

// add comes before the first look: what is ended later than that finds w here.
func (ws *watchers) add(w *watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.n.Add(1)
	ws.users.put(w.userID, w)
	if w.session != (SessionID{}) {
		ws.sessions.put(w.session, w)
	}
}

func (ws *watchers) remove(w *watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.users.drop(w.userID, w)
	ws.sessions.drop(w.session, w)
	ws.n.Add(-1)
}

func (ws *watchers) sessionOf(w *watch) SessionID {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return w.session
}

// end ends what hangs on the session.
func (ws *watchers) end(id SessionID) {
	if ws.n.Load() == 0 {
		return
	}
	ws.mu.Lock()
	var over []*watch
	for w := range ws.sessions[id] {
		over = append(over, w)
	}
	ws.mu.Unlock()
	endWatches(over)
}

// endUser ends what hangs on any of the user's sessions but those in except. What
// hangs on something else of theirs looks whether that is still there.
func (ws *watchers) endUser(userID string, except ...SessionID) {
	if ws.n.Load() == 0 {
		return
	}
	ws.mu.Lock()
	var over []*watch
	for w := range ws.users[userID] {
		switch {
		case w.session == (SessionID{}):
			w.lookSoon()
		case !slices.Contains(except, w.session):
			over = append(over, w)
		}
	}
	ws.mu.Unlock()
	endWatches(over)
}

// endWatches is called without the lock: whoever hangs on these contexts is told.
func endWatches(over []*watch) {
	for _, w := range over {
		w.end(problemOf(nobodyRevoked))
	}
}

// move makes what hangs on the session from hang on the session to, and look
// whether that is there: somebody may have ended it before.
func (ws *watchers) move(from, to SessionID) {
	if ws.n.Load() == 0 {
		return
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.sessions[from] {
		ws.sessions.drop(from, w)
		w.session = to
		ws.sessions.put(to, w)
		w.lookSoon()
	}
}
