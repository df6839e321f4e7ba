package authtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

func credentialUser(t *testing.T, s auth.CredentialStore) {
	const rule = "UserCredentials returns the credentials of that user and of no other"
	for i, user := range lookalikes() {
		keepCredential(t, s, newCredential("k", fmt.Sprint(i), user))
		keepCredential(t, s, newCredential("l", fmt.Sprint(i), user))
	}
	for i, user := range lookalikes() {
		checkUserCredentials(t, s, user, rule, fmt.Sprint("k/", i), fmt.Sprint("l/", i))
	}
	list, err := s.UserCredentials(t.Context(), "u", "k")
	if got := credentialNames(list); err != nil || !slices.Equal(got, []string{"k/0"}) {
		t.Errorf(`UserCredentials("u", "k") is %q, error %v, want k/0`+"\n\trule: %s", got, err, rule)
	}
}

func credentialUserKinds(t *testing.T, s auth.CredentialStore) {
	const rule = "UserCredentials returns the credentials of the given kinds, or of all kinds if none is given, each once"
	for _, kind := range []string{"email", "Email", "email ", "email%", "password", "_", "%", "totp"} {
		keepCredential(t, s, newCredential(kind, "1", "u"))
		keepCredential(t, s, newCredential(kind, "2", "u"))
		keepCredential(t, s, newCredential(kind, "3", "other"))
	}
	for _, test := range []struct{ kinds, want []string }{
		{nil, []string{"%/1", "%/2", "Email/1", "Email/2", "_/1", "_/2", "email/1", "email/2", "email /1", "email /2", "email%/1", "email%/2", "password/1", "password/2", "totp/1", "totp/2"}},
		{[]string{}, []string{"%/1", "%/2", "Email/1", "Email/2", "_/1", "_/2", "email/1", "email/2", "email /1", "email /2", "email%/1", "email%/2", "password/1", "password/2", "totp/1", "totp/2"}},
		{[]string{"email"}, []string{"email/1", "email/2"}},
		{[]string{"Email"}, []string{"Email/1", "Email/2"}},
		{[]string{"%"}, []string{"%/1", "%/2"}},
		{[]string{"_"}, []string{"_/1", "_/2"}},
		{[]string{"totp", "email"}, []string{"email/1", "email/2", "totp/1", "totp/2"}},
		{[]string{"email", "email", "email"}, []string{"email/1", "email/2"}},
		{[]string{"none"}, nil},
		{[]string{""}, nil},
		{[]string{"", "totp", "a\x00b", "\xff", strings.Repeat("x", 256)}, []string{"totp/1", "totp/2"}},
	} {
		list, err := s.UserCredentials(t.Context(), "u", test.kinds...)
		if got := credentialNames(list); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("UserCredentials of kinds %.20q is\n\t%q, error %v, want\n\t%q\n\trule: %s", test.kinds, got, err, test.want, rule)
		}
	}
}

func credentialUserOrder(t *testing.T, s auth.CredentialStore) {
	var want []string
	var all []*auth.Credential
	kinds := []string{"a", "a-b", "ab", "a b", "A", "B", "b", "\u00e9", "e", "z", "Z", "\uffff", "\U0001f512", "_", "10", "9", "a:", "a."}
	for i, kind := range kinds {
		for j := range 3 {
			c := newCredential(kind, kinds[(i*5+j*7)%len(kinds)], "u")
			c.CreatedAt = t0().Add(-time.Duration(i) * time.Minute)
			all = append(all, c)
		}
	}
	for i := range all { // created in another order
		keepCredential(t, s, all[(i*31)%len(all)])
	}
	slices.SortFunc(all, func(a, b *auth.Credential) int {
		if c := strings.Compare(a.Kind, b.Kind); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
	})
	for _, c := range all {
		want = append(want, c.Kind+"/"+c.Key)
	}
	for range 2 {
		for _, filter := range [][]string{nil, kinds} {
			list, err := s.UserCredentials(t.Context(), "u", filter...)
			must(t, "UserCredentials", err)
			if got := credentialNames(list); !slices.Equal(got, want) {
				t.Errorf("UserCredentials is in the order\n\t%+q, want\n\t%+q\n\trule: in byte order of Kind, then Key", got, want)
			}
		}
	}
}

func credentialUserNone(t *testing.T, s auth.CredentialStore) {
	keepCredential(t, s, newCredential("k", "1", "u"))
	for _, sep := range []string{"\x00", "\xff"} { // what a store may join them with, since no user ID has it
		for _, user := range []string{"u" + sep, "u" + sep + "k", "u" + sep + "k" + sep, "u" + sep + "k" + sep + "1"} {
			checkUserCredentials(t, s, user, "a user has no credentials of another, whatever the names are joined with")
		}
	}
	for _, user := range append(badKeys(), texts()...) {
		list, err := s.UserCredentials(t.Context(), user.s)
		if err != nil || len(list) != 0 {
			t.Errorf("UserCredentials of %s: %d, error %v, want none and no error\n\trule: having none is not an error, and looking for odd strings is no more than not finding them", user.name, len(list), err)
		}
		list, err = s.UserCredentials(t.Context(), user.s, "k", "l")
		if err != nil || len(list) != 0 {
			t.Errorf("UserCredentials of %s and kinds: %d, error %v, want none and no error\n\trule: having none is not an error, and looking for odd strings is no more than not finding them", user.name, len(list), err)
		}
	}
}
