package password_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A client that goes as soon as the password is changed leaves no account that is locked.
func TestHostileUnlockedThoughTheClientHasGone(t *testing.T) {
	ctx, gone := context.WithCancel(t.Context())
	armed := false
	s := newSite(t, nil, func(o *auth.Options) {
		o.Limits.Cap = 5
		o.Events = append(o.Events, func(_ context.Context, e auth.Event) {
			if armed && e.Name == "credential.changed" {
				gone()
			}
		})
	})
	id := s.register("ada@example.com", goodPassword)
	logIn := func(pw string) int {
		s.advance(2 * time.Hour)
		return s.client().json("/login", fields{"email": "ada@example.com", "password": pw}).Code
	}
	for range 6 {
		logIn("wrong")
	}
	if code := logIn(goodPassword); code != http.StatusTooManyRequests {
		t.Fatalf("not locked: %d", code)
	}
	armed = true
	if err := s.provider.Set(ctx, id, "another horse battery"); err != nil || ctx.Err() == nil {
		t.Fatalf("set: %v; gone: %v", err, ctx.Err())
	}
	if code := logIn("another horse battery"); code != http.StatusOK {
		t.Errorf("with the new password: %d", code)
	}
}
