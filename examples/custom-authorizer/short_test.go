package plans_test

import (
	"bytes"
	"os"
	"testing"
)

// TestShort keeps what the guide says of the example.
func TestShort(t *testing.T) {
	lines := 0
	for _, file := range []string{"plans.go", "plans_test.go"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines += bytes.Count(b, []byte("\n"))
	}
	if lines >= 60 {
		t.Errorf("the authorizer and its test have %d lines, want fewer than 60", lines)
	}
}
