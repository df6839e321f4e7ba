package authtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

func credentialCreateVersion(t *testing.T, s auth.CredentialStore) {
	for i, version := range []int64{0, 1, 2, 99, -1} {
		c := newCredential("k", fmt.Sprint(i), "u")
		c.Version = version
		keepCredential(t, s, c)
		if got, err := s.LoadCredential(t.Context(), "k", c.Key); err != nil || got.Version != 1 {
			t.Errorf("Version of a credential created with %d is %d, error %v, want 1\n\trule: a created credential gets Version 1", version, got.Version, err)
		}
	}
}

func credentialCreateExists(t *testing.T, s auth.CredentialStore) {
	const rule = "ErrExists if a credential to create is there, whoever has it, and it stays as it is"
	c := keepCredential(t, s, newCredential("k", "1", "u"))
	d := newCredential("k", "1", "other")
	d.Label, d.Data = "other", nil
	checkErr(t, "create again", s.ChangeCredentials(t.Context(), create(c)), auth.ErrExists, rule)
	checkErr(t, "create for another user", s.ChangeCredentials(t.Context(), create(d)), auth.ErrExists, rule)
	checkLoadCredential(t, s, c)
	checkUserCredentials(t, s, "other", rule)
}

func credentialCreateAtOnce(t *testing.T, s auth.CredentialStore) {
	const rule = "of any number of callers exactly one creates a credential, the others get ErrExists"
	for round := range 3 {
		errs := atOnce(callers, func(i int) error {
			return s.ChangeCredentials(t.Context(), create(newCredential("k", fmt.Sprint(round), fmt.Sprint("u", i))))
		})
		checkOne(t, "create", errs, auth.ErrExists, rule)
		for i, err := range errs {
			if err == nil {
				checkLoadCredential(t, s, newCredential("k", fmt.Sprint(round), fmt.Sprint("u", i)))
			}
		}
	}
}

func credentialReplace(t *testing.T, s auth.CredentialStore) {
	c := keepCredential(t, s, newCredential("k", "1", "u"))
	other := keepCredential(t, s, newCredential("k", "2", "u"))
	d := &auth.Credential{
		Kind: "k", Key: "1", UserID: "u", Data: []byte("new"), Label: "new", Version: 1, Generation: 3,
		CreatedAt: t0().Add(1 * time.Hour), VerifiedAt: t0().Add(2 * time.Hour), UsedAt: t0().Add(3 * time.Hour), ExpiresAt: t1().Add(time.Hour),
	}
	must(t, "replace", s.ChangeCredentials(t.Context(), replace(c, d)))
	d.Version = 2
	checkLoadCredential(t, s, d)
	least := &auth.Credential{Kind: "k", Key: "1", UserID: "u"}
	must(t, "replace", s.ChangeCredentials(t.Context(), replace(d, least)))
	least.Version = 3
	checkLoadCredential(t, s, least)
	checkLoadCredential(t, s, other)
	checkUserCredentials(t, s, "u", "a replacement neither adds nor removes", "k/1", "k/2")
}

func credentialReplaceVersion(t *testing.T, s auth.CredentialStore) {
	const rule = "a replaced credential gets one more than Old.Version, whatever New.Version is"
	c := keepCredential(t, s, newCredential("k", "1", "u"))
	for i, version := range []int64{1, 0, 99, -1, 5} {
		d := copyCredential(c) // the same values again: still a change
		d.Version = version
		must(t, "replace", s.ChangeCredentials(t.Context(), replace(c, d)))
		got, err := s.LoadCredential(t.Context(), "k", "1")
		must(t, "LoadCredential", err)
		if want := int64(i + 2); got.Version != want {
			t.Fatalf("Version after replacing %d is %d, want %d\n\trule: %s", want-1, got.Version, want, rule)
		}
		c.Version++
	}
}

func credentialOldIsAName(t *testing.T, s auth.CredentialStore) {
	const rule = "of Old only Kind, Key and Version are looked at"
	c := keepCredential(t, s, newCredential("k", "1", "u"))
	old := &auth.Credential{Kind: "k", Key: "1", Version: 1}
	if err := s.ChangeCredentials(t.Context(), replace(old, c)); err != nil {
		t.Errorf("replace with an Old of Kind, Key and Version: %v\n\trule: %s", err, rule)
	}
	old = &auth.Credential{
		Kind: "k", Key: "1", Version: 2, UserID: "other", Data: make([]byte, 1<<17), Label: "\xff\x00" + strings.Repeat("x", 300),
		Generation: -5, CreatedAt: t1(), VerifiedAt: t1(), UsedAt: t1(), ExpiresAt: t1(),
	}
	if err := s.ChangeCredentials(t.Context(), replace(old, c)); err != nil {
		t.Errorf("replace with an Old whose other fields are wrong: %v\n\trule: %s", err, rule)
	}
	old.Version = 3
	if err := s.ChangeCredentials(t.Context(), remove(old)); err != nil {
		t.Errorf("delete with an Old whose other fields are wrong: %v\n\trule: %s", err, rule)
	}
	checkNoCredential(t, s, "k", "1", "a deleted credential is gone")
}

