package bunstore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// alike are strings that a database may take for one another, or for something else.
var alike = []string{
	"ada", "Ada", "ADA", "ada ", "ada  ", "ada\t", " ada", "áda", "a\u0301da", "ædа", "aeda", "ä", "a", "ß", "ss", "ſ", "s",
	"%", "_", "?", "$1", `\`, `\\`, `'`, `''`, `"`, "a'--", `\'`, `\x61`, "X'61'", "😀", "😁", "\u200b", "0", "00", "1", "1.0", "null", "NULL", "[]",
}

// TestRolesByteForByte grants each of the strings that are alike to each.
func TestRolesByteForByte(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		ctx := t.Context()
		roles := s.Roles()
		long := strings.Repeat("é", 127)
		names := append([]string{long + "a", long + "b"}, alike...)
		must(t, s.InTx(ctx, func(ctx context.Context) error {
			for i, name := range names {
				other := names[(i+1)%len(names)]
				for _, g := range []bunstore.Grant{{name, name, name, name}, {name, name, other, name}, {name, other, name, ""}} {
					must(t, roles.Grant(ctx, g))
				}
				must(t, roles.SetRole(ctx, bunstore.Role{Name: name, Permissions: []string{"posts:edit"}, Inherits: []string{other, name}}))
			}
			return nil
		}))
		defined, _, err := roles.Roles(ctx)
		must(t, err)
		if len(defined) != len(names) {
			t.Errorf("%d roles, want %d", len(defined), len(names))
		}
		for _, r := range defined {
			i := slices.Index(names, r.Name)
			if i < 0 || !slices.Equal(r.Inherits, []string{names[(i+1)%len(names)], r.Name}) {
				t.Errorf("role %q inherits %q", r.Name, r.Inherits)
			}
		}
		if !slices.IsSortedFunc(defined, func(a, b bunstore.Role) int { return strings.Compare(a.Name, b.Name) }) {
			t.Error("roles are not in order")
		}
		for i, name := range names {
			other := names[(i+1)%len(names)]
			want := []bunstore.Grant{{name, name, name, name}, {name, name, other, name}, {name, other, name, ""}}
			slices.SortFunc(want, func(a, b bunstore.Grant) int {
				return strings.Compare(a.Role+"\x00"+a.Tenant, b.Role+"\x00"+b.Tenant)
			})
			got, _, err := roles.Grants(ctx, name)
			if !reflect.DeepEqual(got, want) || err != nil {
				t.Errorf("grants of %q: %q, %v, want %q", name, got, err, want)
			}
			holders := everybodyWith(t, roles, name, 2)
			if len(holders) != 3 {
				t.Errorf("holders of %q: %q", name, holders)
			}
			for _, g := range holders {
				if g.Role != name {
					t.Errorf("holders of %q: %q", name, g)
				}
			}
			must(t, roles.Revoke(ctx, bunstore.Grant{UserID: name, Role: name, Tenant: name, Object: name}))
			if got, _, err := roles.Grants(ctx, name); len(got) != 2 || err != nil {
				t.Errorf("left of %q: %q, %v", name, got, err)
			}
		}
		for _, name := range names {
			must(t, roles.DeleteRole(ctx, name))
		}
		if got, _, err := roles.Roles(ctx); len(got) != 0 || err != nil {
			t.Errorf("roles left: %q, %v", got, err)
		}
	})
}

// everybodyWith reads all pages, each of n.
func everybodyWith(t *testing.T, roles *bunstore.Roles, role string, n int) (all []bunstore.Grant) {
	t.Helper()
	for after := ""; ; {
		page, next, err := roles.Holders(t.Context(), role, after, n)
		must(t, err)
		if next != "" && len(page) != n {
			t.Errorf("page of %d, and more follow", len(page))
		}
		if all = append(all, page...); next == "" {
			return all
		}
		after = next
	}
}

