package health_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/health"
)

// A clock is a part that can be examined.
type clock struct{ server time.Time }

func (c clock) Check(_ context.Context, now time.Time) []health.Finding {
	f := health.Finding{Check: "clock", Detail: "the server's clock agrees"}
	if d := c.server.Sub(now).Abs(); d > time.Second {
		f.Level, f.Detail, f.Fix = health.Fault, fmt.Sprintf("the server's clock is %v off", d), "run NTP on both machines"
	}
	return []health.Finding{f}
}

func Example() {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	var c health.Checker = clock{now.Add(10 * time.Minute)}
	findings := c.Check(context.Background(), now)
	for _, f := range findings {
		fmt.Printf("%s: %s: %s\n\t%s\n", f.Check, f.Level, f.Detail, f.Fix)
	}
	fmt.Println(health.Worst(findings))
	// Output:
	// clock: fault: the server's clock is 10m0s off
	// 	run NTP on both machines
	// fault
}
