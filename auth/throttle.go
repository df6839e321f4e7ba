package auth

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/internal/identifier"
)

// siteShare is how much an IPv6 /48 has of what costs somebody something, as against
// one of its networks, and all browsers of a user together as against one of them.
const siteShare = 5

// share is what several have together of what each has a limit of.
func share(l Limit) Limit { return Limit{max(l.Max, siteShare*l.Max), l.Per} } // max: that may overflow

// Throttle counts something that is not a guess but costs somebody something, such as
// a mail that is asked for, under scope: for the client's network; for an IPv6 /48, with
// five times perNetwork; and for account, an address, whether or not anybody has it. It
// counts in this order and stops at the first that is over its limit: so whoever has used
// up their network's uses up nobody's account, and makes no counters for ever more of them.
// What is refused counts in the limit that it is over, and makes nobody wait longer. A limit
// that is zero is none, and counts nothing.
//
// If account is an e-mail address, or "email:" and one, a browser in which the user who has
// proved it has logged in before has perAccount for itself, in place of the account's, which
// others can use up; and all of them together have five times that: whoever can log in does
// not bury the user in mail. What else is done, and in which order, is the same whether or
// not anybody has the address.
//
// If all are within their limit, wait is 0; else it is until the window of the one that is
// over ends, a second at least. An error is an outage.
func (m *Manager) Throttle(r *http.Request, scope, account string, perAccount, perNetwork Limit) (wait time.Duration, err error) {
	now, addr := m.Now(), m.ClientAddr(r)
	buckets := []bucket{{m.counterKey(scope, "network", network(addr)), perNetwork}}
	if far, ok := site(addr); ok {
		buckets = append(buckets, bucket{m.counterKey(scope, "site", far), share(perNetwork)})
	}
	for _, b := range buckets {
		if wait, err := m.spend(r, b, now); err != nil || wait > 0 {
			return wait, err
		}
	}
	device, userID, err := m.knownFor(r, account)
	if err != nil {
		return 0, err
	} else if userID == "" {
		return m.spend(r, bucket{m.counterKey(scope, "account", account), perAccount}, now)
	}
	wait, err = m.spend(r, bucket{m.counterKey(scope, "device", device), perAccount}, now)
	if err != nil || wait > 0 {
		return wait, err
	}
	return m.spend(r, bucket{m.counterKey(scope, "devices", userID), share(perAccount)}, now)
}

// spend counts in b, and returns how long there is no more.
func (m *Manager) spend(r *http.Request, b bucket, now time.Time) (wait time.Duration, err error) {
	if b.Limit == (Limit{}) {
		return 0, nil
	}
	n, until, err := m.count(r.Context(), b.key, b.Per, now)
	if err != nil {
		return 0, asOutage(err)
	}
	if n > b.Max {
		return max(until.Sub(now), time.Second), nil
	}
	return 0, nil
}

// knownFor returns the user who has the address account, and what is kept of the token of
// r's browser, if they are known in it; "" if not. Whoever only claims the address may be
// anybody, with any number of browsers: they are nobody here. A browser that is known to
// anybody makes it look twice, whoever has the address.
func (m *Manager) knownFor(r *http.Request, account string) (device, userID string, err error) {
	tok, ok := parseToken(cookie(r, m.cookies.device))
	address := strings.TrimPrefix(account, "email:")
	if key, err := identifier.Email(address); !ok || err != nil || key != address {
		return "", "", nil
	}
	userID = m.nobody
	switch c, err := m.store.LoadCredential(r.Context(), "email", address); {
	case err == nil && !m.hasExpired(&c) && (!c.VerifiedAt.IsZero() || m.hostKeeps()):
		userID = c.UserID
	case err != nil && !errors.Is(err, ErrNotFound):
		return "", "", asOutage(err)
	}
	device = m.deviceKey(tok, userID)
	c, err := m.store.LoadCredential(r.Context(), deviceKind, device)
	switch {
	case err == nil && !m.hasExpired(&c):
		return device, userID, nil
	case err != nil && !errors.Is(err, ErrNotFound):
		return "", "", asOutage(err)
	}
	return "", "", nil
}
