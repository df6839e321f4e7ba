package audit_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// What happens to accounts is kept for a year.
func Example() {
	ctx := context.Background()
	clock := authtest.NewClock(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
	records := memory.NewAudit() // or that of package bunstore
	m, err := auth.New(authtest.NewUsers("ada"), memory.New(nil), &auth.Options{
		Now:    clock.Now,
		Events: []func(context.Context, auth.Event){audit.Sink(records, "", 365*24*time.Hour)},
	})
	if err != nil {
		panic(err)
	}

	m.EmitContext(ctx, auth.Event{Name: "login", UserID: "ada", Method: "password"})
	clock.Advance(time.Minute)
	if err := m.RevokeUserSessions(ctx, "ada"); err != nil {
		panic(err)
	}

	list, err := records.UserRecords(ctx, "", "ada", "", 10)
	if err != nil {
		panic(err)
	}
	for _, rec := range list {
		fmt.Println(rec.At.Format(time.TimeOnly), rec.Name, rec.Method, "until", rec.ExpiresAt.Format(time.DateOnly))
	}
	// Output:
	// 12:01:00 sessions.revoked  until 2027-03-04
	// 12:00:00 login password until 2027-03-04
}
