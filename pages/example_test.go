package pages_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing/fstest"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
)

// A site with its own name, colour, words and page for its second factor. The
// pages go into the options of auth.New, which asks Validate.
func Example() {
	p := pages.New(&pages.Options{
		Site: "Meadow",
		CSS:  ":root { --accent: #0f766e; --fill: #0f766e }",
		Texts: map[string]string{
			"login.title":  "Welcome back",
			"submit.login": "Let me in",
		},
		Templates: fstest.MapFS{ // an embed.FS or os.DirFS in a real host
			"code.html": {Data: []byte(`<h1>Look at your phone</h1>{{range .Forms}}{{template "form.html" .}}{{end}}`)},
		},
	})
	if err := p.Validate(); err != nil {
		fmt.Println(err)
		return
	}

	w := httptest.NewRecorder()
	err := p.Render(w, httptest.NewRequest("GET", "/auth/login", nil), &auth.Page{
		Name:  "login",
		Forms: []auth.Form{{Name: "login", Action: "/login", Submit: "Log in"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "<h1") || strings.HasPrefix(line, "<button") {
			fmt.Print(line)
		}
	}
	// Output:
	// <h1>Welcome back</h1>
	// <button type="submit">Let me in</button>
}
