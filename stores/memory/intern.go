package memory

import "strings"

// Strings that many sessions have in common ("password", "Firefox on Linux")
// are kept once in each shard. A host that makes its labels of what clients
// send cannot make the table grow: it is begun anew when it is full, which
// costs memory, not correctness.
const (
	internStrings = 256
	internBytes   = 64 // longer strings are not worth it
)

type interned map[string]string

func (t *interned) intern(s string) string {
	if s == "" || len(s) > internBytes {
		return s
	}
	if kept, ok := (*t)[s]; ok {
		return kept
	}
	if *t == nil || len(*t) >= internStrings {
		*t = make(interned)
	}
	s = strings.Clone(s) // s may be a part of something large
	(*t)[s] = s
	return s
}
