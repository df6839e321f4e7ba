package form_test

import (
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/gatehouse-go/gatehouse/internal/form"
)

func ExampleParse() {
	r := httptest.NewRequest("POST", "/login", strings.NewReader(`{"email": "ada@example.com", "remember": true}`))
	r.Header.Set("Content-Type", "application/json")
	sent, err := form.Parse(httptest.NewRecorder(), r, "email", "remember")
	fmt.Println(sent.Get("email"), sent.Bool("remember"), err)
	// Output: ada@example.com true <nil>
}
