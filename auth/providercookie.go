package auth

import (
	"net/http"
	"time"
)

// SetCookie sets a cookie of a provider's, with the prefix, the realm and the
// attributes that all of Gatehouse's cookies have: name is in lower-case letters.
// With a negative maxAge it deletes the cookie. What is in it is a secret between
// the provider and the browser: the error says that it must not go over plain HTTP.
func (m *Manager) SetCookie(w http.ResponseWriter, r *http.Request, name, value string, maxAge time.Duration) error {
	if err := m.mayHoldCookies(r); err != nil {
		return err
	}
	m.setCookie(w, m.cookies.of(name), value, maxAge)
	return nil
}

// Cookie returns the value of a cookie that [Manager.SetCookie] has set, "" if there
// is none. It is as if there were none if there are two: one of them is not ours.
func (m *Manager) Cookie(r *http.Request, name string) string {
	return cookie(r, m.cookies.of(name))
}
