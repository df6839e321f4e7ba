package device_test

import (
	"fmt"

	"github.com/gatehouse-go/gatehouse/internal/device"
)

func ExampleName() {
	fmt.Println(device.Name("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"))
	// Output: Firefox on Linux
}
