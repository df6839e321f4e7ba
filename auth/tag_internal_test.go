package auth

import (
	"context"
	"testing"
)

// Every purpose of a Manager has a tag of its own, and so has every realm and epoch.
func TestPurposesSeparate(t *testing.T) {
	seen := map[tag]string{}
	for _, o := range []Options{{}, {Realm: "r"}, {Epoch: "e"}} {
		m, err := New(UserFunc(func(context.Context, string) (User, error) { return nil, ErrNotFound }), struct{ Store }{}, &o)
		if err != nil {
			t.Fatal(err)
		}
		for name, tag := range map[string]tag{"session": m.sessionTag, "login": m.loginTag, "device": m.deviceTag, "remember": m.rememberTag} {
			if other, ok := seen[tag]; ok {
				t.Errorf("%s of %+v has the tag of %s", name, o.Realm+o.Epoch, other)
			}
			seen[tag] = name + " " + o.Realm + o.Epoch
		}
	}
}
