package account_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// asked asks for a code and returns the browser and what was mailed.
func (s *site) asked(address string) (b *browser, code string) {
	s.t.Helper()
	b = s.browser()
	if r := b.submit("/forgot", "email", address); r.Code != http.StatusSeeOther || r.Header().Get("Location") != "/auth/reset" {
		s.t.Fatalf("forgot: %d to %q", r.Code, r.Header().Get("Location"))
	}
	return b, s.mail(address, "account.forgot").Data["code"]
}

// wrongOf is a code that is not code.
func wrongOf(code string) string {
	n, _ := strconv.Atoi(code)
	return strconv.Itoa(n%90_000_000 + 10_000_000)
}

func TestCode(t *testing.T) {
	s := newSite(t, withCodes)
	s.verified(ada, good)
	b, code := s.asked(ada)
	if len(code) != 8 || strings.Trim(code, "0123456789") != "" {
		t.Fatalf("the code is %q", code)
	}
	if r := b.get("/reset"); r.Code != http.StatusOK || !strings.Contains(r.text, "one-time-code") {
		t.Errorf("%d %s", r.Code, r.text)
	}
	if r := s.browser().post("/reset", "code", code, "password", other); r.Code != http.StatusForbidden || r.code() != "wrong_browser" {
		t.Errorf("in a browser that has not asked: %d %s", r.Code, r.text)
	}
	elsewhere := s.browser()
	elsewhere.post("/forgot", "email", bob) // has a secret of its own
	if r := elsewhere.post("/reset", "code", code, "password", other); r.Code != http.StatusUnprocessableEntity || r.field() != "code" {
		t.Errorf("in a browser that has asked for another: %d %s", r.Code, r.text)
	}
	for range 8 { // a password that may not be set costs no try
		if r := b.submit("/reset", "code", code, "password", "short"); r.code() != "password_too_short" {
			t.Fatalf("%d %s", r.Code, r.text)
		}
	}
	if r := b.submit("/reset", "code", code, "password", other); r.Code != http.StatusSeeOther || r.Header().Get("Location") != "/auth/login" || b.who() != "" {
		t.Errorf("%d %s", r.Code, r.text)
	}
	if s.logsIn(ada, good) || !s.logsIn(ada, other) {
		t.Error("the old password is good, or the new one is not")
	}
	if len(b.cookies) != 0 {
		t.Errorf("the browser's secret is still there: %v", b.cookies)
	}
}

// The link that was sent with a code is of no use after it, and the other way round.
func TestCodeAndLink(t *testing.T) {
	s := newSite(t, withCodes)
	s.verified(ada, good)
	b, code := s.asked(ada)
	token := s.token(s.mail(ada, "account.forgot"))
	b.post("/reset", "code", code, "password", other)
	if r := b.post("/reset", "token", token, "password", third); r.Code != http.StatusGone {
		t.Errorf("the link after the code: %d %s", r.Code, r.text)
	}
	b, code = s.asked(ada)
	token = s.token(s.mail(ada, "account.forgot"))
	b.post("/reset", "token", token, "password", third)
	if r := b.post("/reset", "code", code, "password", good); r.Code != http.StatusUnprocessableEntity || !s.logsIn(ada, third) {
		t.Errorf("the code after the link: %d %s", r.Code, r.text)
	}
}

// Only the newest code is good, in whichever browser it was asked for.
func TestNewestCode(t *testing.T) {
	s := newSite(t, withCodes)
	s.verified(ada, good)
	first, old := s.asked(ada)
	s.clock.Advance(time.Second)
	second, code := s.asked(ada)
	if r := first.post("/reset", "code", old, "password", other); r.field() != "code" {
		t.Errorf("an older code: %d %s", r.Code, r.text)
	}
	if r := second.post("/reset", "code", code, "password", other); r.Code != http.StatusOK {
		t.Errorf("the newest: %d %s", r.Code, r.text)
	}
}

// Five tries, for ten minutes; and for an address that nobody has it looks alike.
func TestCodeTries(t *testing.T) {
	s := newSite(t, withCodes)
	s.verified(ada, good)
	known, code := s.asked(ada)
	unknown := s.browser()
	unknown.post("/forgot", "email", bob)
	s.flush()
	for i := range 7 {
		a, b := known.post("/reset", "code", wrongOf(code), "password", other), unknown.post("/reset", "code", wrongOf(code), "password", other)
		if want := map[bool]int{true: 422, false: 410}[i < 5]; a.Code != want || b.Code != want || a.text != b.text {
			t.Errorf("try %d: %d %s, and for nobody %d %s", i+1, a.Code, a.text, b.Code, b.text)
		}
	}
	if r := known.post("/reset", "code", code, "password", other); r.Code != http.StatusGone {
		t.Errorf("the right code after the last try: %d %s", r.Code, r.text)
	}

	b, code := s.asked(ada)
	s.clock.Advance(10*time.Minute - time.Second)
	if r := b.post("/reset", "code", code, "password", "short"); r.code() != "password_too_short" {
		t.Errorf("a second before its end: %d %s", r.Code, r.text)
	}
	for range 2 {
		s.clock.Advance(time.Second)
		if r := b.post("/reset", "code", code, "password", other); r.field() != "code" {
			t.Errorf("after its end: %d %s", r.Code, r.text)
		}
	}
}