func TestHolders(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		ctx := t.Context()
		roles := s.Roles()
		var want []bunstore.Grant
		for i := range 7 {
			for _, tenant := range []string{"", "a", "b"} {
				for _, object := range []string{"", "post/1"} {
					want = append(want, bunstore.Grant{UserID: fmt.Sprint("u", i), Role: "editor", Tenant: tenant, Object: object})
				}
			}
		}
		must(t, s.InTx(ctx, func(ctx context.Context) error {
			for _, g := range slices.Backward(want) {
				must(t, roles.Grant(ctx, g))
				for _, other := range []string{"editors", "Editor", "edito"} {
					g.Role = other
					must(t, roles.Grant(ctx, g))
				}
			}
			return nil
		}))
		for _, n := range []int{1, 2, 5, 6, 41, 42, 43, math.MaxInt} {
			if got := everybodyWith(t, roles, "editor", n); !reflect.DeepEqual(got, want) {
				t.Errorf("pages of %d: %v", n, got)
			}
		}
		// What was the last one may be gone.
		_, next, err := roles.Holders(ctx, "editor", "", 10)
		must(t, err, roles.Revoke(ctx, want[9]))
		if page, _, err := roles.Holders(ctx, "editor", next, 100); !reflect.DeepEqual(page, want[10:]) || err != nil {
			t.Errorf("after one that is gone: %v, %v", page, err)
		}
		for _, limit := range []int{0, -1, math.MinInt} {
			if page, next, err := roles.Holders(ctx, "editor", "", limit); page != nil || next != "" || err != nil {
				t.Errorf("limit %d: %v, %q, %v", limit, page, next, err)
			}
		}
		for _, role := range []string{"", "nobody's", "editor\x00", "\xff", strings.Repeat("x", 256)} {
			if page, next, err := roles.Holders(ctx, role, "", 10); page != nil || next != "" || err != nil {
				t.Errorf("role %q: %v, %q, %v", role, page, next, err)
			}
		}
		for _, after := range []string{"x", "u3", "dTE", next + "A", next + "=", " " + next, strings.Repeat("A", 2000)} {
			if _, _, err := roles.Holders(ctx, "editor", after, 10); !errors.Is(err, auth.ErrInvalid) {
				t.Errorf("after %q: %v, want ErrInvalid", after, err)
			}
		}
	})
}

func TestRolesInvalid(t *testing.T) {
	s := newStore(t, newFile(t), nil)
	ctx := t.Context()
	roles := s.Roles()
	long := strings.Repeat("x", 256)
	for _, bad := range []string{"a\x00", "\xff", long} {
		for _, g := range []bunstore.Grant{{bad, "r", "", ""}, {"u", bad, "", ""}, {"u", "r", bad, ""}, {"u", "r", "", bad}, {"", "r", "", ""}, {"u", "", "", ""}} {
			if err := roles.Grant(ctx, g); !errors.Is(err, auth.ErrInvalid) {
				t.Errorf("Grant(%.20q): %v, want ErrInvalid", g, err)
			}
			if err := roles.Revoke(ctx, g); !errors.Is(err, auth.ErrNotFound) {
				t.Errorf("Revoke(%.20q): %v, want ErrNotFound", g, err)
			}
		}
		must(t, roles.RevokeAll(ctx, bad))
		for _, r := range []bunstore.Role{{Name: bad}, {}, {Name: "r", Permissions: []string{"a", bad}}, {Name: "r", Inherits: []string{"a", bad}}, {Name: "r", Inherits: []string{""}}} {
			if err := roles.SetRole(ctx, r); !errors.Is(err, auth.ErrInvalid) {
				t.Errorf("SetRole(%.40q): %v, want ErrInvalid", r, err)
			}
		}
		if err := roles.DeleteRole(ctx, bad); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("DeleteRole(%.20q): %v, want ErrNotFound", bad, err)
		}
	}
	for _, p := range []string{"", "posts:", ":x", "a**", "po*ts", "a::b"} {
		if err := roles.SetRole(ctx, bunstore.Role{Name: "r", Permissions: []string{p}}); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("permission %q: %v, want ErrInvalid", p, err)
		}
	}
	many := slices.Repeat([]string{strings.Repeat("x", 250)}, 40_000)
	if err := roles.SetRole(ctx, bunstore.Role{Name: "r", Permissions: many}); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("10 MB of permissions: %v, want ErrInvalid", err)
	}
	if list, version, err := roles.Roles(ctx); list != nil || version != 0 || err != nil {
		t.Errorf("left: %v, version %d, %v", list, version, err)
	}
}

// TestLargeRole keeps as many permissions as a large site may have.
func TestLargeRole(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		r := bunstore.Role{Name: "r"}
		for i := range 100_000 {
			r.Permissions = append(r.Permissions, fmt.Sprintf("something:%d:edit", i))
		}
		must(t, s.Roles().SetRole(t.Context(), r))
		got, _, err := s.Roles().Roles(t.Context())
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], r) {
			t.Errorf("%d roles, %v", len(got), err)
		}
	})
}

