package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/providers/password"
)

// targets are where nobody may be sent: by scheme, by host, by what browsers
// and proxies make of slashes and controls.
var targets = []string{
	"//evil.com", "//user@evil.com", "//[::1]", "///evil.com", "////evil.com",
	`/\evil.com`, `/./\evil.com`, `/a/../\evil.com`, `\\evil.com`, `\/evil.com`,
	"/\t/evil.com", "/\n/evil.com", "\t//evil.com", " //evil.com", "/\x00/evil.com",
	"https:evil.com", "http:evil.com", "https:/evil.com", "http:///evil.com", "https://evil.com",
	"javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x",
	"/..//evil.com", "/.//evil.com", "/%2e%2e//evil.com",
	"/%09/evil.com", "/%5cevil.com", "/%2fevil.com", "/%2f%2fevil.com", "/%252fevil.com", "/%255cevil.com",
	"https://app.example@evil.com", "https://app.example.evil.com", "https://app.example:443@evil.com", `https://app.example\@evil.com`,
	"/\r\nSet-Cookie: sid=evil", "/auth/logout", "/auth/login?next=" + strings.Repeat("%2Fauth%2Flogin%3Fnext%3D", 10),
	"/" + strings.Repeat("a", 8192), "evil.com", "", "/%zz", "/\u2028/evil.com", "mailto:eve@evil.com",
	// These are harmless, and not to be tripped over.
	"/ok?x=//evil.com", "/ok#//evil.com", "/a//b", "/me",
}

