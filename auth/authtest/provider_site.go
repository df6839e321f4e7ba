package authtest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A site is a host with the provider.
type site struct {
	m      *auth.Manager
	h      http.Handler
	users  *Users
	rec    *Recorder
	log    *bytes.Buffer
	events *Outbox
	userID string
	path   string
}

// site makes a new host and, if there is a Path, prepares the user in it.
func (p ProviderTest) site(t *testing.T, change func(o *auth.Options)) *site {
	t.Helper()
	s := &site{users: &Users{}, rec: NewRecorder(p.Store(t)), log: &bytes.Buffer{}, events: &Outbox{}, path: "/auth" + p.Path}
	o := &auth.Options{
		Providers: []auth.Provider{p.New(t)},
		Now:       NewClock(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)).Now,
		Logger:    slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Events:    []func(context.Context, auth.Event){s.events.Record},
	}
	if p.Options != nil {
		p.Options(o)
	}
	if change != nil {
		change(o)
	}
	m, err := auth.New(s.users, s.rec, o)
	must(t, "auth.New", err)
	mux := http.NewServeMux()
	m.Mount(mux)
	s.m, s.h = m, m.Handler(mux)
	if p.Path != "" {
		s.userID = p.Prepare(t, m)
		if s.userID == "" {
			t.Fatal("authtest: ProviderTest.Prepare returned no user ID")
		}
		s.rec.Reset()
		s.events.Reset()
	}
	return s
}

// An answer is what a login was answered.
type answer struct {
	status int
	header http.Header
	body   string
}

// session returns the session's cookie, or nil.
func (a answer) session() *http.Cookie {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == "__Host-sid" && c.MaxAge >= 0 && c.Value != "" {
			return c
		}
	}
	return nil
}

func (s *site) do(r *http.Request) answer {
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	res := w.Result()
	body, _ := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body)}
}

// form and object return a request with the fields in its body.
func (s *site) form(fields map[string]string) *http.Request {
	v := url.Values{}
	for name, value := range fields {
		v.Set(name, value)
	}
	r := httptest.NewRequest(http.MethodPost, Origin+s.path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func (s *site) object(fields map[string]string) *http.Request {
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err) // a map of strings is an object
	}
	r := httptest.NewRequest(http.MethodPost, Origin+s.path, bytes.NewReader(b))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// who says who has the cookie: an ID, or "" for nobody.
func (s *site) who(c *http.Cookie) string {
	r := httptest.NewRequest(http.MethodGet, Origin+"/auth/session", nil)
	if c != nil {
		r.AddCookie(c)
	}
	var body struct {
		UserID string `json:"user_id"`
	}
	_ = json.Unmarshal([]byte(s.do(r).body), &body)
	return body.UserID
}

// checkNobody requires that the answer logs nobody in.
func (s *site) checkNobody(t *testing.T, what string, a answer, rule string) {
	t.Helper()
	if a.session() != nil {
		t.Errorf("%s: status %d with a session cookie\n\trule: %s", what, a.status, rule)
	}
	if list, err := s.m.Store().UserSessions(t.Context(), s.userID); err != nil || len(list) != 0 {
		t.Errorf("%s: the user has %d sessions, error %v, want none\n\trule: %s", what, len(list), err, rule)
	}
}

// checkNotStored requires that no cache keeps the answer.
func checkNotStored(t *testing.T, what string, a answer) {
	t.Helper()
	if cc := a.header.Get("Cache-Control"); !strings.Contains(cc, "no-store") {
		t.Errorf("%s: Cache-Control is %q\n\trule: no cache keeps an answer of a login", what, cc)
	}
}
