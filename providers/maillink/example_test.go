package maillink_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/providers/maillink"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func Example() {
	ctx := context.Background()
	box := &mail.Box{} // or contrib/mail
	post := mail.New("https://app.example", memory.NewOutbox(), box, nil)
	m, err := auth.New(memory.NewUsers(), memory.New(nil), &auth.Options{
		Providers: []auth.Provider{post, maillink.New(post, nil)},
		Logger:    slog.New(slog.DiscardHandler), // or the default
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := m.CreateUser(ctx, auth.Profile{Email: "ada@example.com"}, nil); err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	site := m.Handler(mux)

	var cookies []*http.Cookie // of the browser
	send := func(body string) {
		r := httptest.NewRequest("POST", "https://app.example/auth/link", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		cookies = w.Result().Cookies()
		fmt.Println(w.Code)
	}
	send(`{"email": "ada@example.com"}`)
	if err := post.Flush(ctx); err != nil { // or m.Run
		fmt.Println(err)
	}
	letter := box.Messages()[0]
	fmt.Println(letter.ID, "to", letter.To)
	_, token, _ := strings.Cut(letter.Data["link"], "?token=")
	send(`{"token": "` + token + `"}`)
	for _, c := range cookies {
		if c.Name == "__Host-sid" {
			fmt.Println("logged in")
		}
	}
	// Output:
	// 202
	// link.login to ada@example.com
	// 200
	// logged in
}
