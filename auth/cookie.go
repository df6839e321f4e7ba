package auth

import (
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// cookieNames are the names of a realm's cookies.
type cookieNames struct {
	session string // who is logged in
	login   string // a half-done login
	device  string // a browser in which somebody has logged in before
	// who is to be logged in when there is no session
	remember string
	attrs    string // of every one of them, when set and when deleted

	prefix, suffix string
}

func newCookieNames(realm string, insecure bool) cookieNames {
	prefix, suffix, attrs := "__Host-", "", "; Path=/; Secure; HttpOnly; SameSite=Lax"
	if insecure {
		prefix, attrs = "", "; Path=/; HttpOnly; SameSite=Lax"
	}
	if realm != "" {
		suffix = "-" + realm
	}
	return cookieNames{
		session:  prefix + "sid" + suffix,
		login:    prefix + "login" + suffix,
		device:   prefix + "device" + suffix,
		remember: prefix + "remember" + suffix,
		attrs:    attrs,
		prefix:   prefix,
		suffix:   suffix,
	}
}

// of returns the name of a provider's cookie.
func (c *cookieNames) of(name string) string { return c.prefix + name + c.suffix }

// setCookie is the one function that writes cookies. With a negative maxAge it
// deletes the cookie, with 0 the cookie ends with the browser.
func (m *Manager) setCookie(w http.ResponseWriter, name, value string, maxAge time.Duration) {
	switch {
	case maxAge < 0:
		value = name + "=" + m.cookies.attrs + "; Max-Age=0"
	case maxAge == 0:
		value = name + "=" + value + m.cookies.attrs
	default:
		value = name + "=" + value + m.cookies.attrs + "; Max-Age=" + strconv.Itoa(int(maxAge/time.Second))
	}
	h := w.Header()
	// Of two cookies of one name browsers keep the last; send only that.
	old := h["Set-Cookie"]
	if len(old) == 0 {
		h["Set-Cookie"] = []string{value}
		return
	}
	for i, c := range old {
		if strings.HasPrefix(c, name) && len(c) > len(name) && c[len(name)] == '=' {
			old = append(append(make([]string, 0, len(old)), old[:i]...), old[i+1:]...)
			break
		}
	}
	h["Set-Cookie"] = append(old, value)
}

// errPlainHTTP: see [Options.InsecureCookies].
var errPlainHTTP = errors.New("auth: Options.InsecureCookies is for clients on the loopback interface only")

// mayHoldCookies refuses to give a secret over plain HTTP to a client that is
// not on this machine.
func (m *Manager) mayHoldCookies(r *http.Request) error {
	if !m.opts.InsecureCookies {
		return nil
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return errPlainHTTP
	}
	return nil
}

// cookie returns the value of the named cookie, "" if it is not there. It is
// as if not there if it is there twice: one of them is not ours, and nobody can
// say which.
func cookie(r *http.Request, name string) (value string) {
	found := false
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line = nextPair(line)
			if named(pair, name) {
				if found {
					return ""
				}
				found, value = true, pair[len(name)+1:]
			}
		}
	}
	return value
}

// seen are the cookies of a request that [Manager.Handler] looks at.
type seen struct {
	session    token
	has        bool // whether there is a session's
	half       bool // whether there may be a half-done login's
	remember   rememberToken
	remembered bool // whether there is a remembered browser's
}

// any reports whether one of them can say who is asking.
func (c *seen) any() bool { return c.has || c.half || c.remembered }

// look reads them. Nothing is looked up for a cookie that no token can be read
// from, or that is there twice: one of them is not ours, and nobody can say which.
func (c *cookieNames) look(r *http.Request) (found seen) {
	value, values := "", 0
	remember, remembers := "", 0
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line = nextPair(line)
			switch {
			case named(pair, c.session):
				value = pair[len(c.session)+1:]
				values++
			case named(pair, c.login):
				found.half = true
			case named(pair, c.remember):
				remember = pair[len(c.remember)+1:]
				remembers++
			}
		}
	}
	if values == 1 {
		found.session, found.has = parseToken(value)
	}
	if remembers == 1 {
		found.remember, found.remembered = parseRemember(remember)
	}
	return found
}

// named reports whether pair is name=value. What is least likely comes first.
func named(pair, name string) bool {
	return len(pair) > len(name) && pair[len(name)] == '=' && pair[:len(name)] == name
}

// nextPair cuts the first name=value off a Cookie header.
func nextPair(line string) (pair, rest string) {
	i := strings.IndexByte(line, ';')
	if i < 0 {
		i = len(line)
	} else {
		rest = line[i+1:]
	}
	pair = line[:i]
	for pair != "" && (pair[0] == ' ' || pair[0] == '\t') {
		pair = pair[1:]
	}
	return pair, rest
}
