package account_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/providers/account"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// Somebody has forgotten their password, follows the link in the mail, and sets another.
func Example() {
	var box mail.Box // in place of a mail server
	post := mail.New("https://app.example", memory.NewOutbox(), &box, nil)
	passwords := password.New(&password.Options{Hasher: &authtest.Hasher{Mismatch: password.ErrMismatch, Unknown: password.ErrUnknownHash}})
	m, err := auth.New(memory.NewUsers(), memory.New(nil), &auth.Options{
		Providers: []auth.Provider{post, passwords, account.New(post, nil)},
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	site := m.Handler(mux)
	send := func(path, body string) {
		r := httptest.NewRequest(http.MethodPost, "https://app.example"+path, bytes.NewReader([]byte(body)))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	ctx := context.Background()
	if _, err := passwords.Register(ctx, auth.Profile{Email: "ada@example.com"}, "correct horse battery"); err != nil {
		panic(err)
	}

	send("/auth/forgot", `{"email": "ada@example.com"}`)
	if err := post.Flush(ctx); err != nil { // Manager.Run does it in the background
		panic(err)
	}
	for _, m := range box.Messages() {
		if m.ID == "account.forgot" {
			link, _ := url.Parse(m.Data["link"])
			fmt.Println(link.Host, link.Path)
			send("/auth/reset", fmt.Sprintf(`{"token": %q, "password": "another horse battery"}`, link.Query().Get("token")))
		}
	}
	_, _, err = passwords.Verify(ctx, "ada@example.com", "another horse battery")
	fmt.Println(err)
	// Output:
	// 202 {"status":"sent"}
	// app.example /auth/reset
	// 200 {"status":"reset"}
	// <nil>
}
