package uuid_test

import (
	"fmt"
	"time"

	"github.com/gatehouse-go/gatehouse/internal/uuid"
)

func Example() {
	id := uuid.New(time.UnixMilli(1_700_000_000_000))
	fmt.Println(len(id), id[:15])
	// Output: 36 018bcfe5-6800-7
}
