package authtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
)

// TestUserLoader tests every rule of [auth.UserLoader]. known is the ID of a
// user that there is. If users can create users, as registration demands, that
// is tested too, and so are UpdateUser, SuspendUser and DeleteUser if they are there;
// users are left behind.
func TestUserLoader(t *testing.T, users auth.UserLoader, known string) {
	t.Run("Known", func(t *testing.T) { checkLoadUser(t, users, known) })
	t.Run("Unknown", func(t *testing.T) {
		const rule = "if there is no user with this ID, and that includes IDs that could never have been issued, the error wraps ErrNotFound"
		for _, id := range unknownIDs(known) {
			u, err := users.LoadUser(t.Context(), id.s)
			if err == nil && u != nil && u.AuthID() == id.s {
				continue // there happens to be one
			}
			checkErr(t, fmt.Sprintf("LoadUser of %s (%.40q)", id.name, id.s), err, auth.ErrNotFound, rule)
		}
	})
	t.Run("EndedContext", func(t *testing.T) {
		for name, ctx := range ended(t) {
			for what, id := range map[string]string{"a known": known, "an unknown": "no-such-user"} {
				_, err := users.LoadUser(ctx, id)
				checkOutage(t, "LoadUser of "+what+" user with a context that is "+name, err,
					"a context that has ended is an outage, never ErrNotFound and never a user")
			}
		}
	})
	t.Run("Concurrent", func(t *testing.T) {
		for _, err := range atOnce(callers, func(i int) error {
			if i%5 == 0 {
				if _, err := users.LoadUser(t.Context(), "no-such-user"); !errors.Is(err, auth.ErrNotFound) {
					return fmt.Errorf("LoadUser of an unknown user: %v", err)
				}
				return nil
			}
			u, err := users.LoadUser(t.Context(), known)
			if err != nil {
				return fmt.Errorf("LoadUser: %w", err)
			}
			if u == nil || u.AuthID() != known {
				return errors.New("LoadUser returned somebody else")
			}
			return nil
		}) {
			if err != nil {
				t.Errorf("%v\n\trule: LoadUser is called concurrently", err)
			}
		}
	})
	if c, ok := auth.As[creator](users); ok {
		t.Run("CreateUser", func(t *testing.T) { testCreateUser(t, users, c) })
		testUserChanges(t, users, c)
	}
}

// creator is the ability of a [auth.UserLoader] that registration demands.
type creator interface {
	CreateUser(ctx context.Context, p auth.Profile) (id string, err error)
}

func checkLoadUser(t *testing.T, users auth.UserLoader, id string) {
	t.Helper()
	u, err := users.LoadUser(t.Context(), id)
	switch {
	case err != nil:
		t.Errorf("LoadUser(%q): %v", id, err)
	case u == nil:
		t.Errorf("LoadUser(%q): neither a user nor an error\n\trule: if there is none, the error wraps ErrNotFound", id)
	case u.AuthID() != id:
		t.Errorf("LoadUser(%q): the user's AuthID is %q\n\trule: LoadUser returns the user with the given ID", id, u.AuthID())
	}
}

// unknownIDs are IDs that are not known, some of them nearly so.
func unknownIDs(known string) []text {
	ids := append(badKeys(),
		text{"nobody", "no-such-user"},
		text{"known and a space", known + " "},
		text{"a space and known", " " + known},
		text{"known and a NUL", known + "\x00"},
		text{"known and a newline", known + "\n"},
		text{"known and percent", known + "%"},
		text{"wildcards", strings.Repeat("_", utf8.RuneCountInString(known))},
		text{"zero and known", "0" + known},
		text{"plus and known", "+" + known},
		text{"a large number", strings.Repeat("9", 40)},
		text{"the nil UUID", "00000000-0000-0000-0000-000000000000"},
		text{"tautology", "' OR '1'='1"},
		text{"number tautology", "0 OR 1=1"},
	)
	for name, s := range map[string]string{
		"known in upper case": strings.ToUpper(known),
		"known in lower case": strings.ToLower(known),
		"known cut short":     known[:len(known)-1],
	} {
		if s != known {
			ids = append(ids, text{name, s})
		}
	}
	for _, text := range texts() {
		if text.s != known {
			ids = append(ids, text)
		}
	}
	return ids
}

func testCreateUser(t *testing.T, users auth.UserLoader, c creator) {
	created := map[string]bool{}
	check := func(t *testing.T, id string) {
		t.Helper()
		const rule = "CreateUser returns an ID that is unique, never empty, and at most 255 bytes of UTF-8 without NUL"
		if id == "" || len(id) > 255 || !utf8.ValidString(id) || strings.Contains(id, "\x00") {
			t.Errorf("CreateUser: the ID is %.300q\n\trule: %s", id, rule)
			return
		}
		if created[id] {
			t.Errorf("CreateUser: the ID %q was given before\n\trule: %s", id, rule)
		}
		created[id] = true
		checkLoadUser(t, users, id)
	}
	for name, p := range map[string]auth.Profile{
		"everything": {Email: "Ada.L@Example.com", Username: "Ada", Name: "Ada Lovelace"},
		"Email":      {Email: "grace@example.com"},
		"Username":   {Username: "grace"},
		"Name":       {Name: "Grace Hopper"},
		"nothing":    {},
		"Unicode":    {Email: "ad\u00e1@example.com", Username: "ada\u0301", Name: "'; DROP TABLE users; -- \U0001f469\u200d\U0001f4bb"},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := c.CreateUser(t.Context(), p)
			if err != nil {
				t.Fatalf("CreateUser(%+v): %v\n\trule: every field of a Profile may be empty", p, err)
			}
			check(t, id)
		})
	}
	t.Run("at once", func(t *testing.T) {
		const n = 10
		ids := make([]string, n)
		errs := atOnce(n, func(i int) (err error) {
			ids[i], err = c.CreateUser(t.Context(), auth.Profile{Email: fmt.Sprintf("user%d@example.com", i), Username: fmt.Sprintf("user%d", i)})
			return err
		})
		for i, err := range errs {
			must(t, "CreateUser", err)
			check(t, ids[i])
		}
	})
	t.Run("ended context", func(t *testing.T) {
		for name, ctx := range ended(t) {
			_, err := c.CreateUser(ctx, auth.Profile{Username: "late"})
			checkOutage(t, "CreateUser with a context that is "+name, err, "a context that has ended is an outage")
		}
	})
}
