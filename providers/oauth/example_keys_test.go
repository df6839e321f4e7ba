package oauth_test

import (
	"fmt"
	"os"

	"github.com/gatehouse-go/gatehouse/providers/oauth"
)

// A key comes from the host's configuration. Printing it shows which one it is, and
// no more.
func ExampleParseKey() {
	os.Setenv("OAUTH_KEY", "2026-01:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
	key, err := oauth.ParseKey(os.Getenv("OAUTH_KEY"))
	if err != nil {
		fmt.Println(err)
		return
	}
	opts := &oauth.Options{Keys: []oauth.Key{key}}
	fmt.Println(opts.Keys)
	// Output: [oauth.Key(2026-01)]
}
