package oauth

import (
	"context"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A link that was removed and made anew while its tokens were refreshed has as many
// versions as the old one had: it keeps its own tokens, and is not taken for that.
func TestHostileRefreshOfARemovedLink(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		k := newKeeping(t, store, &granter{}, "")
		k.link("ada", "1", k.g.grant())
		k.clock.Advance(time.Hour)
		want := ""
		k.g.before = func(context.Context, *oauth2.Token) error {
			if want != "" {
				return nil
			}
			old := k.kept("ada", "1").cred
			if err := k.m.Store().ChangeCredentials(context.Background(), auth.Change{Old: &old}); err != nil {
				t.Error(err)
			}
			token := k.g.grant()
			want = token.AccessToken
			for v := k.link("ada", "1", token).Version; v < old.Version; v++ {
				k.change("1", func(c *auth.Credential, _ *record) { c.Generation = 2 })
			}
			return nil
		}
		got, err := k.get(t.Context(), "ada")
		l := k.kept("ada", "1")
		if got != want || err != nil || l.Access != want || l.cred.Generation != 2 {
			t.Errorf("%q, %v; kept are %q in generation %d; want %q", got, err, l.Access, l.cred.Generation, want)
		}
	})
}
