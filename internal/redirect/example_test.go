package redirect_test

import (
	"fmt"

	"github.com/gatehouse-go/gatehouse/internal/redirect"
)

func ExampleClean() {
	fmt.Println(redirect.Clean("/me?tab=keys"))
	fmt.Println(redirect.Clean("//evil.example"))
	// Output:
	// /me?tab=keys true
	//  false
}
