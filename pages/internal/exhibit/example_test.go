package exhibit_test

import (
	"fmt"

	"github.com/gatehouse-go/gatehouse/pages/internal/exhibit"
)

func ExampleAll() {
	first := exhibit.All()[0]
	fmt.Println(first.Name, len(first.Page.Forms))
	// Output: login 1
}