func credentialReplaceNotFound(t *testing.T, s auth.CredentialStore) {
	const rule = "ErrNotFound if a credential to replace is not there; it is not created"
	keepCredential(t, s, newCredential("k", "1", "u"))
	for _, version := range []int64{0, 1, 2} {
		c := newCredential("k", "2", "u")
		c.Version = version
		checkErr(t, "replace a missing credential", s.ChangeCredentials(t.Context(), replace(c, c)), auth.ErrNotFound, rule)
		checkNoCredential(t, s, "k", "2", rule)
	}
	c := keepCredential(t, s, newCredential("k", "3", "u"))
	must(t, "delete", s.ChangeCredentials(t.Context(), remove(c)))
	checkErr(t, "replace a deleted credential", s.ChangeCredentials(t.Context(), replace(c, c)), auth.ErrNotFound, rule)
	checkNoCredential(t, s, "k", "3", rule)
}

func credentialReplaceConflict(t *testing.T, s auth.CredentialStore) {
	const rule = "ErrConflict if the Version is another than Old.Version; nothing is changed"
	c := keepCredential(t, s, newCredential("k", "1", "u"))
	must(t, "replace", s.ChangeCredentials(t.Context(), replace(c, c)))
	c.Version = 2
	for _, version := range []int64{1, 0, -1, 3, 1 << 40} {
		old, d := copyCredential(c), copyCredential(c)
		old.Version, d.Version, d.Label = version, 2, "other"
		checkErr(t, fmt.Sprintf("replace Version %d of a credential with Version 2", version),
			s.ChangeCredentials(t.Context(), replace(old, d)), auth.ErrConflict, rule)
		checkLoadCredential(t, s, c)
	}
}

func credentialReplaceOwner(t *testing.T, s auth.CredentialStore) {
	const rule = "New of a replacement has the same UserID as what is there: a credential never changes hands"
	c := keepCredential(t, s, newCredential("k", "1", "u"))
	for _, said := range []string{"u", "other", ""} { // what Old says is not looked at
		old, d := copyCredential(c), copyCredential(c)
		old.UserID, d.UserID = said, "other"
		checkErr(t, "replace with New of another user", s.ChangeCredentials(t.Context(), replace(old, d)), auth.ErrInvalid, rule)
		checkLoadCredential(t, s, c)
	}
	checkUserCredentials(t, s, "other", rule)
	checkUserCredentials(t, s, "u", rule, "k/1")
}

func credentialReplaceAtOnce(t *testing.T, s auth.CredentialStore) {
	const rule = "of any number of replacements of one Version exactly one succeeds, the others get ErrConflict"
	for round := range 3 {
		c := keepCredential(t, s, newCredential("k", fmt.Sprint(round), "u"))
		errs := atOnce(callers, func(i int) error {
			return s.ChangeCredentials(t.Context(), relabel(c, fmt.Sprint("label ", i)))
		})
		checkOne(t, "replace", errs, auth.ErrConflict, rule)
		for i, err := range errs {
			if err == nil {
				want := copyCredential(c)
				want.Label, want.Version = fmt.Sprint("label ", i), 2
				checkLoadCredential(t, s, want)
			}
		}
	}
}

func credentialDelete(t *testing.T, s auth.CredentialStore) {
	const rule = "ErrNotFound if a credential to delete is not there"
	c := keepCredential(t, s, newCredential("k", "1", "u"))
	other := keepCredential(t, s, newCredential("k", "2", "u"))
	for _, pair := range [][2]string{{"k", "3"}, {"l", "1"}, {"K", "1"}, {"k", "1 "}} {
		checkErr(t, "delete a missing credential", s.ChangeCredentials(t.Context(), remove(newCredential(pair[0], pair[1], "u"))), auth.ErrNotFound, rule)
	}
	for _, text := range badKeys() {
		const rule = "looking for odd strings is no more than not finding them"
		checkErr(t, "delete the key "+text.name, s.ChangeCredentials(t.Context(), remove(newCredential("k", text.s, "u"))), auth.ErrNotFound, rule)
		checkErr(t, "delete the kind "+text.name, s.ChangeCredentials(t.Context(), remove(newCredential(text.s, "1", "u"))), auth.ErrNotFound, rule)
	}
	must(t, "delete", s.ChangeCredentials(t.Context(), remove(c)))
	checkNoCredential(t, s, "k", "1", "a deleted credential is gone")
	checkUserCredentials(t, s, "u", "a deleted credential is gone", "k/2")
	checkErr(t, "delete again", s.ChangeCredentials(t.Context(), remove(c)), auth.ErrNotFound, rule)
	checkLoadCredential(t, s, other)

	again := newCredential("k", "1", "other") // the name is free again, for anybody
	keepCredential(t, s, again)
	checkLoadCredential(t, s, again)
}

