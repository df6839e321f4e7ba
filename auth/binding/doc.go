// Package binding has what sessions can well be bound to, for the field To of
// auth.Binding: [UserAgent] and [Network]. Both together are
//
//	auth.Binding{To: []func(*http.Request, netip.Addr) string{binding.UserAgent, binding.Network(24, 48)}}
//
// A part of the host's own is a function of the same kind.
//
// # What it is worth
//
// A session cookie that was copied is of less use elsewhere: that is all. Whoever can
// read a cookie can mostly read the User-Agent that was sent with it, and whoever
// is behind the same router has the same network. And people do move: so the
// default of auth.Binding, to ask who changes for a proof where it matters, is right
// for nearly everybody, and Strict for sites whose users sit still.
//
// # What is not here
//
// Good parts are the same in each of a browser's requests, change seldom, and are
// another's only by accident. Accept-Language is none: it changes with the user's
// settings, extensions vary it, and most users of a site have the same. Sec-CH-UA-Platform
// says what UserAgent sees already, and only some browsers send it; versions of browser
// and system change every few weeks, by themselves, for everybody. Fingerprints of
// TLS differ between connections of one browser on purpose.
package binding