// strays returns what is wrong with sending a browser that is at page, on this
// host, to location.
func strays(page, host, location string) error {
	// WHATWG URL: controls and spaces around it and tabs and line ends in it
	// are dropped, and a backslash is a slash.
	l := strings.TrimFunc(location, func(r rune) bool { return r <= ' ' })
	l = strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(l)
	if i := strings.IndexFunc(l, func(r rune) bool { return r == ':' || r == '/' || r == '?' || r == '#' }); i > 0 && l[i] == ':' {
		return fmt.Errorf("%q has a scheme", location)
	}
	if strings.HasPrefix(l, "//") {
		return fmt.Errorf("%q is on another host", location)
	}
	// The fragment leads nowhere, and may hold anything.
	l, _, _ = strings.Cut(l, "#")
	base, err := url.Parse("http://" + host + page)
	if err != nil {
		base = &url.URL{Scheme: "http", Host: host, Path: "/"}
	}
	to, err := base.Parse(l)
	if err != nil {
		return fmt.Errorf("%q cannot be read: %v", location, err)
	}
	// Whoever decodes it once more must not end up elsewhere either.
	if to.Host != host || strings.HasPrefix(strings.ReplaceAll(to.Path, `\`, "/"), "//") {
		return fmt.Errorf("%q leads to %s", location, to)
	}
	return nil
}

// TestStrays: the judge of the tests below knows good from bad.
func TestStrays(t *testing.T) {
	for _, l := range []string{"//evil.com", "///evil.com", `/\evil.com`, `\\evil.com`, "/\t/evil.com", "\n//evil.com", "https:evil.com", "https:/evil.com",
		"JaVaScRiPt:alert(1)", "mailto:eve@evil.com", "http://demo@evil.com", `http://demo\@evil.com`, "/%2fevil.com", "/%5cevil.com"} {
		if strays("/auth/login", "demo", l) == nil {
			t.Errorf("%q passes", l)
		}
	}
	for _, l := range []string{"/", "/me?x=//evil.com", "/a//b", "/auth/login?next=%2F%2Fevil.com", "/?x#/:%c3%%ff", "#//evil.com"} {
		if err := strays("/auth/login", "demo", l); err != nil {
			t.Errorf("%q: %v", l, err)
		}
	}
}

// TestNext: whoever logs in, registers, confirms or logs out with a hostile
// target ends up on the site, by every way that a target can come.
func TestNext(t *testing.T) {
	d := newDemo(t, "memory:", func(c *config) { c.proxies = loopback })
	host := d.Listener.Addr().String()
	n := 0
	for _, js := range []bool{false, true} {
		for _, target := range targets {
			n++
			d.Advance(time.Minute)
			c := d.client(t, js)
			c.header.Set("X-Forwarded-For", fmt.Sprintf("10.0.0.%d", n))
			email := fmt.Sprintf("user-%d@example.com", n)
			for _, a := range []answer{
				c.post("/auth/register", "email", email, "password", secret, "next", target),
				c.post("/auth/confirm", "password", secret, "next", target),
				c.post("/auth/password", "current", secret, "password", "another horse, another battery", "next", target),
				c.get("/auth/login?next=" + url.QueryEscape(target)), // logged in already
				c.get("/auth/register?next=" + url.QueryEscape(target)),
				c.post("/auth/logout", "next", target),
				c.post("/auth/login", "email", email, "password", "another horse, another battery", "next", target),
				d.client(t, js).get("/auth/login?next=" + url.QueryEscape(target)),
			} {
				if a.StatusCode >= 400 {
					t.Errorf("%s with next %q: %s", a.Request.URL, target, a)
				}
				if err := onSite(host, a); err != nil {
					t.Errorf("%s with next %q: %v", a.Request.URL, target, err)
				}
			}
			if !c.in() {
				t.Errorf("next %q keeps people from logging in", target)
			}
		}
	}
}

// hidden are the targets and links in a page.
var hidden = regexp.MustCompile(`(?:name="next" value|href|action)="([^"]*)"`)

// onSite returns what in an answer leads away from host.
func onSite(host string, a answer) error {
	page := a.Request.URL.RequestURI()
	if l, ok := a.Header["Location"]; ok {
		for _, l := range l {
			if err := strays(page, host, l); err != nil {
				return err
			}
		}
	}
	if strings.Contains(a.Header.Get("Content-Type"), "json") {
		var body struct{ Next string }
		if err := json.Unmarshal([]byte(a.body), &body); err != nil {
			return fmt.Errorf("JSON that is none: %v", err)
		}
		return strays(page, host, body.Next)
	}
	for _, m := range hidden.FindAllStringSubmatch(a.body, -1) {
		if err := strays(page, host, html.UnescapeString(m[1])); err != nil {
			return fmt.Errorf("in the page: %w", err)
		}
	}
	return nil
}

// A counted hasher says how often it is used.
type counted struct {
	password.Hasher
	n *atomic.Int64
}

func (c counted) Hash(p []byte) (string, error) { c.n.Add(1); return c.Hasher.Hash(p) }

func (c counted) Verify(encoded string, p []byte) error {
	c.n.Add(1)
	return c.Hasher.Verify(encoded, p)
}

var hostileSeed = flag.Uint64("hostile.seed", 0, "make the requests of TestHostile from this `seed`, which it prints")

// TestHostile sends 10,000 malformed requests from 500 addresses through a
// trusted proxy, as bytes on connections, since a client of net/http would
// refuse to send most of them. Nothing may break, nobody may be logged in, and
// nobody may be sent away.
func TestHostile(t *testing.T) {
	const requests, workers = 10_000, 8
	seed := *hostileSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("again: -run TestHostile -hostile.seed %d", seed)
	var hashed atomic.Int64
	db := file(t) + "?_pragma=synchronous(normal)" // faster, and a loss of power is not what is tested
	d := newDemo(t, db, func(c *config) {
		c.proxies = loopback
		c.hasher = counted{quick, &hashed}
	})
	victim := d.client(t, true)
	victim.register(email, secret)
	const other = "grace@example.com" // whose sessions the victim's session cannot end
	stays := d.client(t, true)
	stays.register(other, secret)
	stays.logIn(other, secret, "remember", "true")
	hashed.Store(0)
	token := victim.cookie("sid")
	before := strings.Count(d.log.String(), "event=login ")

	var got [600]atomic.Int64
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			f := &fuzzer{rand.New(rand.NewPCG(seed, uint64(i))), token, stays.cookie("remember")}
			var conn *wire
			defer func() { conn.close() }()
			for n := range requests / workers {
				if n%50 == 0 {
					d.Advance(time.Second)
				}
				raw, method := f.request(fmt.Sprintf("10.7.%d.%d", (n*workers+i)%500/250, (n*workers+i)%250))
				var a answer
				var err error
				if conn == nil {
					if conn, err = dial(d.Listener.Addr().String()); err != nil {
						t.Error(err)
						return
					}
				}
				a, err = conn.send(raw, method)
				if err != nil {
					conn.close()
					if _, refused := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw))); refused == nil {
						t.Errorf("no answer to %.500q: %v", raw, err)
					} // else net/http hung up on it, perhaps before it was read
					conn = nil
					continue
				}
				got[a.StatusCode].Add(1)
				if fault := f.judge(d.Listener.Addr().String(), a); fault != "" {
					t.Errorf("%s: %.1000q\nanswered %s, %v", fault, raw, a.Status, a.Header)
				}
				if a.Close {
					conn.close()
					conn = nil
				}
			}
		})
	}
	wg.Wait()

	if now := strings.Count(d.log.String(), "event=login "); now != before {
		t.Errorf("%d logins", now-before)
	}
	if n := strings.Count(d.log.String(), "event=registered"); n != 2 {
		t.Errorf("%d registrations", n)
	}
	if strings.Contains(d.log.String(), "panic") {
		t.Error("somebody panicked")
	}
	if !victim.in() {
		t.Error("the victim has been logged out")
	}
	stays.drop("sid")
	if !stays.in() {
		t.Error("the other is remembered no more")
	}
	victim.logIn(email, secret) // is known, and thus not locked out
	var all []string
	for status := range got {
		if n := got[status].Load(); n > 0 {
			all = append(all, fmt.Sprintf("%d: %d", status, n))
		}
	}
	t.Logf("answers %s; %d hashes", strings.Join(all, ", "), hashed.Load())
	if n := hashed.Load(); n == 0 || n > requests/5 {
		t.Errorf("%d of %d requests were hashed", n, requests)
	}
	for _, status := range []int{200, 303, 400, 401, 403, 404, 405, 413, 415, 422} {
		if got[status].Load() == 0 {
			t.Errorf("no answer is %d: the requests reach too little", status)
		}
	}
}

