package account

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// No user's shadow is that of another, whatever IDs a host gives, or lets people choose.
func TestShadow(t *testing.T) {
	long := strings.Repeat("a", 200)
	sum := sha256.Sum256([]byte(long))
	seen := map[string]string{}
	for _, id := range []string{"a", long, long + "b", strings.Repeat("a", 128), strings.Repeat("a", 129), "sha256:" + hex.EncodeToString(sum[:]), shadow("a")} {
		s := shadow(id)
		if other, ok := seen[s]; ok || len(s) > 200 {
			t.Errorf("%q and %q: %q", id, other, s)
		}
		seen[s] = id
	}
}
