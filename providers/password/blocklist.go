package password

import (
	_ "embed"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// commonPasswords is sorted by byte, one entry a line. Its origin and licence
// are in the folder blocklist.
//
//go:embed blocklist/passwords.txt
var commonPasswords string

// isCommon reports whether folded is a line of the list. The text is searched
// as it lies in the program, so that it costs no memory and no start-up.
func isCommon(folded string) bool {
	if strings.ContainsRune(folded, '\n') {
		return false
	}
	lo, hi := 0, len(commonPasswords) // both at the beginning of a line
	for lo < hi {
		mid := (lo + hi) / 2
		begin := strings.LastIndexByte(commonPasswords[:mid], '\n') + 1
		end := mid + strings.IndexByte(commonPasswords[mid:], '\n')
		switch line := commonPasswords[begin:end]; {
		case line == folded:
			return true
		case line < folded:
			lo = end + 1
		default:
			hi = begin
		}
	}
	return false
}

// fold makes one of spellings that differ in case or Unicode form only.
func fold(s string) string { return strings.ToLower(norm.NFC.String(s)) }

// shortUnit is what repeating adds nothing to: fewer characters than the
// least that any policy accepts.
const shortUnit = leastMinLength

// isExpected reports whether folded is a password that is tried early: a common
// one, one of more, either of them repeated, a few characters repeated, or a
// run such as abcdefgh or 87654321.
func isExpected(folded string, more map[string]bool) bool {
	listed := func(s string) bool { return isCommon(s) || more[s] }
	if listed(folded) {
		return true
	}
	runes := []rune(folded)
	if isRun(runes) {
		return true
	}
	unit := runes[:period(runes)]
	return len(unit) < len(runes) && (len(unit) < shortUnit || listed(string(unit)))
}

// isRun reports whether each rune follows the one before, or each precedes it.
// After 9 comes 0.
func isRun(s []rune) bool {
	if len(s) < 2 {
		return false
	}
	up, down := true, true
	for i := 1; i < len(s); i++ {
		up = up && follows(s[i-1], s[i])
		down = down && follows(s[i], s[i-1])
	}
	return up || down
}

func follows(a, b rune) bool { return b == a+1 || a == '9' && b == '0' }

// period returns the length of the shortest unit that s is repetitions of,
// len(s) if it is none. It is linear (the failure function of Knuth, Morris and
// Pratt).
func period(s []rune) int {
	fail := make([]int, len(s)+1)
	k := 0
	for i := 1; i < len(s); i++ {
		for k > 0 && s[i] != s[k] {
			k = fail[k]
		}
		if s[i] == s[k] {
			k++
		}
		fail[i+1] = k
	}
	if len(s) == 0 {
		return 0
	}
	if p := len(s) - fail[len(s)]; len(s)%p == 0 {
		return p
	}
	return len(s)
}

// madeOfWords reports whether folded consists of nothing but words, forwards or
// backwards, once digits, spaces and punctuation are left out: the site's name
// repeated, the user's name with a year after it. A long passphrase in which
// such a word occurs is not one.
func madeOfWords(folded string, words []string) bool {
	var units [][]rune
	for _, w := range words {
		w = fold(w)
		if len(w) >= 4 && isRepeated(folded, w) {
			return true // also for words of digits
		}
		if u := letters(w); len(u) >= 3 {
			units = append(units, u, reversed(u))
		}
	}
	s := letters(folded)
	if len(s) == 0 || len(units) == 0 {
		return false
	}
	reached := make([]bool, len(s)+1)
	reached[0] = true
	for i := range s {
		if !reached[i] {
			continue
		}
		for _, u := range units {
			if n := i + len(u); n <= len(s) && string(s[i:n]) == string(u) {
				reached[n] = true
			}
		}
	}
	return reached[len(s)]
}

func isRepeated(s, unit string) bool {
	return len(s)%len(unit) == 0 && strings.Repeat(unit, len(s)/len(unit)) == s
}

func letters(s string) []rune {
	var l []rune
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsMark(r) {
			l = append(l, r)
		}
	}
	return l
}

func reversed(s []rune) []rune {
	r := make([]rune, len(s))
	for i, c := range s {
		r[len(s)-1-i] = c
	}
	return r
}
