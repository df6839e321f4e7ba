package uuid_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/internal/uuid"
)

var form = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestForm(t *testing.T) {
	tests := []struct {
		name  string
		now   time.Time
		start string
	}{
		{"the example of RFC 9562", time.UnixMilli(0x017F22E279B0), "017f22e2-79b0-7"},
		{"1970", time.UnixMilli(0), "00000000-0000-7"},
		{"before 1970", time.UnixMilli(-1), "00000000-0000-7"},
		{"the zero time", time.Time{}, "00000000-0000-7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 64 { // the fixed bits must be fixed whatever the random ones are
				id := uuid.New(tt.now)
				if !form.MatchString(id) {
					t.Fatalf("New = %q, not a UUID of version 7", id)
				}
				if id[:len(tt.start)] != tt.start {
					t.Fatalf("New = %q, want it to begin with %q", id, tt.start)
				}
			}
		})
	}
}

func TestUnique(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	seen := map[string]bool{}
	for range 10_000 {
		id := uuid.New(now)
		if seen[id] {
			t.Fatalf("%s came twice", id)
		}
		seen[id] = true
	}
}

func TestSortsByTime(t *testing.T) {
	a := uuid.New(time.UnixMilli(1_700_000_000_000))
	b := uuid.New(time.UnixMilli(1_700_000_000_001))
	if a >= b {
		t.Errorf("%s does not sort before %s", a, b)
	}
}
