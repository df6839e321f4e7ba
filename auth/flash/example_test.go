package flash_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/flash"
)

// A message outlives a redirect, and is shown once. With auth.Options.Flashes set to
// the cookie, the Manager and Manager.Flash add messages and every page shows them.
func ExampleNewCookie() {
	flashes := flash.NewCookie(nil)

	posted := httptest.NewRecorder()
	err := flashes.Add(posted, httptest.NewRequest("POST", "/settings", nil), auth.Flash{ID: "settings.saved", Category: "success"})
	if err != nil {
		fmt.Println(err)
		return
	}
	http.Redirect(posted, httptest.NewRequest("POST", "/settings", nil), "/", http.StatusSeeOther)
	fmt.Println(posted.Header().Get("Set-Cookie"))

	next := httptest.NewRequest("GET", "/", nil)
	next.AddCookie(posted.Result().Cookies()[0])
	page := httptest.NewRecorder()
	shown, err := flashes.Take(page, next)
	fmt.Println(shown, err)
	fmt.Println(page.Header().Get("Set-Cookie"))
	// Output:
	// __Host-flash=settings.saved:success; Path=/; Secure; HttpOnly; SameSite=Lax
	// [{settings.saved success}] <nil>
	// __Host-flash=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0
}