func credentialDeleteConflict(t *testing.T, s auth.CredentialStore) {
	const rule = "ErrConflict if the Version is another than Old.Version; nothing is deleted"
	c := keepCredential(t, s, newCredential("k", "1", "u"))
	must(t, "replace", s.ChangeCredentials(t.Context(), replace(c, c)))
	c.Version = 2
	for _, version := range []int64{1, 0, -1, 3, 1 << 40} {
		old := copyCredential(c)
		old.Version = version
		checkErr(t, fmt.Sprintf("delete Version %d of a credential with Version 2", version),
			s.ChangeCredentials(t.Context(), remove(old)), auth.ErrConflict, rule)
		checkLoadCredential(t, s, c)
	}
}

func credentialDeleteAtOnce(t *testing.T, s auth.CredentialStore) {
	const rule = "of any number of callers exactly one deletes a credential, the others get ErrNotFound"
	for round := range 3 {
		c := keepCredential(t, s, newCredential("k", fmt.Sprint(round), "u"))
		errs := atOnce(callers, func(int) error { return s.ChangeCredentials(t.Context(), remove(c)) })
		checkOne(t, "delete", errs, auth.ErrNotFound, rule)
		checkNoCredential(t, s, c.Kind, c.Key, rule)
	}
}

// A failure is a change that cannot be made.
type failure struct {
	name   string
	change auth.Change
	want   error
}

func credentialAllOrNone(t *testing.T, s auth.CredentialStore) {
	there := keepCredential(t, s, newCredential("k", "there", "u"))
	must(t, "replace", s.ChangeCredentials(t.Context(), replace(there, there)))
	there.Version = 2
	old := copyCredential(there)
	old.Version = 1
	missing := newCredential("k", "missing", "u")
	failures := []failure{
		{"create what is there", create(there), auth.ErrExists},
		{"replace what is missing", replace(missing, missing), auth.ErrNotFound},
		{"delete what is missing", remove(missing), auth.ErrNotFound},
		{"replace what has changed", replace(old, there), auth.ErrConflict},
		{"delete what has changed", remove(old), auth.ErrConflict},
		{"create what is invalid", create(newCredential("k", "a\x00b", "u")), auth.ErrInvalid},
		{"change nothing", auth.Change{}, auth.ErrInvalid},
	}
	allOrNone(t, s, failures, func(changes []auth.Change) error { return s.ChangeCredentials(t.Context(), changes...) })
	checkLoadCredential(t, s, there)
}

// allOrNone tries each failure in each place among changes that could be made,
// and requires that none is.
func allOrNone(t *testing.T, s auth.CredentialStore, failures []failure, try func(changes []auth.Change) error) {
	const rule = "ChangeCredentials makes all changes or none"
	replaced := keepCredential(t, s, newCredential("m", "replaced", "u"))
	deleted := keepCredential(t, s, newCredential("m", "deleted", "u"))
	created := newCredential("m", "created", "u")
	good := []auth.Change{create(created), relabel(replaced, "other"), remove(deleted)}
	for _, f := range failures {
		for at := range len(good) + 1 {
			t.Run(fmt.Sprintf("%s, place %d", f.name, at), func(t *testing.T) {
				changes := slices.Insert(slices.Clone(good), at, f.change)
				checkErr(t, "ChangeCredentials", try(changes), f.want, rule)
				checkNoCredential(t, s, created.Kind, created.Key, rule)
				checkLoadCredential(t, s, replaced)
				checkLoadCredential(t, s, deleted)
			})
		}
	}
	t.Run("all", func(t *testing.T) {
		must(t, "ChangeCredentials", try(good))
		checkLoadCredential(t, s, created)
		checkNoCredential(t, s, deleted.Kind, deleted.Key, rule)
		want := copyCredential(replaced)
		want.Label, want.Version = "other", 2
		checkLoadCredential(t, s, want)
	})
}

