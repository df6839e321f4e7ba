package auth

import (
	"io"
	"net/http"
	"slices"
	"strings"
)

// notForCaches keeps a response with one of our cookies out of every cache, as far
// as the handler leaves it so.
func notForCaches(h http.Header) {
	vary(h, varyCookie)
	noStore(h)
}

// keepCookies returns w, or a wrapper if a restoration has set cookies: the handler
// behind it does not know of them, and may be one that says that its answer is for
// everybody, or puts a header of its own in place of ours.
func (m *Manager) keepCookies(w http.ResponseWriter) http.ResponseWriter {
	var ours []string
	for _, line := range w.Header()["Set-Cookie"] {
		if name, _, _ := strings.Cut(line, "="); name == m.cookies.session || name == m.cookies.remember || name == m.cookies.login {
			ours = append(ours, line)
		}
	}
	if len(ours) == 0 {
		return w
	}
	return &cookieKeeper{ResponseWriter: w, cookies: ours}
}

// A cookieKeeper looks after cookies until the header is written. What else w can
// do, [http.ResponseController] finds through Unwrap.
type cookieKeeper struct {
	http.ResponseWriter
	cookies []string
	written bool
}

func (k *cookieKeeper) Unwrap() http.ResponseWriter { return k.ResponseWriter }

func (k *cookieKeeper) WriteHeader(status int) {
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		k.keep()
	}
	k.ResponseWriter.WriteHeader(status)
}

func (k *cookieKeeper) Write(b []byte) (int, error) {
	k.keep()
	return k.ResponseWriter.Write(b)
}

// ReadFrom lets w copy files its own way.
func (k *cookieKeeper) ReadFrom(src io.Reader) (int64, error) {
	k.keep()
	return io.Copy(k.ResponseWriter, src)
}

// FlushError is what [http.ResponseController.Flush] asks for.
func (k *cookieKeeper) FlushError() error {
	k.keep()
	return http.NewResponseController(k.ResponseWriter).Flush()
}

// Flush makes a k an [http.Flusher], for handlers that look for one themselves.
func (k *cookieKeeper) Flush() { _ = k.FlushError() } // as in net/http: who cannot flush does nothing

// keep puts back the cookies that are missing, unless something was set in their
// place since, and keeps the response out of caches.
func (k *cookieKeeper) keep() {
	if k.written {
		return
	}
	k.written = true
	h := k.Header()
	for _, line := range k.cookies {
		name, _, _ := strings.Cut(line, "=")
		if !slices.ContainsFunc(h["Set-Cookie"], func(set string) bool { return strings.HasPrefix(set, name+"=") }) {
			h.Add("Set-Cookie", line)
		}
	}
	notForCaches(h)
}