// TestRolesInTx takes back what was done in a transaction that fails, and shows it to
// others only when it is committed.
func TestRolesInTx(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		outside := t.Context()
		roles := s.Roles()
		g, kept := bunstore.Grant{UserID: "u", Role: "admin"}, bunstore.Grant{UserID: "u", Role: "viewer"}
		must(t, roles.Grant(outside, kept), roles.SetRole(outside, bunstore.Role{Name: "viewer"}))
		_, before, err := roles.Grants(outside, "u")
		must(t, err)
		state := func(ctx context.Context) (grants, defined int, version int64) {
			t.Helper()
			list, version, err := roles.Grants(ctx, "u")
			must(t, err)
			all, again, err := roles.Roles(ctx)
			must(t, err)
			if again != version {
				t.Errorf("versions %d and %d", version, again)
			}
			return len(list), len(all), version
		}
		var inside int64
		work := func(ctx context.Context) {
			must(t, roles.Grant(ctx, g), roles.Grant(ctx, g), roles.SetRole(ctx, bunstore.Role{Name: "admin"}))
			var n, m int
			if n, m, inside = state(ctx); n != 2 || m != 2 || inside <= before {
				t.Errorf("inside: %d grants, %d roles, version %d", n, m, inside)
			}
			if n, m, v := state(outside); n != 1 || m != 1 || v != before {
				t.Errorf("others see %d grants, %d roles, version %d", n, m, v)
			}
			must(t, roles.Revoke(ctx, kept))
			if err := roles.DeleteRole(ctx, "not defined"); !errors.Is(err, auth.ErrNotFound) {
				t.Errorf("DeleteRole: %v", err)
			}
			if _, _, v := state(ctx); v != inside {
				t.Errorf("version %d after a change of nothing, want %d", v, inside)
			}
			must(t, roles.DeleteRole(ctx, "viewer"))
		}
		err = s.InTx(outside, func(ctx context.Context) error { work(ctx); return errHost })
		if n, m, v := state(outside); err != errHost || n != 1 || m != 1 || v != before {
			t.Errorf("rolled back (%v): %d grants, %d roles, version %d, want 1, 1, %d", err, n, m, v, before)
		}
		// Whoever has kept what was made of the version inside is not taken in.
		rolledBack := inside
		must(t, s.DB(outside).RunInTx(outside, nil, func(ctx context.Context, tx bun.Tx) error { work(s.WithTx(ctx, tx)); return nil }))
		if n, m, v := state(outside); n != 1 || m != 1 || v <= inside || rolledBack == inside {
			t.Errorf("committed: %d grants, %d roles, version %d; %d inside, and %d in what was rolled back", n, m, v, inside, rolledBack)
		}
	})
}

// TestRoleVersionNeverComesAgain has a clock that stands still, or is put back, and
// a backup that is restored.
func TestRoleVersionNeverComesAgain(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, prefix string) {
		ctx := t.Context()
		now := day
		db, ok := s.DB(ctx).(*bun.DB)
		if !ok {
			t.Fatal("no database")
		}
		s, err := bunstore.New(db, &bunstore.Options{Prefix: prefix, Now: func() time.Time { return now }})
		must(t, err)
		defer s.Close()
		seen := map[int64]bool{}
		last := int64(0)
		change := func(restored bool) {
			t.Helper()
			must(t, s.Roles().SetRole(ctx, bunstore.Role{Name: "r"}))
			_, v, err := s.Roles().Roles(ctx)
			must(t, err)
			if seen[v] || v <= last && !restored {
				t.Errorf("version %d after %d", v, last)
			}
			seen[v], last = true, v
		}
		for range 20 {
			change(false)
		}
		backup := last
		now = now.Add(-time.Hour)
		change(false)
		change(false)
		for range 3 { // what is rolled back does not come again either
			err := s.InTx(ctx, func(ctx context.Context) error {
				must(t, s.Roles().SetRole(ctx, bunstore.Role{Name: "r", Permissions: []string{"*"}}))
				_, v, err := s.Roles().Roles(ctx)
				must(t, err)
				if seen[v] || v <= last {
					t.Errorf("version %d after %d, in a transaction", v, last)
				}
				seen[v] = true
				return errHost
			})
			if err != errHost {
				t.Error(err)
			}
		}
		change(false)
		now = now.Add(2 * time.Hour)
		change(false)
		raw(t, s, "UPDATE {p}role_version SET version = ?", backup)
		now = now.Add(time.Minute)
		change(true)
		raw(t, s, "DELETE FROM {p}role_version")
		if list, v, err := s.Roles().Roles(ctx); len(list) != 1 || v != 0 || err != nil {
			t.Errorf("table emptied: %v, %d, %v", list, v, err)
		}
		now = now.Add(time.Minute)
		change(true)
	})
}