// A wire is a connection for requests that are no requests.
type wire struct {
	net.Conn
	r *bufio.Reader
}

func dial(addr string) (*wire, error) {
	c, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &wire{c, bufio.NewReader(c)}, nil
}

func (w *wire) close() {
	if w != nil {
		w.Conn.Close()
	}
}

func (w *wire) send(raw []byte, method string) (answer, error) {
	if err := w.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return answer{}, err
	}
	written := make(chan error, 1)
	go func() { _, err := w.Write(raw); written <- err }()
	r := &http.Request{Method: method, URL: &url.URL{Path: "/"}}
	resp, err := http.ReadResponse(w.r, r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	if resp.Close {
		w.Conn.Close()
	}
	if err := <-written; err != nil && !resp.Close {
		return answer{}, err
	}
	return answer{resp, string(body)}, nil
}

// A fuzzer makes requests that are wrong somewhere.
type fuzzer struct {
	*rand.Rand
	token    string // of somebody else's session
	remember string // of another's browser
}

func (f *fuzzer) of(list ...string) string { return list[f.IntN(len(list))] }

// maybe returns one of list at times, and mostly the first.
func (f *fuzzer) maybe(first string, list ...string) string {
	if f.IntN(4) > 0 {
		return first
	}
	return f.of(list...)
}

func (f *fuzzer) junk() string {
	const chars = "aZ09-_.~/\\\"'<>;=%&+?#@: \t\x00\x01\x7f\x80\xff\u00e9\u202e"
	b := make([]byte, f.IntN(40))
	for i := range b {
		b[i] = chars[f.IntN(len(chars))]
	}
	return string(b)
}

// spoil changes a byte, cuts, doubles or lengthens.
func (f *fuzzer) spoil(s string) string {
	if s == "" {
		return f.junk()
	}
	b := []byte(s)
	i := f.IntN(len(b))
	switch f.IntN(6) {
	case 0:
		b[i] ^= 1 << f.IntN(8)
	case 1:
		b = b[:i]
	case 2:
		b = append(b, b[i:]...)
	case 3:
		b = append(b[:i:i], append([]byte(f.junk()), b[i:]...)...)
	case 4:
		b = bytes.ToUpper(b)
	case 5:
		b = append(b, bytes.Repeat([]byte{b[i]}, f.IntN(300))...)
	}
	return string(b)
}

// header makes of a value one that net/http does not refuse by itself.
func header(s string) string {
	b := []byte(s)
	return string(slices.DeleteFunc(b, func(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }))
}

