package language_test

import (
	"fmt"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/language"
)

func Example() {
	there := language.Set{"de", "en", "pt-br"}
	fmt.Println(there.Match([]string{"fr, de-AT;q=0.8, en;q=0.5"}))
	// Output: de true
}

func TestMatch(t *testing.T) {
	there := language.Set{"ar-xb", "de", "en", "pt-br"}
	for header, want := range map[string]string{
		"": "", "*": "", "fr": "", "de": "de", "DE-ch": "de", "pt": "pt-br", "ar": "ar-xb",
		"en;q=0.1, de;q=0.2": "de", "de;q=0, en": "en", "de;q=nonsense, en;q=0.1": "de", "fr, *, de": "",
	} {
		got, ok := there.Match([]string{header})
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", header, got, ok, want)
		}
	}
	if !language.RightToLeft("ar-XB") || !language.RightToLeft("he") || language.RightToLeft("de") {
		t.Error("RightToLeft")
	}
}
