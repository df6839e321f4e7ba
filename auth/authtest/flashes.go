package authtest

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// TestFlashes tests every rule of [auth.Flashes]. open returns one in which no
// browser has messages.
func TestFlashes(t *testing.T, open func(t *testing.T) auth.Flashes) {
	test := func(name string, f func(t *testing.T, fl auth.Flashes)) {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
	test("Kept", flashesKept)
	test("Order", flashesOrder)
	test("Forgotten", flashesForgotten)
	test("SameRequest", flashesSameRequest)
	test("AfterTake", flashesAfterTake)
	test("Same", flashesSame)
	test("Many", flashesMany)
	test("Invalid", flashesInvalid)
	test("Nothing", flashesNothing)
	test("Unreadable", flashesUnreadable)
	test("OtherBrowser", flashesOtherBrowser)
	test("OtherCookies", flashesOtherCookies)
	test("Concurrent", flashesConcurrent)
}

// The rules that more than one test looks at.
const (
	flashKept  = "Add keeps the message for the next page"
	flashOrder = "Take returns the messages oldest first; Add puts one behind those that are there"
	flashOnce  = "Take returns the messages and forgets them"
	flashAdded = "those that were added in the same request are among what Take returns"
)

// A reader is a browser that is shown messages.
type reader struct {
	t   *testing.T
	fl  auth.Flashes
	jar *cookiejar.Jar
}

func newReader(t *testing.T, fl auth.Flashes) *reader {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, "a new cookie jar", err)
	return &reader{t, fl, jar}
}

func originURL() *url.URL { return &url.URL{Scheme: "https", Host: "example.com", Path: "/"} }

// visit makes a request with the browser's cookies, and keeps those of the answer.
func (b *reader) visit(handle func(w http.ResponseWriter, r *http.Request)) http.Header {
	r := httptest.NewRequest(http.MethodGet, Origin+"/page", nil)
	for _, c := range b.jar.Cookies(originURL()) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	handle(w, r)
	res := w.Result()
	b.jar.SetCookies(originURL(), res.Cookies())
	return res.Header
}

// add adds messages, all in one request.
func (b *reader) add(list ...auth.Flash) http.Header {
	b.t.Helper()
	return b.visit(func(w http.ResponseWriter, r *http.Request) {
		for _, f := range list {
			if err := b.fl.Add(w, r, f); err != nil {
				b.t.Errorf("Add(%+v): %v\n\trule: %s", f, err, flashKept)
			}
		}
	})
}

// wants takes what there is, in a request of its own.
func (b *reader) wants(rule string, want ...auth.Flash) http.Header {
	b.t.Helper()
	return b.visit(func(w http.ResponseWriter, r *http.Request) { b.taken(w, r, rule, want...) })
}

func (b *reader) taken(w http.ResponseWriter, r *http.Request, rule string, want ...auth.Flash) {
	b.t.Helper()
	got, err := b.fl.Take(w, r)
	if err != nil || !slices.Equal(got, want) {
		b.t.Errorf("Take: %+v, error %v, want %+v\n\trule: %s", got, err, want, rule)
	}
}

func info(id string) auth.Flash { return auth.Flash{ID: id, Category: "info"} }

func flashesKept(t *testing.T, fl auth.Flashes) {
	for _, f := range []auth.Flash{
		{ID: "unauthenticated.expired", Category: "warning"},
		{ID: "a", Category: ""},
		{ID: strings.Repeat("az09_.-x", 8), Category: strings.Repeat("az09_.-x", 4)},
	} {
		b := newReader(t, fl)
		b.add(f)
		b.wants(flashKept, f)
	}
	b := newReader(t, fl)
	b.add(info("a"))
	b.visit(func(http.ResponseWriter, *http.Request) {})
	b.wants("a request that takes nothing changes nothing", info("a"))
}

func flashesOrder(t *testing.T, fl auth.Flashes) {
	b := newReader(t, fl)
	b.add(info("c"), info("a"))
	b.add(auth.Flash{ID: "b", Category: "error"})
	b.wants(flashOrder, info("c"), info("a"), auth.Flash{ID: "b", Category: "error"})
}

