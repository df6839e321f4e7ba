package device_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/device"
)

func TestName(t *testing.T) {
	for userAgent, want := range map[string]string{
		"": "",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                        "Firefox on Linux",
		"Mozilla/5.0 (X11; Linux x86_64; rv:999.0) Gecko/20100101 Firefox/999.0":                                                        "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0": "Edge on Windows",
		"Mozilla/5.0 (Linux)":        "Linux",
		"curl/8.16.0":                "curl",
		"Thing/1.0":                  "",
		"Mozilla/5.0 NotFirefox/1.0": "",
		strings.Repeat("x", 1000) + " Firefox/140.0": "",
	} {
		if got := device.Name(userAgent); got != want {
			t.Errorf("%.80q is %q; want %q", userAgent, got, want)
		}
	}
}

// The tables belong to a version, since sessions are bound to what they say.
func TestVersion(t *testing.T) {
	const version, digest = "1", "c5a7d9d0d89a726c"
	src, err := os.ReadFile("marks.go")
	if err != nil {
		t.Fatal(err)
	}
	_, tables, _ := strings.Cut(string(src), "\nvar ")
	sum := sha256.Sum256([]byte(tables))
	if got := hex.EncodeToString(sum[:8]); got != digest || device.Version != version {
		t.Errorf("the tables of version %s have changed: raise Version, and make this test know it and the digest %s", device.Version, got)
	}
}
