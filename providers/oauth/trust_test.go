package oauth

import (
	"encoding/json"
	"testing"
)

// Only a boolean true is true, and a string where it is known to be sent (OA-32).
func TestOA32FlagsOfAddressesHaveTheirType(t *testing.T) {
	for _, c := range []struct {
		json           string
		flag, orString EmailStatus
	}{
		{`true`, EmailVerified, EmailVerified},
		{`false`, EmailUnverified, EmailUnverified},
		{`"true"`, EmailUnknown, EmailVerified},
		{`"false"`, EmailUnknown, EmailUnverified},
		{`"True"`, EmailUnknown, EmailUnknown}, {`" true"`, EmailUnknown, EmailUnknown}, {`"1"`, EmailUnknown, EmailUnknown}, {`"yes"`, EmailUnknown, EmailUnknown},
		{`1`, EmailUnknown, EmailUnknown}, {`0`, EmailUnknown, EmailUnknown}, {`null`, EmailUnknown, EmailUnknown}, {`[]`, EmailUnknown, EmailUnknown},
		{`[true]`, EmailUnknown, EmailUnknown}, {`{}`, EmailUnknown, EmailUnknown}, {`{"true":true}`, EmailUnknown, EmailUnknown}, {`""`, EmailUnknown, EmailUnknown},
	} {
		var claims map[string]any
		if err := json.Unmarshal([]byte(`{"a":{"v":`+c.json+`},"v":`+c.json+`}`), &claims); err != nil {
			t.Fatal(err)
		}
		for _, path := range [][]string{{"v"}, {"a", "v"}} {
			if got := emailFlag(path...)(Account{Claims: claims}); got != c.flag {
				t.Errorf("%s at %v: %q, want %q", c.json, path, got, c.flag)
			}
			if got := emailFlagOrString(path...)(Account{Claims: claims}); got != c.orString {
				t.Errorf("%s at %v, or a string: %q, want %q", c.json, path, got, c.orString)
			}
		}
	}
	for _, claims := range []map[string]any{nil, {}, {"a": "b"}, {"a": nil}} {
		if got := emailFlag("a", "v")(Account{Claims: claims}); got != EmailUnknown {
			t.Errorf("%v: %q", claims, got)
		}
	}
}