func TestDeleteUserTakesRoles(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		ctx := t.Context()
		id, err := s.Users().CreateUser(ctx, auth.Profile{})
		must(t, err)
		for _, user := range []string{id, "other"} {
			must(t, s.Roles().Grant(ctx, bunstore.Grant{UserID: user, Role: "admin"}), s.Roles().Grant(ctx, bunstore.Grant{UserID: user, Role: "editor", Tenant: "acme"}))
		}
		for _, undo := range []bool{true, false} {
			err := s.InTx(ctx, func(ctx context.Context) error {
				must(t, s.Users().DeleteUser(ctx, id))
				if undo {
					return errHost
				}
				return nil
			})
			if undo != errors.Is(err, errHost) {
				t.Fatal(err)
			}
			want := 0
			if undo {
				want = 2
			}
			for user, want := range map[string]int{id: want, "other": 2} {
				if list, _, err := s.Roles().Grants(ctx, user); len(list) != want || err != nil {
					t.Errorf("taken back %t: grants of %s: %v, %v, want %d", undo, user, list, err, want)
				}
			}
		}
	})
}

// TestRolesAtOnce has many change the same roles and grants at once. None is told of
// an outage, every change of a definition counts, and a grant is granted or not.
func TestRolesAtOnce(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		ctx := t.Context()
		roles := s.Roles()
		const callers, rounds = 12, 10
		versions := make(chan int64, callers*rounds)
		var revoked [callers]int
		var granted [callers]int
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				for j := range rounds {
					name := fmt.Sprint("r", (i+j)%3)
					err := s.InTx(ctx, func(ctx context.Context) error { // alone, to see its version
						if err := roles.SetRole(ctx, bunstore.Role{Name: name, Permissions: []string{fmt.Sprint(i, ":", j)}}); err != nil {
							return err
						}
						_, v, err := roles.Roles(ctx)
						versions <- v
						return err
					})
					if err == nil {
						err = roles.SetRole(ctx, bunstore.Role{Name: fmt.Sprint("s", j%3)})
					}
					if err == nil {
						if err = roles.DeleteRole(ctx, fmt.Sprint("s", (i+j)%3)); errors.Is(err, auth.ErrNotFound) {
							err = nil
						}
					}
					if err != nil {
						t.Errorf("definitions: %v", err)
					}
					g := bunstore.Grant{UserID: fmt.Sprint("u", j%2), Role: name}
					if err := roles.Grant(ctx, g); err != nil {
						t.Errorf("Grant: %v", err)
					}
					granted[i]++
					switch err := roles.Revoke(ctx, g); {
					case err == nil:
						revoked[i]++
					case !errors.Is(err, auth.ErrNotFound):
						t.Errorf("Revoke: %v", err)
					}
					if _, _, err := roles.Grants(ctx, g.UserID); err != nil {
						t.Errorf("Grants: %v", err)
					}
					if _, _, err := roles.Holders(ctx, name, "", 5); err != nil {
						t.Errorf("Holders: %v", err)
					}
				}
			})
		}
		wg.Wait()
		close(versions)
		seen := map[int64]bool{}
		for v := range versions {
			if seen[v] {
				t.Errorf("two changes had version %d", v)
			}
			seen[v] = true
		}
		_, last, err := roles.Roles(ctx)
		must(t, err)
		for v := range seen {
			if v > last {
				t.Errorf("version %d at the end, after %d", last, v)
			}
		}
		// Everybody revoked after they had granted.
		for j := range 2 {
			if list, _, err := roles.Grants(ctx, fmt.Sprint("u", j)); len(list) != 0 || err != nil {
				t.Errorf("left: %v, %v", list, err)
			}
		}

		// Of fifty that revoke one grant, one does.
		g := bunstore.Grant{UserID: "one", Role: "admin"}
		must(t, roles.Grant(ctx, g))
		ok := make(chan bool, 50)
		for range 50 {
			wg.Go(func() {
				switch err := roles.Revoke(ctx, g); {
				case err == nil:
					ok <- true
				case !errors.Is(err, auth.ErrNotFound):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(ok) != 1 {
			t.Errorf("%d of 50 revoked it", len(ok))
		}
	})
}

// TestDamagedRoles wants what cannot be read to be an outage, and never a role with
// less or more.
func TestDamagedRoles(t *testing.T) {
	ctx := t.Context()
	for _, column := range []string{"permissions = 'posts:*'", "permissions = '{}'", "inherits = ''", "inherits = '[1]'", `inherits = '["a"'`} {
		s := newStore(t, newFile(t), nil)
		must(t, s.Roles().SetRole(ctx, bunstore.Role{Name: "r", Permissions: []string{"a"}}), s.Roles().SetRole(ctx, bunstore.Role{Name: "whole"}))
		raw(t, s, "UPDATE {p}roles SET "+column+" WHERE name = 'r'")
		list, _, err := s.Roles().Roles(ctx)
		isOutage(t, column, err)
		if list != nil {
			t.Errorf("%s: got %v", column, list)
		}
		// It can be defined again.
		must(t, s.Roles().SetRole(ctx, bunstore.Role{Name: "r"}), third(s.Roles().Roles(ctx)))
	}
}