func flashesForgotten(t *testing.T, fl auth.Flashes) {
	b := newReader(t, fl)
	b.add(info("a"), info("b"))
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		b.taken(w, r, flashKept, info("a"), info("b"))
		b.taken(w, r, flashOnce+": in the same request")
	})
	b.wants(flashOnce)
}

func flashesSameRequest(t *testing.T, fl auth.Flashes) {
	b := newReader(t, fl)
	header := b.visit(func(w http.ResponseWriter, r *http.Request) {
		must(t, "Add", fl.Add(w, r, info("a")))
		b.taken(w, r, flashAdded, info("a"))
	})
	if cookies := header["Set-Cookie"]; len(cookies) != 0 {
		t.Errorf("Add and Take in one request set %q\n\trule: what is shown at once is not kept", cookies)
	}
	b.wants(flashOnce)
	b.add(info("b"))
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		must(t, "Add", fl.Add(w, r, info("c")))
		b.taken(w, r, flashAdded, info("b"), info("c"))
	})
	b.wants(flashOnce)
}

func flashesAfterTake(t *testing.T, fl auth.Flashes) {
	b := newReader(t, fl)
	b.add(info("a"))
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		b.taken(w, r, flashKept, info("a"))
		must(t, "Add", fl.Add(w, r, info("b")))
	})
	b.wants("what is added after a Take is kept for the next page", info("b"))
}

func flashesSame(t *testing.T, fl auth.Flashes) {
	const rule = "a message that is there already is kept once; another category makes another message"
	other := auth.Flash{ID: "a", Category: "error"}
	b := newReader(t, fl)
	b.add(info("a"), info("a"))
	b.add(info("a"), other)
	b.wants(rule, info("a"), other)
}

func flashesMany(t *testing.T, fl auth.Flashes) {
	const rule = "of many messages the newest are kept, 8 at least"
	var all []auth.Flash
	b := newReader(t, fl)
	for i := range 20 {
		f := auth.Flash{ID: fmt.Sprintf("%0*d", 64, i), Category: strings.Repeat("c", 32)}
		all = append(all, f)
		b.add(f)
	}
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		got, err := fl.Take(w, r)
		if err != nil || len(got) < 8 || len(got) > len(all) || !slices.Equal(got, all[len(all)-len(got):]) {
			t.Errorf("Take after %d messages: %+v, error %v\n\trule: %s", len(all), got, err, rule)
		}
	})
}

func flashesInvalid(t *testing.T, fl auth.Flashes) {
	const rule = "ErrInvalid for what Flash.Validate refuses, of which nothing is kept"
	b := newReader(t, fl)
	b.add(info("a"))
	for _, f := range []auth.Flash{
		{}, {ID: "Your password is wrong"}, {ID: "A"}, {ID: "a;b"}, {ID: "a\r\nb"}, {ID: "a,b"}, {ID: "é"}, {ID: "a\xff"},
		{ID: strings.Repeat("a", 65)}, {ID: "a", Category: "a b"}, {ID: "a", Category: strings.Repeat("a", 33)},
	} {
		b.visit(func(w http.ResponseWriter, r *http.Request) {
			checkErr(t, fmt.Sprintf("Add(%+q)", f), fl.Add(w, r, f), auth.ErrInvalid, rule)
		})
	}
	b.wants(rule, info("a"))
}

func flashesNothing(t *testing.T, fl auth.Flashes) {
	b := newReader(t, fl)
	if header := b.wants("there are no messages before there are any"); len(header) != 0 {
		t.Errorf("Take with nothing to take has set %v\n\trule: where there is no message nothing is written", header)
	}
}