func (f *fuzzer) request(from string) (raw []byte, method string) {
	path := f.of("/", "/me", "/settings", "/auth/login", "/auth/login", "/auth/login", "/auth/register", "/auth/register",
		"/auth/logout", "/auth/password", "/auth/confirm", "/auth/sessions", "/auth/sessions/revoke", "/auth/session", "/auth/account", "/auth/keys", "/auth/keys/revoke", "/auth/keys/rename")
	usual := "POST"
	if f.IntN(5) == 0 || slices.Contains([]string{"/", "/me", "/settings", "/auth/sessions", "/auth/session", "/auth/account"}, path) {
		usual = "GET"
	}
	method = f.maybe(usual, "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "post", "CONNECT", "X"+strings.Repeat("X", f.IntN(200)))
	target := f.of(targets...)
	switch f.IntN(8) {
	case 0:
		path += "?next=" + url.QueryEscape(target)
	case 1:
		path += "?next=" + header(strings.ReplaceAll(target, " ", "+"))
	case 2:
		path = f.of("/"+f.junk(), path+"/", "/"+path, path+"/..", "/auth/../auth/login", "/auth/%6cogin", "/AUTH/LOGIN", "//evil.com/%2e%2e",
			`/\evil.com/..`, "/auth/./login", "/auth/login;x=y", path+"%00", path+"?"+f.junk(), path+"?next=a&next=b", "http://evil.com"+path, "*", "/..//evil.com/..", "/./%5cevil.com//")
	}
	path = strings.NewReplacer(" ", "%20", "\t", "%09").Replace(header(path))

	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", method, path)
	fmt.Fprintf(&b, "Host: %s\r\n", f.maybe("demo.example", "evil.com", "", "demo.example:99999", "[::1]", "..", "%2f%2fevil.com"))
	line := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, header(value)) }

	// The proxy adds the client's address; what is before it is the client's.
	forged := f.maybe("", "127.0.0.1", "::1", "10.7.0.1", "unknown", "_hidden", "[::1]:80", "1.2.3.4:5:6", strings.Repeat("1.1.1.1, ", 50), f.junk())
	if forged != "" && f.IntN(2) == 0 {
		line("X-Forwarded-For", forged)
	} else if forged != "" {
		from = forged + ", " + from
	}
	line("X-Forwarded-For", from)
	if f.IntN(4) == 0 {
		line(f.of("Forwarded", "X-Real-IP", "X-Forwarded-Host", "X-Original-URL", "X-HTTP-Method-Override", "Referer", "User-Agent", "Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Authorization", "Accept-Encoding", "Transfer", "Range", "If-None-Match"),
			f.of("evil.com", "https://evil.com", "cross-site", "null", "navigate", "Bearer "+f.token, "Bearer gk_"+f.junk(), "Bearer gk_"+f.token[:17]+"_"+f.token, "Basic Og==", "bytes=0-", f.junk(), strings.Repeat("x", 2000)))
	}
	if f.IntN(3) > 0 {
		line("Accept", f.maybe(f.of("text/html", "application/json"), "*/*", "text/html;q=2", "application/json;q=-1", ";;;,,,", "text/html;q=0,application/json;q=0", f.junk(), strings.Repeat("a/b,", 500)))
	}
	if path == "/auth/password" || path == "/auth/confirm" || path == "/auth/sessions/revoke" {
		line("Cookie", f.maybe("sid="+f.token, f.cookies()))
	} else if f.IntN(2) == 0 {
		line("Cookie", f.cookies())
	}
	contentType, body := "", ""
	if method != "GET" && method != "HEAD" || f.IntN(10) == 0 {
		contentType, body = f.body(path, target)
	}
	if contentType != "" {
		line("Content-Type", contentType)
	}
	if f.IntN(30) == 0 {
		line("Content-Encoding", f.of("gzip", "br", "identity", f.junk()))
	}
	switch {
	case body == "":
		b.WriteString("Content-Length: 0\r\n\r\n")
	case f.IntN(20) == 0: // in chunks
		fmt.Fprintf(&b, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	default:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	return b.Bytes(), method
}

// cookies are ours, spoiled. None of them is anybody's.
func (f *fuzzer) cookies() string {
	name := f.of("sid", "sid", "sid", "login", "device", "remember", "remember", "__Host-sid", "SID")
	well := strings.Repeat("A", 42) + f.of("A", "E", "8") // well-formed, and nobody's
	if name == "remember" {
		well = f.maybe(well+"."+well, well, "."+well, well+".", well+"."+well+".", f.remembered())
	}
	value := f.of("", "a", well, well+"A", f.junk(), strings.Repeat("A", 4000), `"`+well+`"`, "%41"+well[1:], strings.Repeat("=", 43), strings.Repeat("\xff", 43), f.swapped())
	switch f.IntN(4) {
	case 0:
		return name + "=" + value + "; " + name + "=" + well
	case 1:
		return f.junk() + ";" + name + "=" + value + ";" + f.junk()
	case 2:
		return strings.Repeat(";", f.IntN(50)) + name + strings.Repeat("=", f.IntN(3)) + value
	}
	return name + "=" + value
}

// remembered is the other's remember token with a change in its selector,
// which must make it nobody's. One in its verifier would be taken for a theft.
func (f *fuzzer) remembered() string {
	selector, verifier, _ := strings.Cut(f.remember, ".")
	return f.swap(selector) + "." + verifier
}

// swapped is the victim's token with a change that must make it nobody's.
func (f *fuzzer) swapped() string { return f.swap(f.token) }

func (f *fuzzer) swap(token string) string {
	b := []byte(token)
	i := f.IntN(len(b) - 1)
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

// body is a form or JSON that is never right: no password in it is anybody's,
// and none may be set.
func (f *fuzzer) body(path, target string) (contentType, body string) {
	address := f.maybe(f.of(email, "x@example.com", "y"+fmt.Sprint(f.IntN(1000))+"@example.com"), "", "@", "a@b@c", email+"\x00", "\u202e"+email, strings.Repeat("a", 300)+"@x.y", f.junk())
	pass := f.maybe(f.of("wrong", "short", ""), strings.Repeat("a", 1025), strings.Repeat("\u00e9", 600), "\x00", "passwordpassword", "\xff\xfe")
	if strings.HasPrefix(path, "/auth/login") && f.IntN(3) > 0 {
		pass = "" // so that little is hashed
	}
	fields := []string{"email", address, "password", pass, "current", pass, "name", f.junk(), "remember", f.of("true", "1", f.junk()), "next", target,
		f.of("id", "all", "user_id", "is_admin", "password[]", "email.x"), f.of("others", "", f.swapped(), "../..", f.junk())}
	if f.IntN(2) == 0 {
		contentType = "application/x-www-form-urlencoded"
		v := url.Values{}
		for i := 0; i+1 < len(fields); i += 2 {
			v.Add(fields[i], fields[i+1])
		}
		body = v.Encode()
		switch f.IntN(12) {
		case 0:
			body += "&password=" + url.QueryEscape(pass) + "2"
		case 1:
			body = f.spoil(body)
		case 2:
			body = strings.ReplaceAll(body, "&", ";")
		case 3:
			body += "&x=" + strings.Repeat("a", 66_000)
		case 4:
			body += strings.Repeat("&a=b", 300)
		}
	} else {
		contentType = "application/json"
		m := map[string]any{}
		for i := 0; i+1 < len(fields); i += 2 {
			m[fields[i]] = fields[i+1]
		}
		if f.IntN(4) == 0 {
			m[fields[2*f.IntN(len(fields)/2)]] = []any{nil, 1, -1e308, true, []string{"a"}, map[string]string{"$ne": ""}}[f.IntN(6)]
		}
		b, err := json.Marshal(m)
		if err != nil {
			return contentType, "{"
		}
		body = string(b)
		switch f.IntN(12) {
		case 0:
			body = f.spoil(body)
		case 1:
			body += body
		case 2:
			body = strings.Repeat("[", 20_000)
		case 3:
			body = `{"email":"a","email":"b"}`
		case 4:
			body = f.of("null", "[]", "0", `""`, "", "\ufeff"+body, "{\"email\":\"\\ud800\"}", `{"`+strings.Repeat("a", 66_000)+`":1}`)
		}
	}
	contentType = f.maybe(contentType, "", "text/plain", "multipart/form-data; boundary=x", "application/json; charset=utf-7", "application/x-www-form-urlencoded; charset=utf-8", "application/JSON", ";", f.junk())
	return contentType, body
}

// messageRE are the messages that anybody may be told.
var messageRE = regexp.MustCompile(`^((unauthenticated|not_fresh|logged_out|sessions\.revoked)[a-z.]*:[a-z]+\|?)+$`)

// judge returns what is wrong with an answer.
func (f *fuzzer) judge(host string, a answer) string {
	code, _ := a.problem()
	switch {
	case a.StatusCode == http.StatusServiceUnavailable && (code == "busy" || strings.Contains(a.body, "Too many people are logging in")):
	case a.StatusCode == http.StatusNotImplemented && a.Header.Get("Content-Type") == "text/plain; charset=utf-8" && a.Close:
		// net/http itself, of a transfer encoding
	case a.StatusCode >= 500:
		return "is broken by"
	}
	for _, c := range a.Cookies() {
		if c.Value != "" && !(c.Name == "flash" && messageRE.MatchString(c.Value)) {
			return "gives a cookie for"
		}
	}
	if len(a.Header["Set-Cookie"]) != len(a.Cookies()) {
		return "sets a malformed cookie for"
	}
	if a.Request.Method == "HEAD" {
		a.body = "{}"
	}
	if strings.Contains(a.body, f.token) || strings.Contains(a.body, f.remember) {
		return "tells a token to"
	}
	if err := onSite(host, a); err != nil {
		return err.Error() + " from"
	}
	return ""
}
