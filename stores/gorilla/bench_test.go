package gorillastore_test

import (
	"net/http/httptest"
	"testing"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	gorillastore "github.com/gatehouse-go/gatehouse/stores/gorilla"
)

// BenchmarkRequest compares requests of a browser with a cart of three things:
//
//	read    Get
//	save    Get, and a Save that changes nothing
//	change  Get, a change, Save
//	nobody  Get, without a cookie
//
//	go test -run '^$' -bench Request -benchmem ./stores/gorilla
func BenchmarkRequest(b *testing.B) {
	for _, kind := range []struct {
		name string
		open func(b *testing.B) sessions.Store
	}{
		{"filesystem", func(b *testing.B) sessions.Store {
			s := sessions.NewFilesystemStore(b.TempDir(), securecookie.GenerateRandomKey(32), securecookie.GenerateRandomKey(32))
			s.MaxLength(0)
			return s
		}},
		{"cookie", func(b *testing.B) sessions.Store {
			return sessions.NewCookieStore(securecookie.GenerateRandomKey(32), securecookie.GenerateRandomKey(32))
		}},
		{"memory", func(b *testing.B) sessions.Store { s, _ := newStore(b, gorillastore.NewMemory(), nil); return s }},
		{"SQLite", func(b *testing.B) sessions.Store { s, _ := newStore(b, newBun(b, sqliteDB(b)), nil); return s }},
		{"PostgreSQL", func(b *testing.B) sessions.Store { s, _ := newStore(b, newBun(b, postgresDB(b)), nil); return s }},
		{"MySQL", func(b *testing.B) sessions.Store { s, _ := newStore(b, newBun(b, mysqlDB(b)), nil); return s }},
		{"Redis", func(b *testing.B) sessions.Store { s, _ := newStore(b, newRedis(b), nil); return s }},
	} {
		b.Run(kind.name, func(b *testing.B) {
			s := kind.open(b)
			visitor := newBrowser()
			visit := func(b *testing.B, x *browser, f func(p pending)) {
				p := pending{r: x.request(), w: httptest.NewRecorder()}
				var err error
				if p.session, err = s.Get(p.r, "cart"); err != nil {
					b.Fatal(err)
				}
				if f != nil {
					f(p)
					if err := p.save(); err != nil {
						b.Fatal(err)
					}
				}
				x.keep(p.w)
			}
			visit(b, visitor, func(p pending) {
				p.session.Values["apples"], p.session.Values["pears"], p.session.Values["n"] = 3, "two", 0
			})
			for _, way := range []struct {
				name string
				who  *browser
				f    func(p pending)
			}{
				{"nobody", newBrowser(), nil},
				{"read", visitor, nil},
				{"save", visitor, func(pending) {}},
				{"change", visitor, func(p pending) { p.session.Values["n"] = p.session.Values["n"].(int) + 1 }},
			} {
				b.Run(way.name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						visit(b, way.who, way.f)
					}
				})
			}
		})
	}
}
