package gorillastore

import (
	"runtime"
	"sync"
	"weak"

	"github.com/gorilla/sessions"
)

// A state is what the store knows of a session beyond what gorilla's Session has
// room for. It does not know the session, which would then never go.
type state struct {
	token  token
	rec    *Record // as it is known to be stored, nil: there is none
	hidden *Record // the cookie's, which is not shown to who is asking
	err    error   // why the session cannot be saved
	seen   bool    // its use has been noted in this request
	saved  bool    // its values have been stored in this request
}

// states finds the state of a session. It is not in Session.Values, which hosts
// clear and look through, nor in the request's context, which is another one in a
// request that was cloned before. An entry goes with its session.
type states struct{ m sync.Map }

func (t *states) add(session *sessions.Session, st *state) {
	key := weak.Make(session)
	t.m.Store(key, st)
	runtime.AddCleanup(session, func(key weak.Pointer[sessions.Session]) { t.m.Delete(key) }, key)
}

func (t *states) of(session *sessions.Session) (*state, error) {
	if session != nil {
		if st, ok := t.m.Load(weak.Make(session)); ok {
			return st.(*state), nil
		}
	}
	return nil, ErrNotLoaded
}
