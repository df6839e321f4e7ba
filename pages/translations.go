package pages

import (
	"maps"
	"sync"

	"github.com/gatehouse-go/gatehouse/internal/language"
)

// Translations returns the languages that are built in beside English, for
// Options.Translations, by their tags:
//
//	Translations: pages.Translations()
//
// There is German so far; there will be more. The maps are the caller's.
func Translations() map[string]map[string]string {
	return map[string]map[string]string{"de": German()}
}

// PseudoRTL returns texts for trying how a site looks in a language that is written
// from right to left: the words of [Texts], backwards. Its tag is "ar-XB", which CLDR
// has for that; browsers that ask for Arabic get it as well, so it is not for people.
//
//	Translations: map[string]map[string]string{"ar-XB": pages.PseudoRTL()}
//
// Since every word of it is marked, a page in it also shows which words have no text.
func PseudoRTL() map[string]string { return maps.Clone(pseudo()) }

var pseudo = sync.OnceValue(func() map[string]string { return language.AllBackwards(Texts()) })
