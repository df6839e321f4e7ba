package auth

// watchers are the contexts of [Manager.Watch] by the session that they hang on.
type watchers struct{}

// end ends what hangs on the session.
func (w *watchers) end(id SessionID) {}

// endUser ends what hangs on any of the user's sessions but those in except.
func (w *watchers) endUser(userID string, except ...SessionID) {}

// move makes what hangs on the session from hang on the session to.
func (w *watchers) move(from, to SessionID) {}
