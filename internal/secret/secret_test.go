package secret_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/secret"
)

func Example() {
	token := secret.New() // into the link
	kept := secret.Digest("", "account.reset", token)
	fmt.Println(secret.Valid(token), kept == token, kept == secret.Digest("", "account.verify", token))
	// Output: true false false
}

func TestValid(t *testing.T) {
	good := secret.New()
	for _, bad := range []string{"", good[1:], good + "A", " " + good[1:], strings.Repeat("A", 42) + "B", good[:42] + "=", good[:42] + "\n", strings.Repeat("x", 1<<16)} {
		if secret.Valid(bad) {
			t.Errorf("%.50q is valid", bad)
		}
	}
	if !secret.Valid(good) || secret.New() == good {
		t.Errorf("%q is not valid, or made twice", good)
	}
}

// What is digested has borders: nothing can be moved from one part to the next.
func TestDigest(t *testing.T) {
	seen := map[string]string{}
	for _, parts := range [][]string{{"a", "b", "c"}, {"ab", "", "c"}, {"a", "bc", ""}, {"", "ab", "c"}, {"a", "b", "c", ""}, {"a", "b", "", "c"}, {"a", "b", "c", "", ""}} {
		d := secret.Digest(parts[0], parts[1], parts[2], parts[3:]...)
		if other, ok := seen[d]; ok {
			t.Errorf("%q and %s have one digest", parts, other)
		}
		seen[d] = fmt.Sprintf("%q", parts)
	}
}
