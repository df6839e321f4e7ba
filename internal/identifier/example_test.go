package identifier_test

import (
	"fmt"

	"github.com/gatehouse-go/gatehouse/internal/identifier"
)

func Example() {
	key, _ := identifier.Email(" Ada@Example.com")
	fmt.Println(key)
	_, err := identifier.Email("ada@example.com, eve@example.com")
	fmt.Println(err != nil)
	// Output:
	// ada@example.com
	// true
}