func credentialMalformed(t *testing.T, s auth.CredentialStore) {
	const rule = "ErrInvalid if a change is malformed or two changes name the same credential; nothing is changed"
	a := keepCredential(t, s, newCredential("k", "a", "u"))
	b := keepCredential(t, s, newCredential("k", "b", "u"))
	c := newCredential("k", "c", "u")
	otherKind := newCredential("K", "a", "u")
	otherKey := newCredential("k", "A", "u")
	later := copyCredential(a)
	later.Version = 2
	for _, test := range []struct {
		name    string
		changes []auth.Change
	}{
		{"neither Old nor New", []auth.Change{{}}},
		{"New of another key", []auth.Change{replace(a, c)}},
		{"New of another key that is there", []auth.Change{replace(a, b)}},
		{"New of another kind", []auth.Change{replace(a, otherKind)}},
		{"New of a key in another case", []auth.Change{replace(a, otherKey)}},
		{"created twice", []auth.Change{create(c), create(c)}},
		{"replaced twice", []auth.Change{relabel(a, "1"), relabel(a, "2")}},
		{"replaced twice in a row", []auth.Change{relabel(a, "1"), relabel(later, "2")}},
		{"deleted twice", []auth.Change{remove(a), remove(a)}},
		{"deleted and created", []auth.Change{remove(a), create(a)}},
		{"created and deleted", []auth.Change{create(c), remove(c)}},
		{"created and replaced", []auth.Change{create(c), replace(c, c)}},
		{"replaced and deleted", []auth.Change{relabel(a, "1"), remove(later)}},
		{"the same far apart", []auth.Change{relabel(a, "1"), relabel(b, "1"), create(c), remove(later)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkErr(t, "ChangeCredentials", s.ChangeCredentials(t.Context(), test.changes...), auth.ErrInvalid, rule)
			checkLoadCredential(t, s, a)
			checkLoadCredential(t, s, b)
			checkUserCredentials(t, s, "u", rule, "k/a", "k/b")
		})
	}
}

func credentialNoChanges(t *testing.T, s auth.CredentialStore) {
	if err := s.ChangeCredentials(t.Context()); err != nil {
		t.Errorf("ChangeCredentials of nothing: %v\n\trule: all of no changes can be made", err)
	}
}

func credentialOppositeOrder(t *testing.T, s auth.CredentialStore) {
	const rule = "every verb is atomic, whatever the order of its changes: one caller succeeds, the others get ErrConflict, and nobody an outage from a deadlock"
	for round := range 3 {
		a := keepCredential(t, s, newCredential("a", fmt.Sprint(round), "u"))
		b := keepCredential(t, s, newCredential("b", fmt.Sprint(round), "u"))
		errs := atOnce(callers, func(i int) error {
			changes := []auth.Change{relabel(a, fmt.Sprint(i)), relabel(b, fmt.Sprint(i))}
			if i%2 == 1 {
				slices.Reverse(changes)
			}
			return s.ChangeCredentials(t.Context(), changes...)
		})
		checkOne(t, "ChangeCredentials", errs, auth.ErrConflict, rule)
		for i, err := range errs {
			if err == nil {
				for _, c := range []*auth.Credential{a, b} {
					want := copyCredential(c)
					want.Label, want.Version = fmt.Sprint(i), 2
					checkLoadCredential(t, s, want)
				}
			}
		}
	}
}

func credentialLastTwoWaysIn(t *testing.T, s auth.CredentialStore) {
	const rule = "of two changes that both replace the user's guard exactly one succeeds, so that a user is never left without a way in"
	for round := range 15 {
		user := fmt.Sprint("u", round)
		guard := keepCredential(t, s, newCredential("account", user, user))
		ways := []*auth.Credential{
			keepCredential(t, s, newCredential("password", user, user)),
			keepCredential(t, s, newCredential("oauth:github", user, user)),
		}
		errs := atOnce(2, func(i int) error {
			changes := []auth.Change{remove(ways[i]), replace(guard, guard)}
			if round%2 == 1 {
				slices.Reverse(changes)
			}
			return s.ChangeCredentials(t.Context(), changes...)
		})
		checkOne(t, "ChangeCredentials", errs, auth.ErrConflict, rule)
		list, err := s.UserCredentials(t.Context(), user, "password", "oauth:github")
		must(t, "UserCredentials", err)
		if len(list) != 1 {
			t.Errorf("%d ways in are left, want 1\n\trule: %s", len(list), rule)
		}
	}
}

