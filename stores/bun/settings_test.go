package bunstore_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// TestSettings has what servers may be set to that changes what a text means:
// what goes through Bun's builder does what it says under all of them.
func TestSettings(t *testing.T) {
	const who, purpose = `us\'er "?`, `p\`
	for _, c := range []struct {
		v      server
		params string
	}{
		{servers[0], "standard_conforming_strings=off"},
		{servers[0], "bytea_output=escape"},
		{servers[0], "default_transaction_isolation=serializable"},
		{servers[1], "sql_mode=%27ANSI,NO_BACKSLASH_ESCAPES%27&interpolateParams=true"},
		{servers[1], "sql_mode=%27%27&charset=latin1&clientFoundRows=true"},
		{servers[1], "sql_mode=%27PAD_CHAR_TO_FULL_LENGTH,PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE%27"},
	} {
		t.Run(c.v.name+" "+c.params, func(t *testing.T) {
			s, ctx := c.v.store(t, c.params, bunstore.Options{}), t.Context()
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			for n := range byte(3) {
				must(s.CreateSession(ctx, newSession(n+1, who)))
			}
			must(s.DeleteUserSessions(ctx, who, newSession(1, who).ID))
			if list, err := s.UserSessions(ctx, who); len(list) != 1 || err != nil {
				t.Errorf("all others are deleted: %d sessions are left, %v", len(list), err)
			}
			if n, err := s.DeleteAllSessions(ctx, 10); n != 1 || err != nil {
				t.Errorf("deleted all %d sessions, %v, want 1", n, err)
			}

			must(s.PutTicket(ctx, auth.Ticket{Purpose: purpose, Key: "k", UserID: who, Slot: "s"}))
			must(s.DeleteUserTickets(ctx, who, purpose))
			if _, err := s.LoadTicket(ctx, purpose, "k"); !errors.Is(err, auth.ErrNotFound) {
				t.Errorf("a ticket that was deleted: %v", err)
			}
			_, _, err := s.Count(ctx, who, time.Hour, day)
			must(err)
			must(s.Forget(ctx, who))
			if n, _, err := s.Count(ctx, who, time.Hour, day); n != 1 || err != nil {
				t.Errorf("a counter that was forgotten: %d, %v", n, err)
			}

			id, err := s.Users().CreateUser(ctx, auth.Profile{Name: who})
			must(err)
			must(s.Users().SetDisabled(ctx, id, true))
			if u, err := s.Users().LoadUser(ctx, id); err != nil || !u.(*bunstore.User).Disabled {
				t.Errorf("a user who was disabled: %+v, %v", u, err)
			}
			must(s.Users().DeleteUser(ctx, id))

			g := bunstore.Grant{UserID: who, Role: who, Tenant: purpose, Object: "ä"}
			must(s.Roles().Grant(ctx, g))
			must(s.Roles().Grant(ctx, g))
			must(s.Roles().SetRole(ctx, bunstore.Role{Name: who, Inherits: []string{purpose, "ä"}}))
			if list, _, err := s.Roles().Grants(ctx, who); len(list) != 1 || list[0] != g || err != nil {
				t.Errorf("grants: %v, %v", list, err)
			}
			if list, _, err := s.Roles().Roles(ctx); len(list) != 1 || list[0].Name != who || !slices.Equal(list[0].Inherits, []string{purpose, "ä"}) || err != nil {
				t.Errorf("roles: %v, %v", list, err)
			}
			must(s.Roles().Revoke(ctx, g))
			must(s.Roles().DeleteRole(ctx, who))
		})
	}
}