// guessCodes asks for code after code and makes n wrong guesses in all, as many as a
// browser has with each, and returns what the last ones were answered.
func (s *site) guessCodes(address string, n int) (last reply) {
	s.t.Helper()
	for n > 0 {
		s.clock.Advance(time.Minute)
		b, code := s.asked(address)
		for range min(n, 5) {
			last = b.post("/reset", "code", wrongOf(code), "password", other)
			last.want(s.t, http.StatusUnprocessableEntity, "invalid_field")
			n--
		}
	}
	return last
}

// An account has a hundred tries in all, however many codes are asked for; a reset by link
// ends that, and one by code.
func TestCodeTriesOfAnAccount(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at, withCodes)
		s.verified(ada, good)
		s.verified(bob, good)
		s.guessCodes(ada, 99)
		b, code := s.asked(ada)
		for range 3 { // the code was right: this is no try
			b.post("/reset", "code", code, "password", "short").want(t, http.StatusUnprocessableEntity, "password_too_short")
		}
		b.post("/reset", "code", code, "password", other).want(t, http.StatusOK, "")

		for range 2 {
			wrong := s.guessCodes(ada, 100)
			s.clock.Advance(400 * 24 * time.Hour)
			b, code = s.asked(ada)
			if r := b.post("/reset", "code", code, "password", third); r.Code != wrong.Code || r.text != wrong.text || s.logsIn(ada, third) {
				t.Fatalf("the right code after 100 wrong ones: %d %s; a wrong one: %d %s", r.Code, r.text, wrong.Code, wrong.text)
			}
			if b, code := s.asked(bob); b.post("/reset", "code", code, "password", other).Code != http.StatusOK {
				t.Error("another account has no tries either")
			}
			token := s.forgot(ada)
			s.browser().post("/reset", "token", token, "password", other).want(t, http.StatusOK, "")
		}
		b, code = s.asked(ada)
		b.post("/reset", "code", code, "password", third).want(t, http.StatusOK, "")
	})
}

// At once they count as well: of those that are compared none is lost.
func TestCodeTriesOfAnAccountAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, at place) {
		s := newSite(t, at, withCodes)
		s.verified(ada, good)
		for range 20 {
			s.clock.Advance(time.Minute)
			b, code := s.asked(ada)
			atOnce(50, func(int) {
				one := s.browser()
				for k, v := range b.cookies {
					one.cookies[k] = v
				}
				one.post("/reset", "code", wrongOf(code), "password", other)
			})
		}
		s.clock.Advance(time.Minute)
		b, code := s.asked(ada)
		b.post("/reset", "code", code, "password", other).want(t, http.StatusUnprocessableEntity, "invalid_field")
		s.browser().post("/reset", "token", s.forgot(ada), "password", other).want(t, http.StatusOK, "")
	})
}

// Whether there is an account, and whether it has tries, the same is asked of the store.
func TestCodeTriesTakeTheSameCalls(t *testing.T) {
	s := newSite(t, withCodes)
	s.verified(ada, good)
	unknown := s.browser()
	unknown.post("/forgot", "email", bob)
	try := func(b *browser, code string) []string {
		return s.traced(func() {
			b.post("/reset", "code", code, "password", other).want(t, http.StatusUnprocessableEntity, "invalid_field")
		})
	}
	b, code := s.asked(ada)
	nobody, open := try(unknown, code), try(b, wrongOf(code))
	s.guessCodes(ada, 99)
	b, code = s.asked(ada)
	closed := try(b, code)
	if !slices.Equal(nobody, open) || !slices.Equal(open, closed) {
		t.Errorf("calls for nobody %q, a wrong code %q, when the tries are used up %q", nobody, open, closed)
	}
}

// A second mail of one entry brings a new code, and the old one dies.
func TestCodeOfARetry(t *testing.T) {
	var box refusing
	s := newSite(t, withCodes, func(set *setup) { set.mailer = &box })
	s.verified(ada, good)
	box.refuse = true
	b := s.browser()
	b.post("/forgot", "email", ada)
	_ = s.post.Flush(t.Context())
	old := box.last.Data["code"]
	box.refuse = false
	s.clock.Advance(2 * time.Hour)
	b2 := s.browser()
	b2.cookies = b.cookies
	s.flush()
	code := box.last.Data["code"]
	if old == "" || code == "" || old == code {
		t.Fatalf("codes %q and %q", old, code)
	}
	if r := b2.post("/reset", "code", old, "password", other); r.field() != "code" {
		t.Errorf("the old code: %d %s", r.Code, r.text)
	}
	if r := b2.post("/reset", "code", code, "password", other); r.Code != http.StatusOK {
		t.Errorf("the new one: %d %s", r.Code, r.text)
	}
}