func credentialAtomic(t *testing.T, s auth.CredentialStore) {
	const rule = "every verb is atomic: UserCredentials sees all changes of a call or none"
	a := keepCredential(t, s, newCredential("a", "1", "u"))
	z := keepCredential(t, s, newCredential("z", "1", "u"))
	written := make(chan struct{})
	errs := atOnce(4, func(i int) error {
		if i == 0 {
			defer close(written)
			for n := range int64(15) {
				a, z := copyCredential(a), copyCredential(z)
				a.Version, z.Version = n+1, n+1
				if err := s.ChangeCredentials(t.Context(), relabel(a, fmt.Sprint(n)), relabel(z, fmt.Sprint(n))); err != nil {
					return err
				}
			}
			return nil
		}
		for {
			done := false
			select {
			case <-written:
				done = true
			default:
			}
			list, err := s.UserCredentials(t.Context(), "u", "a", "z")
			if err != nil {
				return err
			}
			if len(list) != 2 || list[0].Label != list[1].Label || list[0].Version != list[1].Version {
				return fmt.Errorf("UserCredentials during ChangeCredentials: %d credentials, of different states\n\trule: %s", len(list), rule)
			}
			if done {
				return nil
			}
		}
	})
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

func credentialEnded(t *testing.T, s auth.CredentialStore) {
	there := keepCredential(t, s, newCredential("k", "there", "u"))
	missing := newCredential("k", "missing", "nobody")
	for name, ctx := range ended(t) {
		for call, f := range map[string]func(ctx context.Context, c *auth.Credential) error{
			"LoadCredential": func(ctx context.Context, c *auth.Credential) error {
				_, err := s.LoadCredential(ctx, c.Kind, c.Key)
				return err
			},
			"UserCredentials": func(ctx context.Context, c *auth.Credential) error {
				_, err := s.UserCredentials(ctx, c.UserID)
				return err
			},
			"UserCredentials of a kind": func(ctx context.Context, c *auth.Credential) error {
				_, err := s.UserCredentials(ctx, c.UserID, c.Kind)
				return err
			},
			"create":  func(ctx context.Context, c *auth.Credential) error { return s.ChangeCredentials(ctx, create(c)) },
			"replace": func(ctx context.Context, c *auth.Credential) error { return s.ChangeCredentials(ctx, relabel(c, "x")) },
			"delete":  func(ctx context.Context, c *auth.Credential) error { return s.ChangeCredentials(ctx, remove(c)) },
		} {
			t.Run(call+" "+name, func(t *testing.T) {
				checkOutage(t, call+" of a credential that is there", f(ctx, there), endedRule)
				checkOutage(t, call+" of a credential that is not there", f(ctx, missing), endedRule)
				checkLoadCredential(t, s, there)
				checkNoCredential(t, s, missing.Kind, missing.Key, endedRule)
			})
		}
	}
}

// credentialConcurrent is for the race detector: every verb beside every other.
func credentialConcurrent(t *testing.T, s auth.CredentialStore) {
	const rule = "methods are safe for concurrent use, and none fails because of another"
	ctx := t.Context()
	errs := atOnce(16, func(i int) error {
		for j := range 6 {
			c := newCredential("k", fmt.Sprint(i, "-", j), fmt.Sprint("u", (i+j)%3))
			if err := s.ChangeCredentials(ctx, create(c)); err != nil {
				return fmt.Errorf("create: %w", err)
			}
			got, err := s.LoadCredential(ctx, c.Kind, c.Key)
			if err != nil {
				return fmt.Errorf("LoadCredential: %w", err)
			}
			if got.UserID != c.UserID || string(got.Data) != string(c.Data) {
				return errors.New("LoadCredential returned something else")
			}
			if err := s.ChangeCredentials(ctx, relabel(&got, "new")); err != nil {
				return fmt.Errorf("replace: %w", err)
			}
			list, err := s.UserCredentials(ctx, c.UserID, "k")
			if err != nil {
				return fmt.Errorf("UserCredentials: %w", err)
			}
			mine := false
			for _, d := range list {
				if d.UserID != c.UserID {
					return errors.New("UserCredentials returned somebody else's")
				}
				mine = mine || d.Key == c.Key
			}
			if !mine {
				return errors.New("UserCredentials did not return what was created before")
			}
			if j%2 == 0 {
				got.Version++
				if err := s.ChangeCredentials(ctx, remove(&got)); err != nil {
					return fmt.Errorf("delete: %w", err)
				}
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			t.Errorf("%v\n\trule: %s", err, rule)
		}
	}
}
