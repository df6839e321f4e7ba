// Command gallery serves every page in every state with made-up content, for
// looking at and for the browser tests. GET / lists what there is, as JSON.
//
//	go run ./pages/internal/gallery -addr localhost:8081
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/pages/internal/exhibit"
)

func main() {
	addr := flag.String("addr", "localhost:8081", "where to listen; port 0 takes any")
	flag.Parse()
	if err := serve(*addr); err != nil {
		log.Fatal(err)
	}
}

func serve(addr string) error {
	mux := http.NewServeMux()
	handler := http.Handler(mux)
	var list []entry
	for _, site := range sites() {
		m, err := auth.New(auth.UserFunc(nobody), struct{ auth.Store }{}, &auth.Options{
			Providers: []auth.Provider{provider{}},
			Pages:     pages.New(site.opts),
			Prefix:    "/" + site.name,
		})
		if err != nil {
			return err
		}
		m.Mount(mux)
		handler = m.Handler(handler)
		for _, e := range exhibit.All() {
			path := "/show/" + site.name + "/" + e.Name
			list = append(list, entry{site.name + "-" + e.Name, path, site.whole})
			mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
				page := e.Page // a copy: Answer writes to it
				if e.Identity != nil {
					r = r.WithContext(auth.WithIdentity(r.Context(), e.Identity))
				}
				var problem error
				if e.Problem != nil {
					problem = e.Problem
				}
				m.Answer(w, r, &page, problem)
			})
		}
	}
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list)
	})
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("http://localhost:%d\n", l.Addr().(*net.TCPAddr).Port)
	return http.Serve(l, handler)
}

// An entry of the list.
type entry struct {
	Name string `json:"name"`
	Path string `json:"path"`
	// Whole is whether it is worth looking at in every size and in light and dark.
	Whole bool `json:"whole"`
}

func nobody(context.Context, string) (auth.User, error) { return nil, auth.ErrNotFound }

// A provider gives the pages something to link to, and says what it was sent.
type provider struct{}

func (provider) Name() string { return "gallery" }

func (provider) Kinds() []auth.Kind {
	return []auth.Kind{{Name: "oauth:github", Role: auth.FirstFactor, Title: "GitHub"}}
}

func (provider) Mount(m *auth.Manager, mux auth.Mux) error {
	for _, name := range []string{"register", "password", "keys", "accounts", "forgot", "verify", "email", "link", "close", "activity", "export"} {
		mux.Handle("GET /"+name, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.Answer(w, r, &auth.Page{Name: name}, nil)
		}))
	}
	for _, path := range []string{"/login", "/link"} {
		mux.Handle("POST "+path, sent(m))
	}
	return nil
}

// sent says what a form has sent.
func sent(m *auth.Manager) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			m.Answer(w, r, &auth.Page{Name: "error"}, errors.Join(auth.ErrBadCredentials, err))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"form":    r.PostForm,
			"origin":  r.Header.Get("Origin"),
			"site":    r.Header.Get("Sec-Fetch-Site"),
			"referer": r.Header.Get("Referer"),
		})
	})
}
