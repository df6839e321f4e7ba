package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const sessionCookie = "__Host-sid"

// A client is one of those that use the sites at the same time.
type client struct {
	run    *run
	user   *user
	random *rand.Rand
}

// An answer is one to a request.
type answer struct {
	status int
	body   struct {
		Code    string `json:"code"` // of a refusal
		UserID  string `json:"user_id"`
		Session struct {
			ID string `json:"id"`
		} `json:"session"`
	}
	cookie string // "": none was set
}

// site returns one of the sites, and another.
func (c *client) site() (one, other string) {
	i := c.random.IntN(len(c.run.Sites))
	return c.run.Sites[i], c.run.Sites[(i+1)%len(c.run.Sites)]
}

// send sends a request and counts it. An error is that there was no answer.
func (c *client) send(what, method, address, cookie string, form url.Values) (answer, error) {
	var a answer
	// The load ends between requests and not in one.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return a, err
	}
	r.Header.Set("Accept", "application/json")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if cookie != "" {
		r.Header.Set("Cookie", sessionCookie+"="+cookie)
	}
	start := time.Now()
	res, err := c.run.http.Do(r)
	if err == nil {
		var body []byte
		body, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
		res.Body.Close()
		a.status = res.StatusCode
		if err == nil {
			err = json.Unmarshal(bytes.TrimSpace(body), &a.body)
		}
		for _, set := range res.Cookies() {
			if set.Name == sessionCookie {
				a.cookie = set.Value
			}
		}
	}
	c.run.count(what, time.Since(start))
	if err != nil {
		c.run.wrong(fmt.Sprintf("%s: %v", what, err))
	}
	return a, err
}

// ask asks a site who is asking, and judges the answer.
func (c *client) ask(what, site string, s *session) {
	wasEnded := s.ended.Load() != 0
	a, err := c.send(what, http.MethodGet, site+"/me", s.cookie, nil)
	if err != nil {
		return
	}
	if w := s.judge(wasEnded, c.run.now(), a.status, a.body.UserID); w != "" {
		c.run.wrong(what + ": " + w)
	}
}

// act does one thing that people do.
func (c *client) act() {
	site, other := c.site()
	s := c.user.pick(c.random)
	if s == nil {
		c.logIn(site)
		return
	}
	switch n := c.random.IntN(1000); {
	case n < 30:
		c.logIn(site)
	case n < 60:
		c.logOut(s, site, other)
	case n < 85:
		c.revoke(s, site, other)
	case n < 90:
		c.revokeOthers(s, site, other)
	case n < 95:
		c.nobody("a wrong password", http.MethodPost, site+"/auth/login", "", url.Values{"email": {c.user.Email}, "password": {"something else entirely"}})
	case n < 110:
		c.nobody("a forged cookie", http.MethodGet, site+"/me", forged(c.random), nil)
	case n < 120:
		c.nobody("no cookie", http.MethodGet, site+"/me", "", nil)
	case n < 170:
		if dead := c.user.pickDead(c.random); dead != nil {
			c.ask("an ended session", site, dead)
		}
	default:
		c.ask("a page", site, s)
	}
}

// nobody sends what must be answered with 401.
func (c *client) nobody(what, method, address, cookie string, form url.Values) {
	if a, err := c.send(what, method, address, cookie, form); err == nil && a.status != http.StatusUnauthorized {
		c.run.wrong(fmt.Sprintf("%s: status %d", what, a.status))
	}
}

func forged(random *rand.Rand) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	b := make([]byte, 43)
	for i := range b {
		b[i] = letters[random.IntN(len(letters))]
	}
	b[42] = 'A' // the last has bits to spare
	return string(b)
}

// logIn logs in on one site and looks at the session on another.
func (c *client) logIn(site string) {
	begun := c.run.now()
	a, err := c.send("a login", http.MethodPost, site+"/auth/login", "", url.Values{"email": {c.user.Email}, "password": {Password}})
	if err != nil {
		return
	}
	if a.status != http.StatusOK || a.cookie == "" {
		c.run.wrong(fmt.Sprintf("a login: status %d %s, cookie %t", a.status, a.body.Code, a.cookie != ""))
		return
	}
	s := &session{user: c.user, cookie: a.cookie}
	_, other := c.site()
	if a, err = c.send("a session", http.MethodGet, other+"/auth/session", s.cookie, nil); err != nil {
		return
	}
	switch {
	case a.status == http.StatusOK && a.body.UserID == c.user.UserID && a.body.Session.ID != "":
		s.handle = a.body.Session.ID
		c.user.add(s, begun)
	case a.status == http.StatusUnauthorized && c.user.endedSince(begun):
	default:
		c.run.wrong(fmt.Sprintf("a session: of user %s the site says status %d, user %q", c.user.UserID, a.status, a.body.UserID))
	}
}

// logOut logs out on one site and looks at the session on another at once.
func (c *client) logOut(s *session, site, other string) {
	if !c.user.take(s) {
		return
	}
	begun := c.run.now()
	s.askEnd(begun)
	a, err := c.send("a log-out", http.MethodPost, site+"/auth/logout", s.cookie, url.Values{})
	if err != nil {
		return
	}
	switch {
	case a.status == http.StatusOK:
		c.over(s, other)
	case a.status == http.StatusUnauthorized && c.user.endedSince(begun): // by another
	default:
		c.run.wrong(fmt.Sprintf("a log-out: status %d", a.status))
	}
}

// over says that the session has ended, and looks at once.
func (c *client) over(s *session, site string) {
	s.end(c.run.now())
	c.user.bury(s)
	c.ask("at once after the end", site, s)
}

// revoke ends another session of the user on one site and looks at it on another
// at once.
func (c *client) revoke(by *session, site, other string) {
	s := c.user.pick(c.random)
	if s == nil || s == by || !c.user.take(s) {
		return
	}
	begun := c.run.now()
	s.askEnd(begun)
	a, err := c.send("a revocation", http.MethodPost, site+"/auth/sessions/revoke", by.cookie, url.Values{"id": {s.handle}})
	if err != nil {
		return
	}
	switch {
	case a.status == http.StatusOK:
		c.over(s, other)
	case a.status == http.StatusUnauthorized && by.asked.Load() != 0:
		// Who revokes was ended meanwhile. Nobody can say whether the other was.
	case a.status == http.StatusNotFound && c.user.endedSince(begun): // by another
	default:
		c.run.wrong(fmt.Sprintf("a revocation: status %d", a.status))
	}
}

// revokeOthers ends all other sessions of the user.
func (c *client) revokeOthers(by *session, site, other string) {
	others, ok := c.user.takeOthers(by)
	if !ok {
		return
	}
	for _, s := range others {
		s.askEnd(c.run.now())
	}
	a, err := c.send("a revocation of all others", http.MethodPost, site+"/auth/sessions/revoke", by.cookie, url.Values{"all": {"others"}})
	c.user.tookOthers(c.run.now())
	if err != nil {
		return
	}
	switch {
	case a.status == http.StatusOK:
		for _, s := range others {
			s.end(c.run.now())
		}
		for _, s := range others {
			c.over(s, other)
		}
	case a.status == http.StatusUnauthorized && by.asked.Load() != 0:
	default:
		c.run.wrong(fmt.Sprintf("a revocation of all others: status %d", a.status))
	}
}