// Whatever a client sends in place of what it was given.
func flashesUnreadable(t *testing.T, fl auth.Flashes) {
	const rule = "what cannot be read is none, and not an error"
	var given []string
	b := newReader(t, fl)
	b.add(info("a"))
	for _, c := range b.jar.Cookies(originURL()) {
		given = append(given, c.Name)
	}
	for _, value := range []string{
		"", " ", "\xff\xfe", "näh", "\"", "%00", "a\x00b", strings.Repeat("x", 100_000), strings.Repeat("a:b,", 5000), "💥", "?", "==", "null", "{}", "[]",
	} {
		r := httptest.NewRequest(http.MethodGet, Origin+"/page", nil)
		for _, name := range given {
			r.Header["Cookie"] = append(r.Header["Cookie"], name+"="+value)
		}
		if got, err := fl.Take(httptest.NewRecorder(), r); err != nil || len(got) != 0 {
			t.Errorf("Take with %.20q: %+v, error %v\n\trule: %s", value, got, err, rule)
		}
		w := httptest.NewRecorder()
		if err := fl.Add(w, r, info("b")); err != nil {
			t.Errorf("Add with %.20q: %v\n\trule: %s", value, err, rule)
			continue
		}
		again := newReader(t, fl)
		again.jar.SetCookies(originURL(), w.Result().Cookies())
		again.wants(fmt.Sprintf("%s: after %.20q", rule, value), info("b"))
	}
}

func flashesOtherBrowser(t *testing.T, fl auth.Flashes) {
	const rule = "each browser has messages of its own"
	one, other := newReader(t, fl), newReader(t, fl)
	one.add(info("a"))
	other.wants(rule)
	other.add(info("b"))
	one.wants(rule, info("a"))
	other.wants(rule, info("b"))
}

func flashesOtherCookies(t *testing.T, fl auth.Flashes) {
	const rule = "what the response sets otherwise is left alone"
	const before, after = "before=1; Path=/", "after=2; Path=/; HttpOnly"
	check := func(what string, h http.Header) {
		t.Helper()
		for _, line := range []string{before, after} {
			if !slices.Contains(h["Set-Cookie"], line) {
				t.Errorf("%s: the response sets %q, and no more %q\n\trule: %s", what, h["Set-Cookie"], line, rule)
			}
		}
		names := map[string]bool{}
		for _, line := range h["Set-Cookie"] {
			name, _, _ := strings.Cut(line, "=")
			if names[name] {
				t.Errorf("%s: the response sets %q twice: %q\n\trule: a response sets a cookie once", what, name, h["Set-Cookie"])
			}
			names[name] = true
		}
	}
	b := newReader(t, fl)
	add := func(w http.ResponseWriter, r *http.Request) {
		shared := []string{before, "spare", "room"}
		w.Header()["Set-Cookie"] = shared[:1] // whoever appends to it in place writes to shared
		must(t, "Add", fl.Add(w, r, info("a")))
		must(t, "Add", fl.Add(w, r, info("b")))
		w.Header().Add("Set-Cookie", after)
		must(t, "Add", fl.Add(w, r, info("c")))
		if shared[1] != "spare" {
			t.Errorf("Add has written to what others hold: %q\n\trule: %s", shared, rule)
		}
	}
	take := func(want ...auth.Flash) func(w http.ResponseWriter, r *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Set-Cookie"] = append(w.Header()["Set-Cookie"], before)
			w.Header().Add("Set-Cookie", after)
			b.taken(w, r, flashKept, want...)
		}
	}
	check("Add", b.visit(add))
	check("Take", b.visit(take(info("a"), info("b"), info("c"))))
	check("Take of nothing", b.visit(take()))
	check("Add and Take", b.visit(func(w http.ResponseWriter, r *http.Request) {
		add(w, r)
		b.taken(w, r, flashAdded, info("a"), info("b"), info("c"))
	}))
}

func flashesConcurrent(t *testing.T, fl auth.Flashes) {
	const rule = "Add and Take are called concurrently"
	for _, err := range atOnce(callers, func(i int) error {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return err
		}
		b := &reader{t, fl, jar}
		mine := info(fmt.Sprint("caller-", i))
		for range 10 {
			var got []auth.Flash
			var failed error
			b.visit(func(w http.ResponseWriter, r *http.Request) { failed = fl.Add(w, r, mine) })
			if failed != nil {
				return failed
			}
			b.visit(func(w http.ResponseWriter, r *http.Request) { got, failed = fl.Take(w, r) })
			if failed != nil || !slices.Equal(got, []auth.Flash{mine}) {
				return fmt.Errorf("taken are %+v, error %v, want %+v", got, failed, mine)
			}
		}
		return nil
	}) {
		if err != nil {
			t.Errorf("%v\n\trule: %s", err, rule)
		}
	}
}
