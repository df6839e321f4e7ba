package flash_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/flash"
)

// Whatever the Cookie header is: no error, nothing but messages of the site's own,
// few and short, and what was read is written as it was.
func FuzzTake(f *testing.F) {
	for _, seed := range [][2]string{
		{"__Host-flash=a:info", ""},
		{"__Host-flash=unauthenticated.expired:warning~b:", "x=y"},
		{"__Host-flash=a:info", "__Host-flash=b:info"},
		{"__Host-flash=\xff\xc3\x28; __Host-flash", ";;; =; __Host-flash=="},
		{"__Host-flash=" + strings.Repeat("a:b~", 400), "\x00"},
		{"\t__Host-flash=a:~b:~c:~d:~e:~f:~g:~h:", " "},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, one, other string) {
		c := flash.NewCookie(nil)
		r := request(one, other)
		w := httptest.NewRecorder()
		list := take(t, c, w, r)
		if len(list) > 8 {
			t.Errorf("%d messages", len(list))
		}
		for i, m := range list {
			if err := m.Validate(); err != nil || slices.Contains(list[:i], m) {
				t.Errorf("message %+q: %v", m, err)
			}
		}
		if set := w.Header()["Set-Cookie"]; len(list) > 0 && len(set) != 1 || len(set) == 1 && set[0] != "__Host-flash=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0" {
			t.Errorf("Take sets %q", set)
		}
		if len(take(t, c, w, r)) != 0 {
			t.Error("taken twice")
		}

		w = httptest.NewRecorder()
		add(t, c, w, request(), list...)
		for _, set := range w.Header()["Set-Cookie"] {
			pair, _, _ := strings.Cut(set, ";")
			if !strings.Contains(one+";"+other, pair) || len(pair) > 1024 {
				t.Errorf("%q is written back as %q", []string{one, other}, pair)
			}
		}

		w = httptest.NewRecorder()
		mine := auth.Flash{ID: "mine", Category: "info"}
		add(t, c, w, r, mine)
		pair, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
		if again := take(t, c, httptest.NewRecorder(), request(pair)); !slices.Contains(again, mine) {
			t.Errorf("after Add: %+v", again)
		}
	})
}
